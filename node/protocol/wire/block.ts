/**
 * Shapes of the blocks a job is made of, as dag-cbor, so that any IPFS tool can read them.
 *
 *   input index   [link, link, …]               one link per work unit
 *   unit input    [bytes, bytes, …]             one entry per task
 *   unit output   { leaves: bytes, outputs: [bytes, …] }
 *   kernel        the wasm file itself, as a raw block
 *
 * Equal results have equal bytes and therefore one CID: honest replicas produce the same output block.
 */
import * as dagCbor from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { CID } from 'multiformats/cid';
import * as digests from 'multiformats/hashes/digest';
import { fromHex, toHex } from '../bytes.ts';
import type { Cid, Digest } from '../ids.ts';

const RAW = 0x55;
const DAG_CBOR = dagCbor.code;
const SHA2_256 = 0x12;

export class BlockError extends Error {
  override readonly name = 'BlockError';
}

/** The CID of a block whose SHA-256 is already known, e.g. from a native hash. */
export function cidFromDigest(digest: Digest, codec: 'raw' | 'dag-cbor'): Cid {
  const multihash = digests.create(SHA2_256, fromHex(digest));
  return CID.createV1(codec === 'raw' ? RAW : DAG_CBOR, multihash).toString() as Cid;
}

/** Hashes synchronously in JavaScript: for small blocks. Use a native hash and `cidFromDigest` for large ones. */
export function cidOf(bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Cid {
  return cidFromDigest(toHex(sha256(bytes)) as Digest, codec);
}

/** SHA-256 a CID stands for. Throws a BlockError unless it is a CIDv1 with SHA-256, raw or dag-cbor. */
export function digestOf(cid: Cid): Digest {
  return toHex(parseCid(cid).multihash.digest) as Digest;
}

export function parseCid(text: string): CID {
  let cid: CID;
  try {
    cid = CID.parse(text);
  } catch {
    throw new BlockError(`not a CID: ${text.slice(0, 80)}`);
  }
  return checkCid(cid);
}

/** Accepts what the network uses, refuses other versions, hashes and codecs, which would give one block two names. */
export function checkCid(cid: CID): CID {
  const known = cid.version === 1 && cid.multihash.code === SHA2_256 && cid.multihash.digest.length === 32;
  if (!known || (cid.code !== RAW && cid.code !== DAG_CBOR))
    throw new BlockError('not a CIDv1 with SHA-256, raw or dag-cbor');
  return cid;
}

/**
 * A decoded dag-cbor value as a link. The library also takes a map for a link when its keys `/` and `bytes` are the
 * same value, and then throws whatever its contents make it throw: a plain map is never a link here.
 */
export function linkFrom(value: unknown): CID {
  const isMap = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const cid = isMap ? null : CID.asCID(value);
  if (cid === null) throw new BlockError('not a link');
  return checkCid(cid);
}

export function encodeInputIndex(units: readonly Cid[]): Uint8Array {
  return dagCbor.encode(units.map(parseCid));
}

export function decodeInputIndex(bytes: Uint8Array): readonly Cid[] {
  const list = decodeCanonical(bytes);
  if (!Array.isArray(list)) throw new BlockError('input index: not a list');
  return list.map((item) => linkFrom(item).toString() as Cid);
}

export function encodeUnitInput(tasks: readonly Uint8Array[]): Uint8Array {
  return dagCbor.encode(tasks);
}

export function decodeUnitInput(bytes: Uint8Array): readonly Uint8Array[] {
  return byteList(decodeCanonical(bytes), 'unit input');
}

export interface UnitOutput {
  /** Packed leaves, see `trust/commitment.ts`. */
  readonly leaves: Uint8Array;
  /** One per task; empty where the task trapped. */
  readonly outputs: readonly Uint8Array[];
}

export function encodeUnitOutput(output: UnitOutput): Uint8Array {
  return dagCbor.encode({ leaves: output.leaves, outputs: output.outputs });
}

export function decodeUnitOutput(bytes: Uint8Array): UnitOutput {
  const value = decodeCanonical(bytes) as { leaves?: unknown; outputs?: unknown } | null;
  if (typeof value !== 'object' || value === null || !(value.leaves instanceof Uint8Array)) {
    throw new BlockError('unit output: no leaves');
  }
  return { leaves: value.leaves, outputs: byteList(value.outputs, 'unit output') };
}

function byteList(value: unknown, what: string): readonly Uint8Array[] {
  if (!Array.isArray(value) || !value.every((item) => item instanceof Uint8Array)) {
    throw new BlockError(`${what}: not a list of byte strings`);
  }
  return value as Uint8Array[];
}

function decodeCanonical(bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes);
  } catch (error) {
    throw new BlockError(`not dag-cbor: ${error instanceof Error ? error.message : String(error)}`);
  }
}
