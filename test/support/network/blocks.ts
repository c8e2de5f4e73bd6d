/** Blocks that a test and its child processes can both make without telling each other. */
import { createHash } from 'node:crypto';
import type { Cid, Digest } from '../../../node/protocol/ids.ts';
import { cidFromDigest } from '../../../node/protocol/wire/block.ts';

export interface TestBlock {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** Bytes by xorshift, seeded by the number of the block. */
export function testBlock(number: number, length: number): TestBlock {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (number + 1) * 0x9e3779b1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const bytes = new Uint8Array(words.buffer, 0, length);
  return { bytes, cid: cidFromDigest(createHash('sha256').update(bytes).digest('hex') as Digest, 'raw') };
}
