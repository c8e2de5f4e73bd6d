/**
 * Every statement a peer can sign. State is a set of these, and verdicts are a function of that set; so a statement
 * says something that stays true for ever ("I sealed this", "this root has these leaves"), never "now".
 *
 * A slot is what one author can say once: `(author, job, unit)` for a commit, a reveal, an opening. Two different
 * seals for one slot are an offence, and both statements together are its proof. Claims are the exception: soft,
 * never kept, they only keep two peers from starting the same unit.
 */

import type { Digest, JobId, PeerKey } from '../ids.ts';
import {
  ABI_VERSION_MAX,
  CLOSING_SEALS_MAX,
  FUEL_PER_TASK_MAX,
  IDENTITY_ADDRESSES_MAX,
  IDENTITY_TEXT_MAX,
  JOB_TTL_MAX_MS,
  MEMORY_PAGES_MAX,
  OUTPUT_BYTES_PER_TASK_MAX,
  PACE_MAX,
  PARAMETER_BYTES_MAX,
  PURPOSE_BYTES_MAX,
  REPLICAS_MAX,
  REVEALS_PER_STATEMENT_MAX,
  ROSTER_APPENDS_MAX,
  ROSTER_MAX,
  SATISFIED_RANGES_MAX,
  STATEMENT_BYTES_MAX,
  TASKS_MAX,
  TASKS_PER_UNIT_MAX,
  TIME_MAX_MS,
  TITLE_BYTES_MAX,
  UNITS_MAX,
  UNITS_PER_STATEMENT_MAX,
} from '../limits.ts';
import { LEAF_BYTES } from '../trust/commitment.ts';
import type { JobSpec, Metering, OwnResults } from '../work/job.ts';
import {
  byteString,
  flag,
  hexBytes,
  integer,
  link,
  listOf,
  oneOf,
  quantity,
  record,
  text,
  type ValueOf,
} from './schema.ts';

const digest = hexBytes<Digest>(32);
const jobId = hexBytes<JobId>(32);
const peerKey = hexBytes<PeerKey>(32);
const unit = integer(0, UNITS_MAX - 1);
const time = integer(0, TIME_MAX_MS);

const metering = record<Metering>({
  rewriter: integer(1, 65_535),
  mode: oneOf('simple', 'merged'),
  weights: integer(1, 65_535),
});

const jobSpec = record<JobSpec>({
  kernel: link,
  abi: integer(1, ABI_VERSION_MAX),
  metering,
  stepQuantum: integer(1, 2 ** 31 - 1),
  parameters: byteString(PARAMETER_BYTES_MAX),
  input: link,
  taskCount: integer(1, TASKS_MAX),
  tasksPerUnit: integer(1, TASKS_PER_UNIT_MAX),
  fuelPerTaskMax: integer(1, FUEL_PER_TASK_MAX),
  memoryPagesMax: integer(1, MEMORY_PAGES_MAX),
  outputBytesPerTaskMax: integer(0, OUTPUT_BYTES_PER_TASK_MAX),
  quorum: integer(1, REPLICAS_MAX),
  replicas: integer(1, REPLICAS_MAX),
  ownResults: oneOf<OwnResults>('never', 'alone', 'always'),
  appends: flag,
  rosterNonce: digest,
  pacePerSecond: quantity(PACE_MAX),
  expectedUnitMs: integer(1, JOB_TTL_MAX_MS),
  announcedAtMs: time,
  ttlMs: integer(1, JOB_TTL_MAX_MS),
  priority: integer(-100, 100),
  title: text(TITLE_BYTES_MAX),
  purpose: text(PURPOSE_BYTES_MAX),
});

/** A peer exists: what it offers and where it listens. The newest one of an author counts. */
const identity = record({
  issuedAtMs: time,
  cores: integer(0, 4_096),
  agent: text(IDENTITY_TEXT_MAX),
  addresses: listOf(text(IDENTITY_TEXT_MAX), 0, IDENTITY_ADDRESSES_MAX),
});

/** A job, with the sorted keys of the peers that may work on it. Its statement id names the job. */
const jobAnnounce = record({ spec: jobSpec, roster: listOf(peerKey, 0, ROSTER_MAX) });

/** Further peers, for units from `from` on. `pacePerSecond` is 0 while the whole roster stays small. */
const rosterAppend = record({
  job: jobId,
  seq: integer(0, ROSTER_APPENDS_MAX - 1),
  from: unit,
  nonce: digest,
  openAtMs: time,
  pacePerSecond: quantity(PACE_MAX),
  roster: listOf(peerKey, 1, ROSTER_MAX),
});

const commitEntry = record({ unit, seal: digest });
const commit = record({ job: jobId, entries: listOf(commitEntry, 1, UNITS_PER_STATEMENT_MAX) });

/** `closing` lists the seals this author had seen when it froze, its own included. `output` is a hint where the result block is. */
const revealEntry = record({
  unit,
  merkle: digest,
  fuel: integer(0, Number.MAX_SAFE_INTEGER),
  inputDigest: digest,
  salt: digest,
  closing: listOf(digest, 1, CLOSING_SEALS_MAX),
  output: link,
});
const reveal = record({ job: jobId, entries: listOf(revealEntry, 1, REVEALS_PER_STATEMENT_MAX) });

/** Seals that came after the author's reveal. Its closing set is the union. */
const close = record({ job: jobId, unit, n: integer(0, 15), seals: listOf(digest, 1, CLOSING_SEALS_MAX) });

/** The leaves of a root. Anyone who has them may publish them. */
const opening = record({ job: jobId, unit, leaves: byteString(TASKS_PER_UNIT_MAX * LEAF_BYTES) });

/** An opened root is wrong at this leaf: whoever works on the job may run that one task and see. */
const wrongLeaf = record({ job: jobId, unit, root: digest, leaf: integer(0, TASKS_PER_UNIT_MAX - 1) });

/** Two envelopes by one author for one slot; they prove it themselves. */
const twoStatements = record({
  job: jobId,
  unit,
  first: byteString(STATEMENT_BYTES_MAX / 2 - 256),
  second: byteString(STATEMENT_BYTES_MAX / 2 - 256),
});

/** Nothing more is wanted of this job. */
const cancel = record({ job: jobId, seq: integer(0, TASKS_MAX) });

/** Units the submitter no longer needs, as ranges. */
const range = record({ first: unit, count: integer(1, UNITS_MAX) });
const satisfied = record({ job: jobId, seq: integer(0, TASKS_MAX), ranges: listOf(range, 1, SATISFIED_RANGES_MAX) });

/** The submitter wants a larger quorum for these units from now on. The largest one said counts. */
const raise = record({
  job: jobId,
  seq: integer(0, TASKS_MAX),
  quorum: integer(1, REPLICAS_MAX),
  ranges: listOf(range, 1, SATISFIED_RANGES_MAX),
});

/** Soft: I work on these; lease 0 lets go of them. */
const claim = record({
  job: jobId,
  issuedAtMs: time,
  leaseMs: integer(0, 3_600_000),
  units: listOf(unit, 1, UNITS_PER_STATEMENT_MAX),
});

export const SHAPES = {
  identity,
  'job-announce': jobAnnounce,
  'roster-append': rosterAppend,
  commit,
  reveal,
  close,
  opening,
  'wrong-leaf': wrongLeaf,
  'two-statements': twoStatements,
  cancel,
  satisfied,
  raise,
  claim,
} as const;

export type StatementKind = keyof typeof SHAPES;

export type BodyOf<K extends StatementKind> = { readonly kind: K } & ValueOf<(typeof SHAPES)[K]>;

export type Body = { [K in StatementKind]: BodyOf<K> }[StatementKind];
export type RevealEntry = ValueOf<typeof revealEntry>;
export type CommitEntry = ValueOf<typeof commitEntry>;
export type UnitRange = ValueOf<typeof range>;
