/**
 * A WebAssembly module as the body of a request. A body of type application/octet-stream arrives as a stream, so one that
 * is too large is refused by the length it declares, before any of it is read, or else where it passes the limit.
 */
import { Readable } from 'node:stream';
import { BLOCK_BYTES_MAX } from '../../protocol/limits.ts';
import { ShoalError } from '../errors.ts';

interface WithBody {
  readonly body: unknown;
  readonly headers: { readonly 'content-length'?: string | undefined };
}

/** Rejects with a ShoalError: `usage`, or `too-large`. */
export async function moduleIn({ body, headers }: WithBody): Promise<Uint8Array> {
  if (!(body instanceof Readable)) {
    throw new ShoalError('usage', 'expected a WebAssembly module as application/octet-stream');
  }
  checkLength(Number(headers['content-length'] ?? 0));
  const parts: Uint8Array[] = [];
  let length = 0;
  // Not destroyed: the connection would go with it, and with that the answer.
  for await (const part of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    length += part.length;
    checkLength(length);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function checkLength(length: number): void {
  if (length <= BLOCK_BYTES_MAX) return;
  throw new ShoalError('too-large', `a kernel may have up to ${BLOCK_BYTES_MAX / 1024 / 1024} MiB, this has more`);
}
