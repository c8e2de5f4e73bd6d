/**
 * The page at `/`: the dashboard of this daemon, as `npm run build` left it.
 *
 * The files hold nothing secret and need no token; every datum the page shows comes from `/v1`, with one. They are
 * read once at start, so what is asked for is looked up among known names and never becomes a path. The policy sent
 * along allows scripts, styles and connections of this origin alone: nothing inline, no frame around it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { ShoalError } from '../errors.ts';

/** Where a page may load from and connect to, in the words of Content-Security-Policy. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

interface PageFile {
  readonly content: Buffer;
  readonly type: string;
  /** Its name contains a hash of its content. */
  readonly isImmutable: boolean;
}

/** Serves the files under `folder`, `index.html` at `/`. Without a build `/` says how to make one. */
export async function addPageRoutes(server: FastifyInstance, folder: string): Promise<void> {
  const files = await readPage(folder);
  const config = { authority: 'public' } as const;
  const missing = new ShoalError('not-found', 'the page is not built: run "npm run build" and start this peer again');
  if (!files.has('/index.html')) {
    server.get('/', { config }, () => {
      throw missing;
    });
    return;
  }
  for (const [path, { content, type, isImmutable }] of files) {
    const headers = {
      'content-type': type,
      'content-security-policy': PAGE_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    const urls = path === '/index.html' ? ['/', path] : [path];
    for (const url of urls) {
      server.get(url, { config, exposeHeadRoute: true }, (_request, reply) => reply.headers(headers).send(content));
    }
  }
}

async function readPage(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join('/')}`;
    files.set(path, { content: await readFile(file), type, isImmutable: path.startsWith('/assets/') });
  }
  return files;
}
