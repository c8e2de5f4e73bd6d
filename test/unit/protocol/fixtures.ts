/**
 * Things the unit tests of the protocol are made of: keys, jobs, leaves, statements. Signatures are modelled: a hash
 * that anyone can compute, shaped like a canonical Ed25519 signature, since the core never checks one itself.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, concatBytes, fromHex, toHex } from '../../../node/protocol/bytes.ts';
import type { Cid, Digest, JobId, PeerKey, StatementId, UnitIndex } from '../../../node/protocol/ids.ts';
import { type Parameters, testParameters } from '../../../node/protocol/parameters.ts';
import {
  LEAF_BYTES,
  merkleRoot,
  packLeaf,
  rootOf,
  sealOf,
  totalFuel,
} from '../../../node/protocol/trust/commitment.ts';
import { cidOf, encodeInputIndex, encodeUnitInput, encodeUnitOutput } from '../../../node/protocol/wire/block.ts';
import {
  type Envelope,
  encodeBody,
  sealEnvelope,
  signedBytes,
  statementId,
} from '../../../node/protocol/wire/envelope.ts';
import type { Body, BodyOf, RevealEntry } from '../../../node/protocol/wire/statement.ts';
import { type JobSpec, tasksInUnit, unitCount } from '../../../node/protocol/work/job.ts';

export const NETWORK = 'unit';
export const PARAMETERS: Parameters = testParameters(NETWORK);
/** Where the clocks of these tests begin. */
export const START_MS = 1_700_000_000_000;

export function digest(label: string): Digest {
  return toHex(sha256(asciiBytes(label))) as Digest;
}

/** Never weak: y is far below the field's prime. */
export function key(label: string | number): PeerKey {
  const bytes = sha256(asciiBytes(`key ${label}`));
  bytes[31] = bytes[31]! & 0x3f;
  return toHex(bytes) as PeerKey;
}

/** Keys in ascending order, as rosters list them. */
export function keys(count: number, label = 'peer'): PeerKey[] {
  return Array.from({ length: count }, (_, i) => key(`${label} ${i}`)).sort();
}

export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

export interface ModelJob {
  readonly spec: JobSpec;
  readonly roster: readonly PeerKey[];
  readonly unitInputs: readonly Cid[];
  readonly blocks: ReadonlyMap<Cid, Uint8Array>;
}

/** A job with its blocks. Defaults: 4 units of 4 tasks, quorum 2. */
export function modelJob(overrides: Partial<JobSpec> = {}, roster: readonly PeerKey[] = []): ModelJob {
  const shape = { taskCount: 16, tasksPerUnit: 4, ...overrides };
  const blocks = new Map<Cid, Uint8Array>();
  const keep = (bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Cid => {
    const cid = cidOf(bytes, codec);
    blocks.set(cid, bytes);
    return cid;
  };
  const unitInputs = Array.from({ length: unitCount(shape) }, (_, unit) => {
    const tasks = Array.from({ length: tasksInUnit(shape, unit) }, (_, task) => asciiBytes(`input ${unit} ${task}`));
    return keep(encodeUnitInput(tasks), 'dag-cbor');
  });
  const spec: JobSpec = {
    kernel: keep(asciiBytes('a kernel'), 'raw'),
    abi: 1,
    metering: { rewriter: 1, mode: 'simple', weights: 1 },
    stepQuantum: 1_000,
    parameters: new Uint8Array(),
    input: keep(encodeInputIndex(unitInputs), 'dag-cbor'),
    fuelPerTaskMax: 1_000_000,
    memoryPagesMax: 16,
    outputBytesPerTaskMax: 1_024,
    quorum: 2,
    replicas: 2,
    ownResults: 'never',
    appends: true,
    rosterNonce: digest('roster nonce'),
    pacePerSecond: 0,
    expectedUnitMs: 1_000,
    announcedAtMs: START_MS,
    ttlMs: 3_600_000,
    priority: 0,
    title: 'a job',
    purpose: 'for tests',
    ...shape,
  };
  return { spec, roster, unitInputs, blocks };
}

export function announce(job: ModelJob): BodyOf<'job-announce'> {
  return { kind: 'job-announce', spec: job.spec, roster: job.roster };
}

/** The leaves of a unit; a `lie` changes the outputs of these tasks. */
export function leavesOf(unit: UnitIndex, taskCount: number, lies: Readonly<Record<number, string>> = {}): Uint8Array {
  const leaves = new Uint8Array(taskCount * LEAF_BYTES);
  for (let task = 0; task < taskCount; task++) {
    const outputHash = toHex(sha256(outputOf(unit, task, lies[task]))) as Digest;
    leaves.set(packLeaf({ trap: 0, fuel: 100 + task, outputHash }), task * LEAF_BYTES);
  }
  return leaves;
}

export function outputOf(unit: UnitIndex, task: number, lie = ''): Uint8Array {
  return asciiBytes(`output ${unit} ${task} ${lie}`);
}

export function outputBlock(unit: UnitIndex, taskCount: number, lies: Readonly<Record<number, string>> = {}) {
  const outputs = Array.from({ length: taskCount }, (_, task) => outputOf(unit, task, lies[task]));
  const bytes = encodeUnitOutput({ leaves: leavesOf(unit, taskCount, lies), outputs });
  return { cid: cidOf(bytes, 'dag-cbor'), bytes };
}

/** What an author seals and reveals about one unit. */
export interface Attestation {
  readonly author: PeerKey;
  readonly unit: UnitIndex;
  readonly leaves: Uint8Array;
  readonly root: Digest;
  readonly seal: Digest;
  reveal(closing: readonly Digest[]): RevealEntry;
}

export function attest(
  job: JobId,
  author: PeerKey,
  unit: UnitIndex,
  leaves: Uint8Array,
  inputDigest: Digest,
  saltLabel = '',
): Attestation {
  const merkle = merkleRoot(leaves);
  const fuel = totalFuel(leaves);
  const root = rootOf(merkle, fuel);
  const salt = digest(`salt ${author} ${unit} ${saltLabel}`);
  const seal = sealOf({ author, job, unit, inputDigest, root, salt });
  const output = cidOf(leaves, 'dag-cbor');
  return {
    author,
    unit,
    leaves,
    root,
    seal,
    reveal: (closing) => ({ unit, merkle, fuel, inputDigest, salt, closing, output }),
  };
}

export function modelSignature(author: PeerKey, bytes: Uint8Array): Uint8Array {
  const first = sha256(concatBytes(fromHex(author), bytes));
  first[31] = 1;
  return concatBytes(first, sha256(first));
}

export function envelope(author: PeerKey, body: Body, network = NETWORK): Envelope {
  const signed = signedBytes(network, author, encodeBody(body));
  const sealed = sealEnvelope(author, body, signed, modelSignature(author, signed));
  // The encoder hands out a Buffer, whose `slice` shares memory: tests that break envelopes need a copy of their own.
  return { ...sealed, bytes: new Uint8Array(sealed.bytes) };
}

export function idOf(author: PeerKey, body: Body): StatementId {
  return statementId(signedBytes(NETWORK, author, encodeBody(body)));
}
