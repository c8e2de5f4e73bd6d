/** SHA-256 of what a job is made of, in hex. Large inputs let other work of the process have its turn every 16 MiB. */

import { toHex } from '../../protocol/bytes.ts';
import type { Digest } from '../../protocol/ids.ts';
import { nativeSha256 } from '../workers/sha256.ts';

const TURN_BYTES = 16 * 1024 * 1024;

export function createDigest(): (bytes: Uint8Array) => Promise<Digest> {
  let hashedBytes = 0;
  return async (bytes) => {
    hashedBytes += bytes.length;
    if (hashedBytes > TURN_BYTES) {
      hashedBytes = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return toHex(nativeSha256(bytes)) as Digest;
  };
}
