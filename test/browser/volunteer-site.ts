/**
 * The built volunteer tab on a server of its own, for tests: as a daemon serves it (headers with a policy, and a
 * `network.json`), or as a host that knows nothing but files. And a Chromium that believes in host names.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';
import { policyFor } from '../../node/daemon/volunteers/policy.ts';
import { builtOnce, modifiedAt, newestOf } from '../support/builds.ts';
import { CHECKOUT } from '../support/daemon.ts';
import type { Site } from './browser.ts';

const CONFIG = fileURLToPath(new URL('../../browser/vite.volunteer.config.ts', import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
/** Whatever may be in the tab. */
const SOURCES = ['node', 'browser', 'dist/kernels', 'package.json', 'package-lock.json'];

/** The tab exactly as `npm run build` makes it: by itself, where it is up to date, or anew. It is only to be read. */
export async function builtVolunteer(): Promise<string> {
  const shipped = join(CHECKOUT, 'dist', 'volunteer');
  if (newestOf(SOURCES) <= modifiedAt(join(shipped, 'index.html'))) return shipped;
  return builtOnce('volunteer', SOURCES, async (outDir) => {
    await build({ configFile: CONFIG, logLevel: 'error', build: { outDir } });
  });
}

export interface VolunteerSiteOptions {
  readonly folder: string;
  /** Content of `network.json`; without it there is none. */
  readonly network?: () => object | undefined;
  /** True: no headers but the type, as a static host has it; the page's own policy must do. */
  readonly isPlain?: boolean;
}

export async function serveVolunteer({ folder, network, isPlain = false }: VolunteerSiteOptions): Promise<Site> {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname);
    const named = path === '/network.json' ? network?.() : undefined;
    if (named !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(named));
      return;
    }
    const file = path === '/' ? '/index.html' : path;
    try {
      const body = await readFile(join(folder, file));
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        ...(isPlain
          ? {}
          : { 'content-security-policy': policyFor(file, { tls: undefined }), 'x-content-type-options': 'nosniff' }),
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Chromium for which `host` is this machine: a page from there is one from another machine, as browsers see it. */
export function launchWithHost(executablePath: string, host: string): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  return chromium.launch({
    executablePath,
    headless: true,
    args: [...args, `--host-resolver-rules=MAP ${host} 127.0.0.1`],
  });
}
