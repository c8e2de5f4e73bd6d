/**
 * The page at `/`: the dashboard of this daemon, as `npm run build` left it.
 *
 * The files hold nothing secret and need no token; every datum the page shows comes from `/v1`, with one. The policy
 * sent along allows scripts, styles and connections of this origin alone: nothing inline, no WebAssembly, no frame
 * around it.
 */
import type { FastifyInstance } from 'fastify';
import { ShoalError } from '../errors.ts';
import { cacheControl, encoded, PAGE_HEADERS, readPageFiles } from './page-files.ts';

/** Where a page may load from and connect to, in the words of Content-Security-Policy. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the files under `folder`, `index.html` at `/`. Without a build `/` says how to make one. */
export async function addPageRoutes(server: FastifyInstance, folder: string): Promise<void> {
  const files = await readPageFiles(folder);
  const config = { authority: 'public' } as const;
  const missing = new ShoalError('not-found', 'the page is not built: run "npm run build" and start this peer again');
  if (!files.has('/')) {
    server.get('/', { config }, () => {
      throw missing;
    });
    return;
  }
  for (const [url, file] of files) {
    const headers = {
      ...PAGE_HEADERS,
      'content-type': file.type,
      'content-security-policy': PAGE_POLICY,
      'cache-control': cacheControl(file),
    };
    server.get(url, { config, exposeHeadRoute: true }, (request, reply) => {
      const { body, encoding } = encoded(file, request.headers['accept-encoding']);
      if (encoding !== undefined) reply.header('content-encoding', encoding);
      return reply.headers(headers).send(body);
    });
  }
}
