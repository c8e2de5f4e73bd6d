/**
 * What still comes in of a request that is answered already: a file that is too large, or one sent without leave. If the
 * connection ended with bytes unread, the system would reset it, and whoever sends first and reads afterwards would lose
 * the answer. So the rest is read and thrown away, within bounds; what is beyond them is cut off.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

export interface RestBounds {
  readonly bytesMax: number;
  readonly durationMaxMs: number;
}

/** As much as the largest file: longer than most that are too large, and seconds of work without any memory. */
const REST_BOUNDS: RestBounds = { bytesMax: 512 * 1024 * 1024, durationMaxMs: 30_000 };

export function discardRests(server: FastifyInstance, { bytesMax, durationMaxMs }: RestBounds = REST_BOUNDS): void {
  server.addHook('onSend', async ({ raw }, reply) => {
    // Without a body there is no rest; a message that has only a head may not count as complete yet.
    if (raw.complete || !hasBody(raw)) return;
    // It would end the connection as soon as the answer is out.
    reply.removeHeader('connection');
    const cut = (): void => {
      raw.destroy();
    };
    const timer = setTimeout(cut, durationMaxMs).unref();
    let length = 0;
    raw.on('data', (part: Uint8Array) => {
      length += part.length;
      if (length > bytesMax) cut();
    });
    raw.once('close', () => clearTimeout(timer));
    raw.on('error', () => clearTimeout(timer));
    // Later, because whoever read it before may only now be letting go of it.
    setImmediate(() => raw.resume());
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
