/**
 * `/v1/events`: the peer's view and every notification, as server-sent events.
 *
 *   event: view           the whole view: at once, every second in which something changed, every third in any case,
 *                         since peers come and go without a notification
 *   event: notification   as it happens
 *
 * A reader that is too slow is cut off instead of buffered without bound; it connects again and gets the view anew.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { toJson } from './json.ts';
import type { ApiParts } from './routes.ts';

const READERS_MAX = 16;
const UNREAD_BYTES_MAX = 1024 * 1024;
const VIEW_INTERVAL_MS = 1_000;
const QUIET_INTERVALS_MAX = 3;

/** Returns a function that ends every stream. */
export function addEventRoute(server: FastifyInstance, { driver }: Pick<ApiParts, 'driver'>): () => void {
  const readers = new Set<ServerResponse>();
  let changed = false;
  let quiet = 0;
  const send = (reader: ServerResponse, event: string, data: unknown): void => {
    if (reader.writableLength > UNREAD_BYTES_MAX) {
      reader.destroy();
      return;
    }
    reader.write(`event: ${event}\ndata: ${toJson(data)}\n\n`);
  };
  const unsubscribe = driver.subscribe((notification) => {
    changed = true;
    for (const reader of readers) send(reader, 'notification', notification);
  });
  const timer = setInterval(() => {
    quiet++;
    if (readers.size === 0 || (!changed && quiet < QUIET_INTERVALS_MAX)) return;
    changed = false;
    quiet = 0;
    const view = driver.view();
    for (const reader of readers) send(reader, 'view', view);
  }, VIEW_INTERVAL_MS).unref();

  server.get('/v1/events', { config: { authority: 'watch' } }, (_request, reply) => {
    if (readers.size >= READERS_MAX) {
      return reply
        .code(503)
        .send({ error: { code: 'failed', message: `${READERS_MAX} readers follow the events already` } });
    }
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    readers.add(raw);
    raw.on('close', () => readers.delete(raw));
    raw.on('error', () => raw.destroy());
    send(raw, 'view', driver.view());
  });

  return () => {
    clearInterval(timer);
    unsubscribe();
    for (const reader of readers) reader.end();
  };
}
