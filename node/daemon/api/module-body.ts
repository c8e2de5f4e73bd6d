/** A WebAssembly module as the body of a request. A body of type application/octet-stream arrives as a stream. */
import { ShoalError } from '../errors.ts';

const KERNEL_BYTES_MAX = 2 * 1024 * 1024;

/** Rejects with a ShoalError: `usage`, or `too-large`. */
export async function moduleIn(body: unknown): Promise<Uint8Array> {
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) {
    throw new ShoalError('usage', 'expected a WebAssembly module as application/octet-stream');
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > KERNEL_BYTES_MAX) throw new ShoalError('too-large', 'a kernel may have up to 2 MiB');
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
