/** What a test in a real browser needs: the fixture built and served on loopback, and Chromium to open it in. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';
import { builtOnce } from '../support/builds.ts';
import { CHECKOUT } from '../support/daemon.ts';

/** The sources, also where this file runs compiled. */
const FIXTURE = join(CHECKOUT, 'test', 'browser', 'fixture');
/** Whatever may be in the bundle; the page of the product is not. */
const SOURCES = ['node', 'browser', 'test/browser/fixture', 'test/support', 'dist/kernels', 'package-lock.json'];
const KERNELS = join(CHECKOUT, 'dist', 'kernels');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};
/** As for the real page: nothing but itself, websockets, and WebAssembly only where workers say so themselves. */
const POLICY = "default-src 'self'; connect-src 'self' ws://127.0.0.1:*";
const WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'none'";

/** The fixture as it is now, in a folder that all tests share: it is only to be read. */
export function builtFixture(): Promise<string> {
  return builtOnce('fixture', SOURCES, buildFixture);
}

/** Bundles the fixture with its workers into `outDir`, and puts the built-in kernels beside it. */
export async function buildFixture(outDir: string): Promise<void> {
  await build({
    configFile: false,
    root: FIXTURE,
    base: './',
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, target: 'es2023', modulePreload: { polyfill: false } },
    worker: { format: 'es' },
  });
  const names = (await readdir(KERNELS, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name } of names) await cp(join(KERNELS, name), join(outDir, 'kernels', name), { recursive: true });
  await writeFile(join(outDir, 'kernels', 'index.json'), JSON.stringify(names.map(({ name }) => name)));
}

export interface Site {
  /** `http://127.0.0.1:port/`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a folder; `host` is the address to listen on. */
export async function serve(folder: string): Promise<Site> {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname);
    try {
      const body = await readFile(join(folder, path === '/' ? 'index.html' : path));
      const isWorker = /worker/.test(path);
      response.writeHead(200, {
        'content-type': TYPES[extname(path)] ?? (path === '/' ? TYPES['.html'] : 'application/octet-stream'),
        'content-security-policy': isWorker ? WORKER_POLICY : POLICY,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, port, close: () => closeServer(server) };
}

/** `more` are arguments of Chromium beside the usual ones. */
export function launch(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
