/**
 * From what a kernel produced to what a peer signs.
 *
 *   leaf  = H(0 | index | trap | fuel | H(output))       one task
 *   node  = H(1 | left | right)                          an odd one at the end of a level moves up unchanged
 *   root  = H(2 | merkle root | Σ fuel)                  one unit: credited fuel is bound by what was voted on
 *   seal  = H("seal" | author | job | unit | input digest | root | salt)
 *
 * Leaves travel packed, 41 bytes each: trap kind (1), fuel (8, little-endian), H(output) (32). The index is their
 * position. The salt is HMAC(own secret, job | unit): it can always be computed again after a crash, so a restart
 * never makes an honest peer commit twice to different seals, and nobody else can guess it before the reveal.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, concatBytes, fromHex, toHex, uint32Bytes, uint64Bytes } from '../bytes.ts';
import type { Digest, JobId, PeerKey, UnitIndex } from '../ids.ts';

export const LEAF_BYTES = 41;

/** How a task ended. The numbers are consensus: they are part of the leaf. Trap texts are not, engines differ. */
export const TRAP = { none: 0, trap: 1, outOfFuel: 2, kernelError: 3, outputTooLarge: 4 } as const;
export type TrapKind = (typeof TRAP)[keyof typeof TRAP];

export interface Leaf {
  readonly trap: TrapKind;
  readonly fuel: number;
  readonly outputHash: Digest;
}

export function packLeaf(leaf: Leaf): Uint8Array {
  return concatBytes(Uint8Array.of(leaf.trap), uint64Bytes(leaf.fuel), fromHex(leaf.outputHash));
}

/** Throws a RangeError when `leaves` is no whole number of records, or a record cannot be one. */
export function unpackLeaves(leaves: Uint8Array): readonly Leaf[] {
  if (leaves.length === 0 || leaves.length % LEAF_BYTES !== 0)
    throw new RangeError('leaves: not a multiple of 41 bytes');
  const view = new DataView(leaves.buffer, leaves.byteOffset, leaves.byteLength);
  return Array.from({ length: leaves.length / LEAF_BYTES }, (_, index) => {
    const start = index * LEAF_BYTES;
    const trap = leaves[start]!;
    const fuel = view.getBigUint64(start + 1, true);
    if (trap > TRAP.outputTooLarge) throw new RangeError(`leaf ${index}: unknown trap kind ${trap}`);
    if (fuel > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`leaf ${index}: fuel is not a safe integer`);
    const outputHash = toHex(leaves.subarray(start + 9, start + LEAF_BYTES)) as Digest;
    return { trap: trap as TrapKind, fuel: Number(fuel), outputHash };
  });
}

/** Bytes of one packed leaf. */
export function leafAt(leaves: Uint8Array, index: number): Uint8Array {
  return leaves.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
}

/** `hash` is SHA-256; a native one where there is one, for units of many small tasks. */
export function merkleRoot(leaves: Uint8Array, hash: (bytes: Uint8Array) => Uint8Array = sha256): Digest {
  let level: Uint8Array[] = [];
  for (let index = 0; index < leaves.length / LEAF_BYTES; index++) {
    level.push(hash(concatBytes(Uint8Array.of(0), uint32Bytes(index), leafAt(leaves, index))));
  }
  if (level.length === 0) throw new RangeError('a unit has at least one leaf');
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      above.push(hash(concatBytes(Uint8Array.of(1), level[i]!, level[i + 1]!)));
    }
    if (level.length % 2 === 1) above.push(level[level.length - 1]!);
    level = above;
  }
  return toHex(level[0]!) as Digest;
}

export function totalFuel(leaves: Uint8Array): number {
  return unpackLeaves(leaves).reduce((sum, leaf) => sum + leaf.fuel, 0);
}

export function rootOf(merkle: Digest, fuel: number): Digest {
  return toHex(sha256(concatBytes(Uint8Array.of(2), fromHex(merkle), uint64Bytes(fuel)))) as Digest;
}

export function rootOfLeaves(leaves: Uint8Array): Digest {
  return rootOf(merkleRoot(leaves), totalFuel(leaves));
}

export interface SealedFact {
  readonly author: PeerKey;
  readonly job: JobId;
  readonly unit: UnitIndex;
  readonly inputDigest: Digest;
  readonly root: Digest;
  readonly salt: Digest;
}

export function sealOf(fact: SealedFact): Digest {
  const parts = [fact.author, fact.job].map(fromHex);
  const rest = [fact.inputDigest, fact.root, fact.salt].map(fromHex);
  return toHex(sha256(concatBytes(asciiBytes('seal'), ...parts, uint32Bytes(fact.unit), ...rest))) as Digest;
}

export function saltOf(secret: Uint8Array, job: JobId, unit: UnitIndex): Digest {
  return toHex(hmac(sha256, secret, concatBytes(fromHex(job), uint32Bytes(unit)))) as Digest;
}
