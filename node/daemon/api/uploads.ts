/**
 * Kernels and files on their way into a job, streamed to disk. An upload is used by the submission that names it and
 * deleted then; what nobody uses is deleted after ten minutes and at the next start.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';
import { ShoalError } from '../errors.ts';

/** One file. A job's input lives in memory once while it is split. */
const UPLOAD_BYTES_MAX = 512 * 1024 * 1024;
/** Uploads waiting to be used. Beyond it new ones are refused. */
const UPLOADS_MAX = 16;
const UNUSED_MAX_MS = 10 * 60_000;

export interface Uploads {
  /** Of one file. */
  readonly bytesMax: number;
  /** Rejects with a ShoalError `too-large`. */
  receive(content: Readable): Promise<{ readonly upload: string; readonly byteLength: number }>;
  /** The content; the upload is gone afterwards. Rejects with a ShoalError `not-found`. */
  take(upload: string): Promise<Uint8Array>;
}

export function createUploads(folder: string, bytesMax = UPLOAD_BYTES_MAX): Uploads {
  const waiting = new Map<string, NodeJS.Timeout>();
  const pathOf = (upload: string): string => join(folder, upload);
  const discard = async (upload: string): Promise<void> => {
    clearTimeout(waiting.get(upload));
    waiting.delete(upload);
    await rm(pathOf(upload), { force: true });
  };
  return {
    bytesMax,
    async receive(content) {
      if (waiting.size >= UPLOADS_MAX)
        throw new ShoalError('too-large', `${UPLOADS_MAX} uploads wait to be used already`);
      const upload = randomUUID();
      waiting.set(upload, setTimeout(() => void discard(upload), UNUSED_MAX_MS).unref());
      let byteLength = 0;
      const limit = new Transform({
        transform(chunk: Uint8Array, _encoding, next) {
          byteLength += chunk.length;
          if (byteLength <= bytesMax) return next(null, chunk);
          next(tooLarge(bytesMax));
        },
      });
      // Not destroyed: the connection would go with it, and with that the answer.
      const parts = content.iterator({ destroyOnReturn: false });
      try {
        await pipeline(parts, limit, createWriteStream(pathOf(upload), { mode: 0o600 }));
      } catch (error) {
        await discard(upload);
        throw error;
      }
      return { upload, byteLength };
    },
    async take(upload) {
      if (!waiting.has(upload)) throw new ShoalError('not-found', `no upload ${upload}`);
      try {
        return new Uint8Array(await readFile(pathOf(upload)));
      } finally {
        await discard(upload);
      }
    },
  };
}

function tooLarge(bytesMax: number): ShoalError {
  return new ShoalError('too-large', `a file may have up to ${bytesMax / 1024 / 1024} MiB`);
}

export function addUploadRoute(server: FastifyInstance, { uploads }: { readonly uploads: Uploads }): void {
  server.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  server.post('/v1/uploads', { config: { authority: 'act' }, bodyLimit: uploads.bytesMax }, async (request, reply) => {
    const content = request.body as Readable | undefined;
    if (content === undefined) throw new ShoalError('usage', 'expected a body of type application/octet-stream');
    // Before a byte of it is written; a length that is not declared is found where it passes the limit.
    if (Number(request.headers['content-length'] ?? 0) > uploads.bytesMax) throw tooLarge(uploads.bytesMax);
    return reply.code(201).send(await uploads.receive(content));
  });
}
