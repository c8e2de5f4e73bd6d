/**
 * A result the submitter has accepted for one unit: which root, where its output is, who stands behind it.
 */
import { decode, encode } from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../bytes.ts';
import type { Cid, Digest, JobId, PeerKey, UnitIndex } from '../ids.ts';
import { LEAF_BYTES, leafAt, rootOfLeaves } from '../trust/commitment.ts';
import type { CountedSet } from '../trust/quorum.ts';
import type { ResultLabel } from '../view.ts';
import { BlockError, decodeUnitOutput } from '../wire/block.ts';
import { flag, hexBytes, integer, link, listOf, record, WireError } from '../wire/schema.ts';

export interface UnitResult {
  readonly label: ResultLabel;
  readonly root: Digest;
  readonly output: Cid;
  readonly fuel: number;
  readonly authors: readonly PeerKey[];
}

export function quorumLabel({ authors, sequential }: CountedSet, needed: number): ResultLabel {
  return { kind: 'quorum', counted: authors.length, needed, sequential };
}

/** Whether these bytes are an output block whose leaves give the root and whose outputs give the leaves. */
export function isOutputOf(bytes: Uint8Array, root: Digest): boolean {
  try {
    const { leaves, outputs } = decodeUnitOutput(bytes);
    // The hint to this block is not bound by the root: what it holds is, all of it or nothing.
    if (rootOfLeaves(leaves) !== root || outputs.length * LEAF_BYTES !== leaves.length) return false;
    return outputs.every((output, i) => equalBytes(sha256(output), leafAt(leaves, i).subarray(9)));
  } catch (error) {
    if (error instanceof BlockError || error instanceof RangeError) return false;
    throw error;
  }
}

export function resultKey(job: JobId, unit: UnitIndex): string {
  return `result/${job}/${String(unit).padStart(8, '0')}`;
}

const labelShape = record({ own: flag, counted: integer(0, 64), needed: integer(0, 64), sequential: flag });

const resultShape = record({
  label: labelShape,
  root: hexBytes<Digest>(32),
  output: link,
  fuel: integer(0, Number.MAX_SAFE_INTEGER),
  authors: listOf(hexBytes<PeerKey>(32), 1, 64),
});

export function encodeResult(result: UnitResult): Uint8Array {
  const { label } = result;
  const flat =
    label.kind === 'own'
      ? { own: true, counted: 0, needed: 0, sequential: false }
      : { own: false, counted: label.counted, needed: label.needed, sequential: label.sequential };
  return encode(resultShape.encode({ ...result, label: flat }));
}

/** Throws a WireError. */
export function decodeResult(bytes: Uint8Array): UnitResult {
  let data: unknown;
  try {
    data = decode(bytes);
  } catch (error) {
    throw new WireError(`result: ${String(error)}`);
  }
  const { label, ...rest } = resultShape.decode(data, 'result');
  const { own, counted, needed, sequential } = label;
  return { ...rest, label: own ? { kind: 'own' } : { kind: 'quorum', counted, needed, sequential } };
}
