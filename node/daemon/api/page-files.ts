/**
 * A built page, read once: what is asked for is looked up among known names and never becomes a path. Everything
 * that shrinks is kept compressed as well, since a page may go to a telephone.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface PageFile {
  readonly content: Buffer;
  /** The same by gzip, where that is shorter. */
  readonly compressed: Buffer | undefined;
  readonly type: string;
  /** Its name contains a hash of its content. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** Headers of every file of a page, whatever serves it. */
export const PAGE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  vary: 'accept-encoding',
} as const;

/** By URL path, e.g. `/assets/index-1a2b3c.js`; `index.html` also as `/`. Empty where the folder does not exist. */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join('/')}`;
    const content = await readFile(file);
    const compressed = await compress(content);
    files.set(path, {
      content,
      compressed: compressed.length < content.length ? compressed : undefined,
      type,
      isImmutable: path.startsWith('/assets/'),
    });
  }
  const index = files.get('/index.html');
  if (index !== undefined) files.set('/', index);
  return files;
}

export function cacheControl({ isImmutable }: PageFile): string {
  return isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache';
}

/** What to send to somebody who accepts these encodings. */
export function encoded(file: PageFile, accepted: string | undefined): { body: Buffer; encoding: 'gzip' | undefined } {
  const takesGzip = (accepted ?? '')
    .split(',')
    .some((part) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$)|$)/i.test(part));
  return takesGzip && file.compressed !== undefined
    ? { body: file.compressed, encoding: 'gzip' }
    : { body: file.content, encoding: undefined };
}

const compress = promisify<Buffer, Buffer>(gzip);
