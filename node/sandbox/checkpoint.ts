/**
 * A saved unit as bytes, for a disk that may be full, a process that may die while it writes, and a program that may be
 * another version by the time it is read: whatever is not exactly what was saved, of exactly this work, is no checkpoint,
 * and the unit begins again. A wrong result is the one thing that must not come of it.
 *
 *   "SHOALCP1"     8 bytes, the last one the version of this format
 *   SHA-256        of everything behind it
 *   dag-cbor       { identity, elapsedMs, leaves, outputs, running: null | { left, total, pages, memory, globals } }
 *
 * `identity` names the work: kernel, input, parameters, limits, step quantum, and which rewriter with which weights made
 * the module. `memory` lists [address, bytes], `globals` are i64 words, little-endian.
 */
import { decode, encode } from '@ipld/dag-cbor';
import { concatBytes, toHex } from '../protocol/bytes.ts';
import type { ExecutionRequest } from '../protocol/effect.ts';
import { LEAF_BYTES } from '../protocol/trust/commitment.ts';
import type { MemoryRange } from './memory-image.ts';
import { PAGE_BYTES } from './module.ts';
import type { TaskState } from './task.ts';
import type { Sha256, UnitState } from './unit.ts';

const FORMAT = new TextEncoder().encode('SHOALCP1');
const DIGEST_BYTES = 32;

/** What must be the same for a checkpoint to mean anything. */
export type WorkIdentity = string;

export function identityOf(request: ExecutionRequest, sha256: Sha256): WorkIdentity {
  const { rewriter, mode, weights } = request.metering;
  const { task, taskCount, kernel, abi, stepQuantum, parameters, unitInput } = request;
  const limits = [request.fuelPerTaskMax, request.memoryPagesMax, request.outputBytesPerTaskMax];
  const work = [rewriter, mode, weights, task ?? null, taskCount, kernel, abi, stepQuantum, parameters, unitInput];
  return toHex(sha256(encode([...work, ...limits])));
}

export function encodeCheckpoint(identity: WorkIdentity, state: UnitState, sha256: Sha256): Uint8Array {
  const { leaves, outputs, running } = state;
  const elapsedMs = Math.round(state.elapsedMs);
  const body = encode({ identity, elapsedMs, leaves, outputs, running: running === undefined ? null : plain(running) });
  return concatBytes(FORMAT, sha256(body), body);
}

/** Undefined for whatever is not a checkpoint of this very work. */
export function decodeCheckpoint(identity: WorkIdentity, bytes: Uint8Array, sha256: Sha256): UnitState | undefined {
  const head = FORMAT.length + DIGEST_BYTES;
  if (bytes.length < head || !startsWith(bytes, FORMAT)) return undefined;
  const body = bytes.subarray(head);
  if (!startsWith(bytes.subarray(FORMAT.length), sha256(body))) return undefined;
  // Hashed when it was written, so the shape is that of `encodeCheckpoint`: what follows is a second line.
  const found = decode<Encoded>(body);
  if (found.identity !== identity) return undefined;
  const { elapsedMs, leaves, outputs, running } = found;
  if (leaves.length !== outputs.length * LEAF_BYTES) return undefined;
  return { elapsedMs, leaves, outputs, running: running === null ? undefined : taskState(running) };
}

interface Encoded {
  readonly identity: WorkIdentity;
  readonly elapsedMs: number;
  readonly leaves: Uint8Array;
  readonly outputs: readonly Uint8Array[];
  readonly running: EncodedTask | null;
}

interface EncodedTask {
  readonly left: number;
  readonly total: number;
  readonly pages: number;
  readonly memory: readonly (readonly [number, Uint8Array])[];
  readonly globals: Uint8Array;
}

function plain({ left, total, instance: { memory, globals } }: TaskState): EncodedTask {
  const words = new DataView(new ArrayBuffer(8 * globals.length));
  globals.forEach((word, index) => {
    words.setBigInt64(8 * index, word, true);
  });
  return {
    left,
    total,
    pages: memory.pages,
    memory: memory.ranges.map(({ at, bytes }) => [at, bytes]),
    globals: new Uint8Array(words.buffer),
  };
}

function taskState({ left, total, pages, memory, globals }: EncodedTask): TaskState | undefined {
  const ranges: MemoryRange[] = memory.map(([at, bytes]) => ({ at, bytes }));
  if (ranges.some(({ at, bytes }) => at + bytes.length > pages * PAGE_BYTES)) return undefined;
  const words = new DataView(globals.buffer, globals.byteOffset, globals.length);
  const values = Array.from({ length: globals.length / 8 }, (_, index) => words.getBigInt64(8 * index, true));
  return { left, total, instance: { memory: { pages, ranges }, globals: values } };
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return head.every((byte, index) => bytes[index] === byte);
}
