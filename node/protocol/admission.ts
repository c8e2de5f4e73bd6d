/**
 * What is let in, in two pure steps, from cheap to dear: `precheck` looks at bytes alone (size, strict form, seen,
 * load) and asks for a signature check only for what is left; `examine` then holds the authenticated statement
 * against what is known (its job, roster, level, prerequisites).
 *
 * Reject only what every honest forwarder would also reject, because a rejection costs the forwarder score. Early,
 * late, unknown, too much: ignore, or wait for what is missing. A wrong result is never an offence here.
 */
import { encode } from '@ipld/dag-cbor';
import type { Millis, PeerKey, StatementId } from './ids.ts';
import {
  BLOCK_BYTES_MAX,
  CLOCK_SKEW_MAX_MS,
  JOB_SPEC_BYTES_MAX,
  REPLICAS_MAX,
  SEEN_MAX,
  STATEMENT_BYTES_MAX,
  UNITS_MAX,
} from './limits.ts';
import { ABI_VERSIONS, type Parameters } from './parameters.ts';
import type { Peers } from './peers.ts';
import { TokenBuckets } from './trust/bucket.ts';
import { LEAF_BYTES, rootOfLeaves, unpackLeaves } from './trust/commitment.ts';
import { decodeEnvelope, type Envelope } from './wire/envelope.ts';
import { WireError } from './wire/schema.ts';
import { isNonCanonicalSignature, isWeakKey } from './wire/signature.ts';
import type { BodyOf } from './wire/statement.ts';
import type { JobBoard } from './work/board.ts';
import { outputBlockBytesMax, tasksInUnit, unitCount } from './work/job.ts';

export type Source = { readonly via: 'gossip' | 'direct'; readonly peer: PeerKey };

export type RefusalCode =
  | 'too-large'
  | 'malformed'
  | 'weak-key'
  | 'bad-signature'
  | 'duplicate'
  | 'rate-limited'
  | 'busy'
  | 'closed'
  | 'expired'
  | 'stale'
  | 'from-the-future'
  | 'invalid-spec'
  | 'unknown-version'
  | 'no-such-unit'
  | 'not-submitter'
  | 'too-many'
  | 'bad-opening'
  | 'bad-evidence';

export type Precheck =
  | { readonly step: 'verify'; readonly envelope: Envelope }
  | { readonly step: 'ignore' | 'reject'; readonly code: RefusalCode };

export type Admission =
  | { readonly step: 'accept' }
  /** `key` names what it waits for (see `waitKey`); `until` is a time at which it can be tried again. */
  | { readonly step: 'wait'; readonly key: string; readonly until: Millis | undefined }
  | { readonly step: 'ignore' | 'reject'; readonly code: RefusalCode };

const ACCEPT: Admission = { step: 'accept' };
const ignore = (code: RefusalCode): Admission => ({ step: 'ignore', code });
const reject = (code: RefusalCode): Admission => ({ step: 'reject', code });
const waitFor = (key: string, until?: Millis): Admission => ({ step: 'wait', key, until });

/** Names of things a statement can wait for. */
export const waitKey = {
  job: (job: string) => `job ${job}`,
  roster: (job: string) => `roster ${job}`,
  commit: (job: string, unit: number, author: string) => `commit ${job} ${unit} ${author}`,
  root: (job: string, unit: number) => `root ${job} ${unit}`,
  opening: (job: string, unit: number) => `opening ${job} ${unit}`,
  time: (at: Millis) => `time ${at}`,
};

export class Admissions {
  readonly #parameters: Parameters;
  readonly #peers: Peers;
  readonly #seen = new Set<StatementId>();
  readonly #authors: TokenBuckets;
  readonly #forwarders: TokenBuckets;

  constructor(parameters: Parameters, peers: Peers) {
    this.#parameters = parameters;
    this.#peers = peers;
    this.#authors = new TokenBuckets(parameters.messagesPerSecond, parameters.messageBurst);
    // A forwarder carries the traffic of many authors: a bound on one neighbour's flood, not on the network.
    this.#forwarders = new TokenBuckets(parameters.messagesPerSecond * 64, parameters.messageBurst * 64);
  }

  get seenCount(): number {
    return this.#seen.size;
  }

  precheck(bytes: Uint8Array, source: Source, now: Millis): Precheck {
    if (bytes.length > STATEMENT_BYTES_MAX) return { step: 'reject', code: 'too-large' };
    if (source.via === 'gossip' && !this.#forwarders.take(source.peer, now))
      return { step: 'ignore', code: 'rate-limited' };
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(bytes, this.#parameters.network);
    } catch (error) {
      if (error instanceof WireError) return { step: 'reject', code: 'malformed' };
      throw error;
    }
    if (isWeakKey(envelope.author) || isNonCanonicalSignature(envelope.signature))
      return { step: 'reject', code: 'weak-key' };
    if (this.#seen.has(envelope.id)) return { step: 'ignore', code: 'duplicate' };
    // Only looked at here: before the signature is checked, anybody could empty somebody else's bucket.
    if (source.via === 'gossip' && this.#authors.nextAt(speechOf(envelope), now) > now)
      return { step: 'ignore', code: 'rate-limited' };
    return { step: 'verify', envelope };
  }

  /** Takes an authenticated statement out of its author's bucket. False when that is empty: to be ignored. */
  charge(envelope: Envelope, source: Source, now: Millis): boolean {
    return source.via !== 'gossip' || this.#authors.take(speechOf(envelope), now);
  }

  /** Marks an authenticated statement, so that further copies cost one lookup. Oldest forgotten first. */
  remember(id: StatementId): void {
    this.#seen.add(id);
    if (this.#seen.size <= SEEN_MAX) return;
    const oldest = this.#seen.values().next();
    if (oldest.done !== true) this.#seen.delete(oldest.value);
  }

  isSeen(id: StatementId): boolean {
    return this.#seen.has(id);
  }

  forget(id: StatementId): void {
    this.#seen.delete(id);
  }

  /** `board` is that of the statement's job, or undefined when the job is not known here. */
  examine(envelope: Envelope, board: JobBoard | undefined, now: Millis): Admission {
    const { author, body } = envelope;
    if (body.kind === 'identity') return this.#examineIdentity(author, body, now);
    if (body.kind === 'job-announce') return this.#examineAnnounce(body, now);
    if (board === undefined) return waitFor(waitKey.job(body.job));
    switch (body.kind) {
      case 'roster-append':
        if (author !== board.submitter) return reject('not-submitter');
        if (!board.spec.appends || !isSorted(body.roster)) return reject('invalid-spec');
        return body.from < board.units ? ACCEPT : reject('no-such-unit');
      case 'cancel':
      case 'satisfied':
      case 'raise':
        return author === board.submitter ? ACCEPT : reject('not-submitter');
      case 'commit':
        return this.#examineUnits(
          author,
          board,
          body.entries.map(({ unit }) => unit),
          now,
        );
      case 'claim':
        return this.#examineUnits(author, board, body.units, now);
      case 'reveal':
        return examineReveal(author, board, body);
      case 'close':
        if (body.unit >= board.units) return reject('no-such-unit');
        if (body.n >= this.#parameters.closesMax) return reject('too-many');
        return board.peek(body.unit)?.evidence.commits.has(author) === true
          ? ACCEPT
          : waitFor(waitKey.commit(board.id, body.unit, author));
      case 'opening':
        return examineOpening(board, body);
      case 'wrong-leaf':
        if (body.unit >= board.units || body.leaf >= tasksInUnit(board.spec, body.unit)) return reject('no-such-unit');
        if (!board.isWorker(body.unit, author)) return waitFor(waitKey.roster(board.id));
        return board.peek(body.unit)?.evidence.openings.has(body.root) === true
          ? ACCEPT
          : waitFor(waitKey.opening(board.id, body.unit));
      case 'two-statements':
        return this.#examineTwoStatements(board, body);
    }
  }

  #examineIdentity(author: PeerKey, body: BodyOf<'identity'>, now: Millis): Admission {
    if (body.issuedAtMs > now + CLOCK_SKEW_MAX_MS) return ignore('from-the-future');
    const known = this.#peers.identityOf(author);
    return known !== undefined && known.issuedAtMs >= body.issuedAtMs ? ignore('stale') : ACCEPT;
  }

  #examineAnnounce(body: BodyOf<'job-announce'>, now: Millis): Admission {
    const { spec } = body;
    if (specProblem(spec, body.roster, this.#parameters) !== undefined) return reject('invalid-spec');
    // Other versions may well be valid elsewhere: not ours to punish.
    if (!ABI_VERSIONS.includes(spec.abi)) return ignore('unknown-version');
    if (spec.announcedAtMs + spec.ttlMs < now) return ignore('expired');
    const tooEarly = spec.announcedAtMs - CLOCK_SKEW_MAX_MS;
    return tooEarly > now ? waitFor(waitKey.time(tooEarly), tooEarly) : ACCEPT;
  }

  /** Commits and claims: the author must be rostered for each unit, and its level open. */
  #examineUnits(author: PeerKey, board: JobBoard, units: readonly number[], now: Millis): Admission {
    for (const unit of units) {
      if (unit >= board.units) return reject('no-such-unit');
      // It may have been appended by a statement that is still on its way.
      if (!board.isWorker(unit, author)) return waitFor(waitKey.roster(board.id));
      if (author === board.submitter) continue;
      const from = board.roster.admittedFrom(unit, board.rankOf(unit, author));
      if (from > now) return waitFor(waitKey.time(from), from);
    }
    return isSpent(author, board, units) ? ignore('too-many') : ACCEPT;
  }

  #examineTwoStatements(board: JobBoard, body: BodyOf<'two-statements'>): Admission {
    let pair: readonly [Envelope, Envelope];
    try {
      pair = [
        decodeEnvelope(body.first, this.#parameters.network),
        decodeEnvelope(body.second, this.#parameters.network),
      ];
    } catch (error) {
      if (error instanceof WireError) return reject('bad-evidence');
      throw error;
    }
    return isEquivocation(pair[0], pair[1], board, body.unit) ? ACCEPT : reject('bad-evidence');
  }
}

/** Whether two statements of one author say different things for one slot. Their signatures are checked elsewhere. */
export function isEquivocation(first: Envelope, second: Envelope, board: JobBoard, unit: number): boolean {
  if (first.author !== second.author || first.id === second.id) return false;
  const [a, b] = [first.body, second.body];
  if (a.kind === 'commit' && b.kind === 'commit') {
    if (a.job !== board.id || b.job !== board.id) return false;
    const sealIn = (body: typeof a) => body.entries.find((entry) => entry.unit === unit)?.seal;
    return sealIn(a) !== undefined && sealIn(b) !== undefined && sealIn(a) !== sealIn(b);
  }
  if (a.kind === 'reveal' && b.kind === 'reveal') {
    if (a.job !== board.id || b.job !== board.id) return false;
    const entryIn = (body: typeof a) => JSON.stringify(body.entries.find((entry) => entry.unit === unit));
    return entryIn(a) !== undefined && entryIn(b) !== undefined && entryIn(a) !== entryIn(b);
  }
  return false;
}

/** Each author has a bucket for each kind. */
function speechOf({ author, body }: Envelope): string {
  return `${author} ${body.kind}`;
}

/** What is wrong with a job, in words; undefined when nothing is. The same rule refuses at submit and rejects on the wire. */
export function specProblem(
  spec: BodyOf<'job-announce'>['spec'],
  roster: readonly PeerKey[],
  parameters: Parameters,
): string | undefined {
  const units = unitCount(spec);
  if (units > UNITS_MAX) return `${units} work units, at most ${UNITS_MAX}: use more tasks per unit`;
  if (spec.quorum < parameters.quorumMin)
    return `quorum ${spec.quorum}: this network needs at least ${parameters.quorumMin}`;
  if (spec.replicas < spec.quorum) return `${spec.replicas} replicas cannot reach a quorum of ${spec.quorum}`;
  if (spec.replicas > REPLICAS_MAX) return `${spec.replicas} replicas, at most ${REPLICAS_MAX}`;
  if (spec.tasksPerUnit > spec.taskCount)
    return `${spec.tasksPerUnit} tasks per unit, but only ${spec.taskCount} tasks`;
  if (!Number.isSafeInteger(spec.fuelPerTaskMax * spec.tasksPerUnit))
    return 'fuel of a unit exceeds 2^53: use fewer tasks per unit';
  const outputBytes = outputBlockBytesMax(spec.tasksPerUnit, spec.outputBytesPerTaskMax);
  if (outputBytes > BLOCK_BYTES_MAX) {
    return `outputs of a unit may need ${outputBytes} bytes, at most ${BLOCK_BYTES_MAX}: use fewer tasks per unit, or a lower output limit`;
  }
  if (roster.length > parameters.openRosterMax && spec.pacePerSecond <= 0) return 'a roster of this size needs a pace';
  if (!isSorted(roster)) return 'the roster is not sorted, or names somebody twice';
  const bytes = encode({ ...spec }).length;
  return bytes > JOB_SPEC_BYTES_MAX
    ? `the job's description has ${bytes} bytes, at most ${JOB_SPEC_BYTES_MAX}`
    : undefined;
}

function isSorted(keys: readonly PeerKey[]): boolean {
  return keys.every((key, i) => i === 0 || keys[i - 1]! < key);
}

/**
 * Nothing more that this author says about these units can count. One unit in which it still can is enough to take
 * the statement: leaving that out would make the verdict there depend on what came first.
 */
function isSpent(author: PeerKey, board: JobBoard, units: readonly number[]): boolean {
  return units.every((unit) => board.peek(unit)?.evidence.equivocators.has(author) === true);
}

function examineReveal(author: PeerKey, board: JobBoard, body: BodyOf<'reveal'>): Admission {
  for (const { unit } of body.entries) {
    if (unit >= board.units) return reject('no-such-unit');
    const evidence = board.peek(unit)?.evidence;
    if (evidence?.commits.has(author) !== true) return waitFor(waitKey.commit(board.id, unit, author));
  }
  const units = body.entries.map(({ unit }) => unit);
  return isSpent(author, board, units) ? ignore('too-many') : ACCEPT;
}

function examineOpening(board: JobBoard, body: BodyOf<'opening'>): Admission {
  if (body.unit >= board.units) return reject('no-such-unit');
  if (body.leaves.length !== tasksInUnit(board.spec, body.unit) * LEAF_BYTES) return reject('bad-opening');
  try {
    unpackLeaves(body.leaves);
  } catch {
    return reject('bad-opening');
  }
  const evidence = board.peek(body.unit)?.evidence;
  const root = rootOfLeaves(body.leaves);
  if (evidence?.openings.has(root) === true) return ignore('duplicate');
  const revealed = [...(evidence?.reveals.values() ?? [])].some((reveal) => reveal.root === root);
  return revealed ? ACCEPT : waitFor(waitKey.root(board.id, body.unit));
}
