/** Any statement that can be said, by kind: for round trips and for mutations. */
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { toHex } from '../../../../node/protocol/bytes.ts';
import type { Cid, Digest, JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import {
  CLOSING_SEALS_MAX,
  FUEL_PER_TASK_MAX,
  JOB_TTL_MAX_MS,
  MEMORY_PAGES_MAX,
  OUTPUT_BYTES_PER_TASK_MAX,
  PACE_MAX,
  REPLICAS_MAX,
  ROSTER_APPENDS_MAX,
  TASKS_MAX,
  TASKS_PER_UNIT_MAX,
  TIME_MAX_MS,
  UNITS_MAX,
} from '../../../../node/protocol/limits.ts';
import { LEAF_BYTES } from '../../../../node/protocol/trust/commitment.ts';
import { cidFromDigest } from '../../../../node/protocol/wire/block.ts';
import type { Body, BodyOf, StatementKind } from '../../../../node/protocol/wire/statement.ts';
import { leavesOf } from '../fixtures.ts';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
export const digests = bytes32.map((bytes) => toHex(bytes) as Digest);
const jobs = digests as fc.Arbitrary<string> as fc.Arbitrary<JobId>;
export const authors = bytes32.map((bytes) => {
  bytes[31] = bytes[31]! & 0x3f;
  return toHex(bytes) as PeerKey;
});
const links: fc.Arbitrary<Cid> = fc
  .tuple(digests, fc.constantFrom('raw' as const, 'dag-cbor' as const))
  .map(([digest, codec]) => cidFromDigest(digest, codec));
const units = fc.integer({ min: 0, max: UNITS_MAX - 1 });
const times = fc.integer({ min: 0, max: TIME_MAX_MS });
/** Well-formed text of up to so many UTF-16 units; no lone surrogates, which UTF-8 cannot carry. */
const texts = (max: number) => fc.string({ unit: 'grapheme', maxLength: Math.floor(max / 16) });
const paces = fc.oneof(fc.constant(0), fc.double({ min: 0, max: PACE_MAX, noNaN: true }));
const seals = fc.array(digests, { minLength: 1, maxLength: CLOSING_SEALS_MAX });
const roster = (minLength: number) => fc.array(authors, { minLength, maxLength: 20 }).map((list) => list.sort());
const leaves = fc.tuple(units, fc.integer({ min: 1, max: 40 })).map(([unit, tasks]) => leavesOf(unit, tasks));
const envelopes = fc.uint8Array({ minLength: 0, maxLength: 600 });
const safe = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const kind = <K extends StatementKind>(name: K) => fc.constant(name);

export const BODIES: { readonly [K in StatementKind]: fc.Arbitrary<BodyOf<K>> } = {
  identity: fc.record({
    kind: kind('identity'),
    issuedAtMs: times,
    cores: fc.integer({ min: 0, max: 4_096 }),
    agent: texts(256),
    addresses: fc.array(texts(256), { maxLength: 8 }),
  }),
  'job-announce': fc.record({
    kind: kind('job-announce'),
    spec: fc.record({
      kernel: links,
      abi: fc.integer({ min: 1, max: 255 }),
      metering: fc.record({
        rewriter: fc.integer({ min: 1, max: 65_535 }),
        mode: fc.constantFrom('simple' as const, 'merged' as const),
        weights: fc.integer({ min: 1, max: 65_535 }),
      }),
      stepQuantum: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      parameters: fc.uint8Array({ maxLength: 1_024 }),
      input: links,
      taskCount: fc.integer({ min: 1, max: TASKS_MAX }),
      tasksPerUnit: fc.integer({ min: 1, max: TASKS_PER_UNIT_MAX }),
      fuelPerTaskMax: fc.integer({ min: 1, max: FUEL_PER_TASK_MAX }),
      memoryPagesMax: fc.integer({ min: 1, max: MEMORY_PAGES_MAX }),
      outputBytesPerTaskMax: fc.integer({ min: 0, max: OUTPUT_BYTES_PER_TASK_MAX }),
      quorum: fc.integer({ min: 1, max: REPLICAS_MAX }),
      replicas: fc.integer({ min: 1, max: REPLICAS_MAX }),
      ownResults: fc.constantFrom('never' as const, 'alone' as const, 'always' as const),
      appends: fc.boolean(),
      rosterNonce: digests,
      pacePerSecond: paces,
      expectedUnitMs: fc.integer({ min: 1, max: JOB_TTL_MAX_MS }),
      announcedAtMs: times,
      ttlMs: fc.integer({ min: 1, max: JOB_TTL_MAX_MS }),
      priority: fc.integer({ min: -100, max: 100 }),
      title: texts(128),
      purpose: texts(512),
    }),
    roster: roster(0),
  }),
  'roster-append': fc.record({
    kind: kind('roster-append'),
    job: jobs,
    seq: fc.integer({ min: 0, max: ROSTER_APPENDS_MAX - 1 }),
    from: units,
    nonce: digests,
    openAtMs: times,
    pacePerSecond: paces,
    roster: roster(1),
  }),
  commit: fc.record({
    kind: kind('commit'),
    job: jobs,
    entries: fc.array(fc.record({ unit: units, seal: digests }), { minLength: 1, maxLength: 32 }),
  }),
  reveal: fc.record({
    kind: kind('reveal'),
    job: jobs,
    entries: fc.array(
      fc.record({
        unit: units,
        merkle: digests,
        fuel: safe,
        inputDigest: digests,
        salt: digests,
        closing: seals,
        output: links,
      }),
      { minLength: 1, maxLength: 16 },
    ),
  }),
  close: fc.record({
    kind: kind('close'),
    job: jobs,
    unit: units,
    n: fc.integer({ min: 0, max: 15 }),
    seals,
  }),
  opening: fc.record({ kind: kind('opening'), job: jobs, unit: units, leaves }),
  'wrong-leaf': fc.record({
    kind: kind('wrong-leaf'),
    job: jobs,
    unit: units,
    root: digests,
    leaf: fc.integer({ min: 0, max: TASKS_PER_UNIT_MAX - 1 }),
  }),
  'two-statements': fc.record({
    kind: kind('two-statements'),
    job: jobs,
    unit: units,
    first: envelopes,
    second: envelopes,
  }),
  cancel: fc.record({ kind: kind('cancel'), job: jobs, seq: fc.integer({ min: 0, max: TASKS_MAX }) }),
  satisfied: fc.record({
    kind: kind('satisfied'),
    job: jobs,
    seq: fc.integer({ min: 0, max: TASKS_MAX }),
    ranges: fc.array(fc.record({ first: units, count: fc.integer({ min: 1, max: UNITS_MAX }) }), {
      minLength: 1,
      maxLength: 40,
    }),
  }),
  raise: fc.record({
    kind: kind('raise'),
    job: jobs,
    seq: fc.integer({ min: 0, max: TASKS_MAX }),
    quorum: fc.integer({ min: 1, max: 8 }),
    ranges: fc.array(fc.record({ first: units, count: fc.integer({ min: 1, max: UNITS_MAX }) }), {
      minLength: 1,
      maxLength: 40,
    }),
  }),
  claim: fc.record({
    kind: kind('claim'),
    job: jobs,
    issuedAtMs: times,
    leaseMs: fc.integer({ min: 0, max: 3_600_000 }),
    units: fc.array(units, { minLength: 1, maxLength: 32 }),
  }),
};

export const KINDS = Object.keys(BODIES) as StatementKind[];
export const bodies: fc.Arbitrary<Body> = fc.oneof(...(Object.values(BODIES) as fc.Arbitrary<Body>[]));

/** The largest opening there can be: 1,024 leaves. */
export function largestOpening(): BodyOf<'opening'> {
  return {
    kind: 'opening',
    job: toHex(sha256(new Uint8Array())) as JobId,
    unit: UNITS_MAX - 1,
    leaves: leavesOf(0, TASKS_PER_UNIT_MAX),
  };
}

export const OPENING_BYTES_MAX = TASKS_PER_UNIT_MAX * LEAF_BYTES;
