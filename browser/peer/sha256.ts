/** SHA-256 on the page's thread: large inputs by the browser's own, small ones at once, where asking it costs more. */
import { sha256 as hashNow } from '@noble/hashes/sha2.js';

const SMALL_BYTES = 8 * 1024;

export function sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (bytes.length <= SMALL_BYTES) return hashNow(bytes);
  return globalThis.crypto.subtle
    .digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
    .then((digest) => new Uint8Array(digest));
}
