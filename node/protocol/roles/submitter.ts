/**
 * What a peer does for its own jobs: announce, append later peers to the roster, take results as they are agreed,
 * say what it no longer needs. It holds no authority over verdicts, which anyone can compute; it only decides what
 * it accepts, and labels it: `own` (computed here, trusted by its owner) or `quorum k/m`.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { specProblem } from '../admission.ts';
import { asciiBytes, concatBytes, toHex, uint64Bytes } from '../bytes.ts';
import type { Core } from '../core.ts';
import type { Execution } from '../effect.ts';
import type { JobSubmittedEvent } from '../event.ts';
import type { Cid, Digest, JobId, Millis, PeerKey, Ticket, UnitIndex } from '../ids.ts';
import { BLOCK_BYTES_MAX, ROSTER_APPENDS_MAX, ROSTER_MAX, SATISFIED_RANGES_MAX } from '../limits.ts';
import type { Turn } from '../turn.ts';
import { BlockError } from '../wire/block.ts';
import { encodeBody } from '../wire/envelope.ts';
import { WireError } from '../wire/schema.ts';
import type { BodyOf, UnitRange } from '../wire/statement.ts';
import type { JobBoard } from '../work/board.ts';
import type { JobSpec } from '../work/job.ts';
import type { Replica } from '../work/replica.ts';
import { encodeResult, isOutputOf, quorumLabel, resultKey, type UnitResult } from '../work/result.ts';
import { outputHints } from './attester.ts';
import { retryMs } from './inputs.ts';

/** New peers are gathered this long before one append names them all. */
const APPEND_GATHER_MS = 150;
/** Units satisfied by own work are told to others in groups, this often. */
const SATISFIED_GATHER_MS = 250;

export interface OwnJob {
  readonly job: JobId;
  readonly results: Map<UnitIndex, UnitResult>;
  /** Results being fetched, by unit: the root wanted and the hints already tried. */
  readonly fetching: Map<UnitIndex, { readonly root: Digest; readonly tried: Set<Cid>; attempts: number }>;
  readonly unsaid: UnitIndex[];
  controlSeq: number;
  submittedAtMs: Millis;
  finishedAtMs: Millis | undefined;
}

export class Submitter {
  readonly #core: Core;
  readonly #jobs = new Map<JobId, OwnJob>();
  /** Announcements being signed: what the owner's request becomes once it has an id. */
  readonly #announcing = new Map<Digest, Ticket>();

  constructor(core: Core) {
    this.#core = core;
  }

  jobs(): Iterable<OwnJob> {
    return this.#jobs.values();
  }

  job(job: JobId): OwnJob | undefined {
    return this.#jobs.get(job);
  }

  get announcing(): number {
    return this.#announcing.size;
  }

  submit(turn: Turn, event: JobSubmittedEvent): void {
    const roster = this.#core.peers
      .candidates(turn.now)
      .filter((peer) => peer !== this.#core.self)
      .slice(0, ROSTER_MAX);
    const spec: JobSpec = {
      ...event.request,
      announcedAtMs: turn.now,
      rosterNonce: this.#nonce(turn.now, event.ticket),
      pacePerSecond: this.#pace(event.request.expectedUnitMs, event.request.replicas, roster),
    };
    const body: BodyOf<'job-announce'> = { kind: 'job-announce', spec, roster };
    const problem = this.#problem(body, event);
    if (problem !== undefined) {
      turn.notify({ type: 'job-refused', ticket: event.ticket, code: 'invalid-job', detail: problem });
      return;
    }
    this.#announcing.set(spec.rosterNonce, event.ticket);
    this.#core.outbox.say(turn, body);
  }

  /** Our own announcement is signed and admitted. */
  onAnnounced(turn: Turn, board: JobBoard): void {
    const ticket = this.#announcing.get(board.spec.rosterNonce);
    this.#announcing.delete(board.spec.rosterNonce);
    this.#adopt(board, turn.now);
    if (ticket !== undefined) turn.notify({ type: 'job-accepted', ticket, job: board.id });
    // Whoever turned up while the announcement was being signed.
    this.considerAppends(turn);
  }

  /** From disk. The owner is told again of every result: the crash may have come between keeping and telling. */
  restore(turn: Turn, board: JobBoard, results: ReadonlyMap<UnitIndex, UnitResult>): void {
    const own = this.#adopt(board, board.spec.announcedAtMs);
    for (const [unit, result] of results) {
      own.results.set(unit, result);
      turn.notify({ type: 'unit-result', job: board.id, unit, ...result });
      if (result.label.kind === 'own') board.applySatisfied([{ first: unit, count: 1 }]);
    }
    own.unsaid.push(...[...results].filter(([, { label }]) => label.kind === 'own').map(([unit]) => unit));
    this.#core.agenda.set(`satisfied ${board.id}`, this.#core.random() * SATISFIED_GATHER_MS);
    board.touchAll();
  }

  /** Peers became known: they are appended to running jobs, together. */
  considerAppends(turn: Turn): void {
    for (const { job } of this.#jobs.values()) {
      const board = this.#core.boards.get(job);
      if (board !== undefined && this.#newcomers(board, turn.now).length > 0) {
        this.#core.agenda.setEarlier(`append ${job}`, turn.now + APPEND_GATHER_MS);
      }
    }
  }

  append(turn: Turn, board: JobBoard): void {
    const newcomers = this.#newcomers(board, turn.now);
    const seq = board.roster.nextSeq;
    if (newcomers.length === 0 || seq >= ROSTER_APPENDS_MAX) return;
    const size = board.roster.members.size + newcomers.length;
    const small = size <= this.#core.parameters.openRosterMax;
    // No unit whose order is already known may be re-ranked in a paced roster: the append starts at the first closed one.
    const from = small ? 0 : board.roster.firstUnopened(turn.now, board.units);
    if (from >= board.units) return;
    const everybody = [...board.roster.members, ...newcomers];
    const pacePerSecond = small ? 0 : this.#pace(board.spec.expectedUnitMs, board.spec.replicas, everybody);
    this.#core.outbox.say(turn, {
      kind: 'roster-append',
      job: board.id,
      seq,
      from,
      nonce: this.#nonce(turn.now, seq),
      openAtMs: Math.round(turn.now),
      pacePerSecond,
      roster: newcomers,
    });
  }

  /** Whether a finished run of our own job is taken as it is. */
  takesOwn(board: JobBoard): boolean {
    if (board.submitter !== this.#core.self) return false;
    if (board.spec.ownResults === 'always') return true;
    return board.spec.ownResults === 'alone' && this.isAlone(board);
  }

  /** No rostered peer is connected. */
  isAlone(board: JobBoard): boolean {
    return ![...board.roster.members].some((peer) => peer !== this.#core.self && this.#core.peers.isConnected(peer));
  }

  acceptOwn(turn: Turn, board: JobBoard, replica: Replica, execution: Execution | undefined): void {
    const own = this.#jobs.get(board.id);
    if (own === undefined || replica.result === undefined) return;
    if (execution?.output !== undefined) turn.emit({ type: 'put-block', job: board.id, ...execution.output });
    const { root, output, fuel } = replica.result;
    replica.phase = 'revealed';
    replica.sinceMs = turn.now;
    board.dropClaim(replica.unit, this.#core.self);
    board.applySatisfied([{ first: replica.unit, count: 1 }]);
    own.unsaid.push(replica.unit);
    this.#core.agenda.setEarlier(`satisfied ${board.id}`, turn.now + SATISFIED_GATHER_MS);
    this.#take(turn, board, own, replica.unit, {
      label: { kind: 'own' },
      root,
      output,
      fuel,
      authors: [this.#core.self],
    });
  }

  /** A unit of ours was settled: take what is agreed; alone, take what we computed and nobody is there to confirm. */
  onSettled(turn: Turn, board: JobBoard, unit: UnitIndex, replica: Replica | undefined): void {
    const own = this.#jobs.get(board.id);
    if (own === undefined || board.cancelled) return;
    const { verdict } = board.row(unit);
    const known = own.results.get(unit);
    // After a restart this is what finishes a job whose results are all own.
    if (known?.label.kind === 'own') return this.#finishIfDone(turn, board, own);
    if (verdict.state === 'agreed') {
      if (known?.root === verdict.root) return this.#relabel(turn, board, own, unit, known);
      if (replica?.result?.root === verdict.root) this.#takeAgreed(turn, board, own, unit, replica.result.output);
      else this.#fetch(turn, board, own, unit, verdict.root);
    } else if (known === undefined && replica?.result !== undefined && isUnanswered(replica) && this.takesOwn(board)) {
      this.acceptOwn(turn, board, replica, undefined);
    }
  }

  onResultFetched(turn: Turn, board: JobBoard, unit: UnitIndex, root: Digest): void {
    const cid = this.#currentHint(board, unit, root);
    if (cid === undefined) return;
    turn.emit({
      type: 'read-block',
      ticket: this.#core.tickets.open({ for: 'result-block', job: board.id, unit, root }),
      cid,
    });
  }

  onResultUnavailable(turn: Turn, board: JobBoard, unit: UnitIndex, root: Digest): void {
    const fetching = this.#jobs.get(board.id)?.fetching.get(unit);
    if (fetching?.root !== root) return;
    const cid = this.#currentHint(board, unit, root);
    if (cid !== undefined) fetching.tried.add(cid);
    // Every hint failed: they are all tried again later, perhaps somebody has come back.
    if (this.#currentHint(board, unit, root) === undefined) fetching.tried.clear();
    fetching.attempts++;
    this.#core.agenda.set(`result ${board.id} ${unit}`, turn.now + retryMs(fetching.attempts) / 2);
  }

  onResultBlock(turn: Turn, board: JobBoard, unit: UnitIndex, root: Digest, bytes: Uint8Array | undefined): void {
    const own = this.#jobs.get(board.id);
    const fetching = own?.fetching.get(unit);
    const cid = this.#currentHint(board, unit, root);
    if (own === undefined || fetching?.root !== root || cid === undefined) return;
    if (bytes === undefined || !isOutputOf(bytes, root)) return this.onResultUnavailable(turn, board, unit, root);
    this.#takeAgreed(turn, board, own, unit, cid);
  }

  retryResult(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const own = this.#jobs.get(board.id);
    const fetching = own?.fetching.get(unit);
    if (own === undefined || fetching === undefined) return;
    own.fetching.delete(unit);
    const { verdict } = board.row(unit);
    if (verdict.state === 'agreed') this.#fetch(turn, board, own, unit, verdict.root, fetching);
  }

  /** Tells others which units need no more work. */
  saySatisfied(turn: Turn, board: JobBoard): void {
    const own = this.#jobs.get(board.id);
    if (own === undefined || own.unsaid.length === 0) return;
    const ranges = rangesOf(own.unsaid.splice(0));
    for (let i = 0; i < ranges.length; i += SATISFIED_RANGES_MAX) {
      const part = ranges.slice(i, i + SATISFIED_RANGES_MAX);
      this.#core.outbox.say(turn, { kind: 'satisfied', job: board.id, seq: own.controlSeq++, ranges: part });
    }
  }

  cancel(turn: Turn, board: JobBoard): void {
    const own = this.#jobs.get(board.id);
    if (own === undefined || board.cancelled || own.finishedAtMs !== undefined) return;
    this.#core.outbox.say(turn, { kind: 'cancel', job: board.id, seq: own.controlSeq++ });
  }

  /** A larger quorum for every unit of a running job; what was computed here and taken as own stays. */
  raise(turn: Turn, board: JobBoard, quorum: number): void {
    const own = this.#jobs.get(board.id);
    if (own === undefined || board.cancelled || own.finishedAtMs !== undefined || quorum <= board.quorum) return;
    const ranges = [{ first: 0, count: board.units }];
    this.#core.outbox.say(turn, { kind: 'raise', job: board.id, seq: own.controlSeq++, quorum, ranges });
  }

  /** Somebody came or went: results that waited for company, or a lack of it, are looked at again. */
  onPresence(turn: Turn): void {
    for (const { job } of this.#jobs.values()) this.#core.boards.get(job)?.touchActive();
    this.considerAppends(turn);
  }

  forget(job: JobId): void {
    this.#jobs.delete(job);
    for (const name of [`append ${job}`, `satisfied ${job}`]) this.#core.agenda.set(name, undefined);
  }

  #adopt(board: JobBoard, submittedAtMs: Millis): OwnJob {
    const own: OwnJob = {
      job: board.id,
      results: new Map(),
      fetching: new Map(),
      unsaid: [],
      controlSeq: this.#core.ledger.count(board.id),
      submittedAtMs,
      finishedAtMs: undefined,
    };
    this.#jobs.set(board.id, own);
    return own;
  }

  #newcomers(board: JobBoard, now: Millis): readonly PeerKey[] {
    if (!board.spec.appends || board.cancelled || board.isDone || now >= board.expiresAtMs) return [];
    const { members } = board.roster;
    const candidates = this.#core.peers
      .candidates(now)
      .filter((peer) => peer !== this.#core.self && !members.has(peer));
    return candidates.slice(0, ROSTER_MAX - members.size);
  }

  #problem(body: BodyOf<'job-announce'>, event: JobSubmittedEvent): string | undefined {
    if (event.unitInputs.length !== Math.ceil(body.spec.taskCount / body.spec.tasksPerUnit)) {
      return `${event.unitInputs.length} unit inputs for ${body.spec.taskCount} tasks of ${body.spec.tasksPerUnit} a unit`;
    }
    if (!body.spec.appends && body.spec.ownResults === 'never' && body.roster.length < body.spec.quorum) {
      return `${body.roster.length} peers cannot reach a quorum of ${body.spec.quorum}, and the job allows neither later peers nor own results`;
    }
    try {
      encodeBody(body);
    } catch (error) {
      if (error instanceof WireError || error instanceof BlockError) return error.message;
      throw error;
    }
    return specProblem(body.spec, body.roster, this.#core.parameters);
  }

  #fetch(
    turn: Turn,
    board: JobBoard,
    own: OwnJob,
    unit: UnitIndex,
    root: Digest,
    earlier?: { readonly root: Digest; readonly tried: Set<Cid>; readonly attempts: number },
  ): void {
    if (own.fetching.get(unit)?.root === root) return;
    const kept = earlier?.root === root ? earlier : undefined;
    own.fetching.set(unit, { root, tried: kept?.tried ?? new Set(), attempts: kept?.attempts ?? 0 });
    const cid = this.#currentHint(board, unit, root);
    if (cid === undefined) return;
    turn.emit({
      type: 'fetch-blocks',
      ticket: this.#core.tickets.open({ for: 'result', job: board.id, unit, root }),
      job: board.id,
      cids: [cid],
      providers: outputHints(board, unit, root).get(cid) ?? [],
      bytesMax: BLOCK_BYTES_MAX,
    });
  }

  /** The output most authors of the root point at, among those not tried yet. */
  #currentHint(board: JobBoard, unit: UnitIndex, root: Digest): Cid | undefined {
    const tried = this.#jobs.get(board.id)?.fetching.get(unit)?.tried;
    const hints = [...outputHints(board, unit, root)].filter(([cid]) => tried?.has(cid) !== true);
    return hints.sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))[0]?.[0];
  }

  #takeAgreed(turn: Turn, board: JobBoard, own: OwnJob, unit: UnitIndex, output: Cid): void {
    own.fetching.delete(unit);
    const { verdict } = board.row(unit);
    if (verdict.state !== 'agreed') return;
    const label = quorumLabel(verdict.counted, board.quorumFor(unit));
    this.#take(turn, board, own, unit, {
      label,
      root: verdict.root,
      output,
      fuel: verdict.fuel,
      authors: verdict.counted.authors,
    });
  }

  /** The same result, now carried by others: somebody was voided, or somebody of a lower key came. */
  #relabel(turn: Turn, board: JobBoard, own: OwnJob, unit: UnitIndex, known: UnitResult): void {
    const { verdict } = board.row(unit);
    if (verdict.state === 'agreed' && verdict.counted.authors.join() !== known.authors.join()) {
      const result = {
        ...known,
        label: quorumLabel(verdict.counted, board.quorumFor(unit)),
        authors: verdict.counted.authors,
      };
      own.results.set(unit, result);
      turn.emit({
        type: 'persist',
        writes: [{ key: resultKey(board.id, unit), value: encodeResult(result) }],
        sync: false,
      });
    }
    this.#finishIfDone(turn, board, own);
  }

  #take(turn: Turn, board: JobBoard, own: OwnJob, unit: UnitIndex, result: UnitResult): void {
    own.results.set(unit, result);
    turn.emit({
      type: 'persist',
      writes: [{ key: resultKey(board.id, unit), value: encodeResult(result) }],
      sync: true,
    });
    turn.notify({ type: 'unit-result', job: board.id, unit, ...result });
    this.#finishIfDone(turn, board, own);
  }

  #finishIfDone(turn: Turn, board: JobBoard, own: OwnJob): void {
    if (own.finishedAtMs !== undefined || own.results.size < board.units || !board.isDone) return;
    const current = [...own.results].every(([unit, { label, root }]) => {
      const { verdict } = board.row(unit);
      return label.kind === 'own' || (verdict.state === 'agreed' && verdict.root === root);
    });
    if (!current) return;
    own.finishedAtMs = turn.now;
    // Everybody can see that the work is done, also those who missed a reveal.
    own.unsaid.splice(0, own.unsaid.length, ...own.results.keys());
    this.#core.agenda.setEarlier(`satisfied ${board.id}`, turn.now);
    turn.notify({ type: 'job-finished', job: board.id });
  }

  /** Unpredictable to others, so that nobody can prepare a key for a unit. */
  #nonce(now: Millis, counter: number): Digest {
    const seed = concatBytes(
      asciiBytes('roster'),
      this.#core.saltSecret,
      uint64Bytes(Math.round(now)),
      uint64Bytes(counter),
    );
    return toHex(sha256(seed)) as Digest;
  }

  /** Units that this roster can finish per second, or 0 where everybody may run everything at once. */
  #pace(expectedUnitMs: Millis, replicas: number, roster: readonly PeerKey[]): number {
    if (roster.length <= this.#core.parameters.openRosterMax) return 0;
    const cores = roster.reduce((sum, peer) => sum + Math.max(1, this.#core.peers.coresOf(peer)), 0);
    return Math.max(0.001, Math.round((1_000_000 * cores) / (replicas * expectedUnitMs)) / 1_000);
  }
}

function isUnanswered(replica: Replica): boolean {
  return replica.phase === 'committed' || replica.phase === 'frozen' || replica.phase === 'revealed';
}

export function rangesOf(units: readonly UnitIndex[]): readonly UnitRange[] {
  const ranges: { first: UnitIndex; count: number }[] = [];
  for (const unit of [...new Set(units)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.first + last.count === unit) last.count++;
    else ranges.push({ first: unit, count: 1 });
  }
  return ranges;
}
