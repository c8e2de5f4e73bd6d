/**
 * The control API: HTTP on 127.0.0.1 for the CLI and the page.
 *
 * Three things stand before every route. Host must name this address, or a page on another site could reach it
 * through a name that resolves to 127.0.0.1. Origin, which only browsers send, must be this API's own. And the
 * bearer token, which only the owner's account can read, says what the caller may do: `watch` looks, `act` also
 * submits and cancels. Only the files of the page itself are `public`: they hold nothing of this peer.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { Logger } from '../../runtime/log.ts';
import { type ErrorCode, ShoalError, translate } from '../errors.ts';
import { addDashboardRoutes, type DashboardParts } from './dashboard.ts';
import { addEventRoute } from './events.ts';
import { addPageRoutes } from './page.ts';
import { discardRests, type RestBounds } from './rest-of-body.ts';
import { type ApiParts, addRoutes } from './routes.ts';
import { addUploadRoute } from './uploads.ts';

export type Authority = 'public' | 'watch' | 'act';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the token must allow. Every route names it; one that does not is refused. */
    authority?: Authority;
  }
  interface FastifyRequest {
    /** Whether the token that came along may act. */
    mayAct: boolean;
  }
}

export interface ApiOptions extends ApiParts, DashboardParts {
  /** Folder of the built page. */
  readonly pageFolder: string;
  readonly port: number;
  readonly actToken: string;
  readonly watchToken: string;
  readonly logger: Logger;
  /** How much is read behind an answer that came early. */
  readonly restBounds?: RestBounds | undefined;
}

export interface Api {
  readonly port: number;
  close(): Promise<void>;
}

/** JSON bodies: manifests and arguments. Kernels and files come through uploads. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Rejects with a ShoalError `address` when the port is taken. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const server = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  // Nothing here is plain text: what a form of another site could send is refused before it is read.
  server.removeContentTypeParser('text/plain');
  discardRests(server, options.restBounds);
  guard(server, options);
  server.setErrorHandler((error: FastifyError, _request, reply) => sendError(reply, error, options.logger));
  server.setNotFoundHandler((request, reply) =>
    sendError(reply, new ShoalError('not-found', `no such address: ${request.method} ${request.url}`), options.logger),
  );
  addRoutes(server, options);
  addDashboardRoutes(server, options);
  addUploadRoute(server, options);
  await addPageRoutes(server, options.pageFolder);
  const closeEvents = addEventRoute(server, options);
  try {
    await server.listen({ host: '127.0.0.1', port: options.port });
  } catch (error) {
    throw new ShoalError(
      'address',
      `apiPort: cannot listen on 127.0.0.1:${options.port} (${(error as Error).message}). Choose another port with --api-port, or 0 for any free one.`,
      error,
    );
  }
  const { port } = server.server.address() as { port: number };
  return {
    port,
    async close() {
      closeEvents();
      await server.close();
    },
  };
}

function guard(server: FastifyInstance, { actToken, watchToken }: ApiOptions): void {
  const [act, watch] = [digest(actToken), digest(watchToken)];
  server.decorateRequest('mayAct', false);
  server.addHook('onRequest', async (request, reply) => {
    const own = ownHosts(server);
    if (!own.includes(request.headers.host ?? '')) return refuse(reply, 403, 'this Host is not the control API');
    const { origin } = request.headers;
    if (origin !== undefined && !own.some((host) => origin === `http://${host}`)) {
      return refuse(reply, 403, 'pages of other origins may not use the control API');
    }
    const wanted = request.routeOptions.config.authority ?? 'act';
    if (wanted === 'public') return;
    const given = digest(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const mayAct = timingSafeEqual(given, act);
    const mayWatch = mayAct || timingSafeEqual(given, watch);
    if (!mayWatch) {
      reply.header('www-authenticate', 'Bearer');
      return refuse(reply, 401, 'a bearer token is needed: see the file "token" in the data folder');
    }
    request.mayAct = mayAct;
    if (wanted === 'act' && !mayAct) return refuse(reply, 403, 'this token may look, but not act');
  });
}

function ownHosts(server: FastifyInstance): readonly string[] {
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

function refuse(reply: FastifyReply, status: 401 | 403, message: string): FastifyReply {
  return reply.code(status).send({ error: { code: 'unauthorized', message } });
}

/** Equal length whatever was sent, so that the comparison tells nothing. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  usage: 400,
  'bad-arguments': 400,
  'bad-manifest': 400,
  'job-refused': 400,
  'kernel-refused': 422,
  'missing-file': 404,
  'not-found': 404,
  'not-yours': 403,
  'job-running': 409,
  'job-failed': 422,
  'job-cancelled': 410,
  'too-large': 413,
  storage: 507,
};

function sendError(reply: FastifyReply, error: FastifyError | Error, logger: Logger): FastifyReply {
  const { statusCode } = error as { statusCode?: number };
  // Fastify's own refusals (malformed JSON, body too large, wrong content type) are the caller's mistakes.
  const refused = statusCode !== undefined && statusCode < 500;
  const { code, message } = refused ? { code: 'usage', message: error.message } : translate(error);
  const status = refused ? statusCode : (STATUS[code as ErrorCode] ?? 500);
  if (status === 500) logger.log('error', 'a request to the control API failed', { message, stack: error.stack });
  return reply.code(status).send({ error: { code, message } });
}

/** Throws a ShoalError `usage` that names the place of the first thing wrong. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ShoalError('usage', `${what}: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'not usable'}`);
}
