/**
 * The page for volunteers: static files and `/network.json`, for whoever asks.
 *
 * It is a server of its own, on a port of its own, and shares no route, no token and no origin with the control API.
 * That one obeys whoever holds the owner's token and must never be reached from another machine; this one is meant
 * to be reached by strangers. Apart, no mistake in a route's authority can show the owner's side here, a script of
 * this page cannot read what the browser keeps for the dashboard (tokens are kept by origin), and this one can be
 * bound to the world while that one stays on 127.0.0.1.
 *
 * It only answers GET and HEAD, out of a map that was filled at start. Host must be a name this page is known by, or
 * another site's name that resolves here could make a visitor's browser read it as that site's own (DNS rebinding).
 * Pages of other origins may link to it and nothing else: what they ask for in the visitor's name is refused.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../../runtime/log.ts';
import { cacheControl, encoded, PAGE_HEADERS, type PageFile, readPageFiles } from '../api/page-files.ts';
import { ShoalError } from '../errors.ts';
import { isOwnHost, isOwnOrigin } from './hosts.ts';
import { type Offer, pageUrl } from './offer.ts';
import { policyFor } from './policy.ts';

export interface VolunteerServerOptions {
  readonly offer: Offer;
  /** Folder of the built page. */
  readonly pageFolder: string;
  /** Addresses a tab of this page can dial, now. */
  readonly addresses: () => readonly string[];
  /** Name of the test network; undefined for the open one. */
  readonly network: string | undefined;
  readonly logger: Logger;
}

export interface VolunteerServer {
  /** Where the page is, without an invitation. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Browsers open up to six each; a visitor's are closed when idle. */
const CONNECTIONS_MAX = 512;
const IDLE_MAX_MS = 10_000;
const REQUEST_MAX_MS = 30_000;

/** Rejects with a ShoalError: `address` when the port cannot be had, `installation` when the page is not built. */
export async function startVolunteerServer(options: VolunteerServerOptions): Promise<VolunteerServer> {
  const { offer, logger } = options;
  const files = await readPageFiles(options.pageFolder);
  if (!files.has('/')) {
    throw new ShoalError(
      'installation',
      'serveVolunteers: the page is not built. Run "npm run build" and start again.',
    );
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, files, options, port);
  };
  const timeouts = { headersTimeout: REQUEST_MAX_MS, requestTimeout: REQUEST_MAX_MS, keepAliveTimeout: IDLE_MAX_MS };
  const { tls } = offer;
  const server =
    tls === undefined
      ? createServer(timeouts, listener)
      : createSecureServer({ ...timeouts, cert: tls.certificate, key: tls.key }, listener);
  server.maxConnections = CONNECTIONS_MAX;
  const port = await listen(server, offer);
  server.on('error', (error) => logger.log('error', 'the volunteer page is in trouble', { error: error.message }));
  return {
    url: pageUrl(offer, port),
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: ReturnType<typeof createServer>, { place: { host, port } }: Offer): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw new ShoalError(
      'address',
      `serveVolunteers: cannot listen on ${host} port ${port} (${(error as Error).message}). ${adviceFor(error)}`,
      error,
    );
  }
  return (server.address() as AddressInfo).port;
}

function adviceFor(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (code === 'EADDRNOTAVAIL') return 'Name an address of this machine, or 0.0.0.0 for all of them.';
  if (code === 'EACCES')
    return 'Ports below 1024 need a privilege; choose another one with --serve-volunteers=host:port.';
  return 'Choose another port with --serve-volunteers=host:port, or 0 for any free one.';
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, PageFile>,
  { offer, addresses, network }: VolunteerServerOptions,
  port: number,
): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  response.setHeader('content-security-policy', policyFor(path, offer));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return refuse(response, 405, 'this page can only be read');
  }
  if (!isOwnHost(request.headers.host, offer, port)) {
    return refuse(response, 403, 'this page is not served under that host name');
  }
  if (isForeign(request, offer, port)) return refuse(response, 403, 'pages of other origins may link here, no more');
  if (path === '/network.json') {
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    response.end(JSON.stringify({ addresses: addresses(), network: network ?? null }));
    return;
  }
  const file = files.get(path);
  if (file === undefined) return refuse(response, 404, 'no such page');
  const { body, encoding } = encoded(file, request.headers['accept-encoding']);
  if (encoding !== undefined) response.setHeader('content-encoding', encoding);
  response.setHeader('content-type', file.type);
  response.setHeader('cache-control', cacheControl(file));
  response.setHeader('content-length', body.length);
  response.end(body);
}

/** Asked for by another site's page. Opening the page from a link there is the one thing it may do. */
function isForeign({ headers }: IncomingMessage, offer: Offer, port: number): boolean {
  if (headers.origin !== undefined && !isOwnOrigin(headers.origin, offer, port)) return true;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
}

function refuse(response: ServerResponse, status: 403 | 404 | 405, message: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(`${message}\n`);
}
