/**
 * The way in for every statement: bytes → precheck → signature → examine → ledger, disk and board, and on to whatever
 * waited for it. Gossip and exchange come through the same door; our own statements join behind the signature.
 * Offences that the set itself proves are noticed here, told once, and where they concern us published with proof.
 */
import { type Admission, Admissions, type Source, waitKey } from './admission.ts';
import type { Core, Purpose, WriteList } from './core.ts';
import type { JobId, PeerKey, StatementId, Ticket, UnitIndex } from './ids.ts';
import { CLAIMS_PER_CORE, CLAIMS_PER_IDENTITY_MAX, CLOSED_JOBS_MAX, VERIFYING_MAX } from './limits.ts';
import type { Turn } from './turn.ts';
import { WaitingRoom } from './waiting.ts';
import { decodeEnvelope, type Envelope } from './wire/envelope.ts';
import type { BodyOf } from './wire/statement.ts';
import { leaseMs as leaseLimitMs } from './work/assignment.ts';
import { JobBoard } from './work/board.ts';

/** A cancelled job is kept this long, like a finished one, so that latecomers can still be answered. */
export const CLOSED_AFTER_MS = 30 * 60_000;

export interface IntakeParts {
  readonly core: Core;
  /** What to persist in the same write as our own commit. */
  readonly recordsFor: (body: BodyOf<'commit'>) => WriteList;
  readonly onOwnJob: (turn: Turn, board: JobBoard) => void;
  readonly onIdentity: (turn: Turn) => void;
  /** False when no further job can be taken. */
  readonly makeRoom: (turn: Turn) => boolean;
}

type JobBody = Exclude<Envelope['body'], { kind: 'identity' } | { kind: 'job-announce' }>;

export class Intake {
  readonly #core: Core;
  readonly #parts: IntakeParts;
  readonly #admissions: Admissions;
  readonly #waiting: WaitingRoom;
  readonly #closed = new Set<JobId>();
  /** Offences already proven or told, so that each is told once. */
  readonly #told = new Set<string>();

  constructor(parts: IntakeParts) {
    this.#core = parts.core;
    this.#parts = parts;
    this.#admissions = new Admissions(parts.core.parameters, parts.core.peers);
    this.#waiting = new WaitingRoom(({ envelope }) => this.#admissions.forget(envelope.id));
  }

  get sizes(): { readonly seen: number; readonly waiting: number; readonly closed: number } {
    return { seen: this.#admissions.seenCount, waiting: this.#waiting.size, closed: this.#closed.size };
  }

  isSeen(id: StatementId): boolean {
    return this.#admissions.isSeen(id);
  }

  remember(id: StatementId): void {
    this.#admissions.remember(id);
  }

  isClosed(job: JobId): boolean {
    return this.#closed.has(job);
  }

  /** The job is over for this peer: nothing of it is taken again. */
  closeJob(job: JobId): void {
    for (const key of this.#told) if (key.startsWith(job)) this.#told.delete(key);
    this.#closed.add(job);
    if (this.#closed.size <= CLOSED_JOBS_MAX) return;
    const oldest = this.#closed.values().next();
    if (oldest.done !== true) this.#closed.delete(oldest.value);
  }

  receive(turn: Turn, bytes: Uint8Array, source: Source, token: Ticket | undefined): void {
    const answer = (step: 'ignore' | 'reject', code: string) => {
      if (token !== undefined) turn.emit({ type: 'answer', token, answer: step });
      if (step === 'reject') turn.notify({ type: 'statement-refused', source: source.peer, code });
    };
    const result = this.#admissions.precheck(bytes, source, turn.now);
    if (result.step !== 'verify') return answer(result.step, result.code);
    const { envelope } = result;
    const { body } = envelope;
    if (body.kind !== 'identity' && this.#closed.has(body.kind === 'job-announce' ? jobOf(envelope) : body.job)) {
      return answer('ignore', 'closed');
    }
    if (this.#core.tickets.count('verification') >= VERIFYING_MAX) return answer('ignore', 'busy');
    turn.emit({
      type: 'verify',
      ticket: this.#core.tickets.open({ for: 'verification', envelope, source, token }),
      author: envelope.author,
      bytes: envelope.signedBytes,
      signature: envelope.signature,
    });
  }

  onVerified(turn: Turn, purpose: Extract<Purpose, { for: 'verification' }>, valid: boolean): void {
    const { envelope, source, token } = purpose;
    const answer = (step: 'accept' | 'ignore' | 'reject') => {
      if (token !== undefined) turn.emit({ type: 'answer', token, answer: step });
    };
    if (!valid) {
      turn.notify({ type: 'statement-refused', source: source.peer, code: 'bad-signature' });
      return answer('reject');
    }
    // Two copies may have been under way to the verifier at the same time.
    if (this.#admissions.isSeen(envelope.id)) return answer('ignore');
    if (!this.#admissions.charge(envelope, source, turn.now)) return answer('ignore');
    this.#admissions.remember(envelope.id);
    const { step } = this.#admit(turn, envelope, source);
    answer(step === 'wait' ? 'ignore' : step);
  }

  #admit(turn: Turn, envelope: Envelope, source: Source): Admission {
    const { body } = envelope;
    const board =
      body.kind === 'identity' || body.kind === 'job-announce' ? undefined : this.#core.boards.get(body.job);
    const admission = this.#admissions.examine(envelope, board, turn.now);
    if (admission.step === 'accept') this.accept(turn, envelope, false);
    else if (admission.step === 'wait') {
      this.#waiting.add(admission.key, { envelope, source, until: admission.until });
      if (admission.until !== undefined) this.#core.agenda.setEarlier('waiting', admission.until);
    } else if (admission.step === 'reject') {
      turn.notify({ type: 'statement-refused', source: source.peer, code: admission.code });
    }
    return admission;
  }

  #retry(turn: Turn, key: string): void {
    for (const { envelope, source } of this.#waiting.take(key)) this.#admit(turn, envelope, source);
  }

  /** An admitted statement, ours or somebody else's: into ledger and board, onto the disk, and to whoever waited for it. */
  accept(turn: Turn, envelope: Envelope, own: boolean): void {
    const { id, author, body, bytes } = envelope;
    const { ledger, peers, boards } = this.#core;
    peers.heard(author, turn.now);
    if (body.kind === 'identity') return this.#acceptIdentity(turn, envelope, body);
    if (body.kind === 'claim') return this.#acceptClaim(turn, author, body);
    const job = jobOf(envelope);
    if (body.kind === 'job-announce' && !this.#parts.makeRoom(turn)) return this.#admissions.forget(id);
    if (!ledger.add(job, id, bytes)) {
      if (!ledger.has(job, id)) this.#admissions.forget(id);
      if (!own) return;
    }
    const records = own && body.kind === 'commit' ? this.#parts.recordsFor(body) : [];
    const writes = [{ key: statementKey(job, id), value: bytes }, ...records];
    turn.emit({ type: 'persist', writes, sync: own });
    if (body.kind === 'job-announce') {
      const board = new JobBoard(this.#core.parameters, job, author, body, turn.now);
      boards.set(job, board);
      this.#core.agenda.set(`job ${job}`, board.expiresAtMs);
      turn.notify({ type: 'job-known', job, submitter: author, title: body.spec.title });
      if (own) this.#parts.onOwnJob(turn, board);
      this.#core.agenda.setEarlier('schedule', turn.now);
      return this.#retry(turn, waitKey.job(job));
    }
    this.apply(turn, boards.get(job)!, envelope, body);
  }

  apply(turn: Turn, board: JobBoard, envelope: Envelope, body: Exclude<JobBody, { kind: 'claim' }>): void {
    const { id, author } = envelope;
    const job = board.id;
    switch (body.kind) {
      case 'roster-append':
        board.roster.append(id, body);
        board.touchAll();
        this.#core.agenda.setEarlier('schedule', turn.now);
        return this.#retry(turn, waitKey.roster(job));
      case 'commit':
        this.#proveTwo(
          turn,
          board,
          envelope,
          body.entries.map(({ unit }) => unit),
        );
        board.applyCommit(id, author, body, turn.now);
        for (const { unit } of body.entries) this.#retry(turn, waitKey.commit(job, unit, author));
        return;
      case 'reveal':
        this.#proveTwo(
          turn,
          board,
          envelope,
          body.entries.map(({ unit }) => unit),
        );
        board.applyReveal(id, author, body, turn.now);
        for (const { unit } of body.entries) this.#retry(turn, waitKey.root(job, unit));
        return;
      case 'close':
        return board.applyClose(id, author, body);
      case 'opening':
        board.applyOpening(body);
        return this.#retry(turn, waitKey.opening(job, body.unit));
      case 'wrong-leaf':
        return board.applyWrongLeaf(body);
      case 'two-statements':
        // The accuser is not believed: both statements pass admission like any other and prove the offence themselves.
        for (const bytes of [body.first, body.second])
          this.receive(turn, bytes, { via: 'direct', peer: author }, undefined);
        return;
      case 'cancel':
        board.applyCancel();
        this.#core.agenda.set(`job ${job}`, turn.now + CLOSED_AFTER_MS);
        return turn.notify({ type: 'job-cancelled', job });
      case 'satisfied':
        return board.applySatisfied(body.ranges);
      case 'raise':
        board.applyRaise(body.ranges, body.quorum);
        return this.#core.agenda.setEarlier('schedule', turn.now);
    }
  }

  #acceptIdentity(turn: Turn, { id, author, bytes }: Envelope, body: BodyOf<'identity'>): void {
    const { issuedAtMs, cores, addresses, agent } = body;
    if (author === this.#core.self) return;
    this.#core.peers.learn(author, { id, issuedAtMs, cores, addresses, agent, bytes }, turn.now);
    this.#parts.onIdentity(turn);
    this.#core.agenda.setEarlier('schedule', turn.now);
  }

  #acceptClaim(turn: Turn, author: PeerKey, { job, units, leaseMs }: BodyOf<'claim'>): void {
    const { parameters } = this.#core;
    const board = this.#core.boards.get(job);
    if (board === undefined || author === this.#core.self) return;
    if (leaseMs === 0) {
      for (const unit of units) board.dropClaim(unit, author);
      this.#core.agenda.setEarlier('schedule', turn.now);
      return;
    }
    const claimsMax = Math.min(
      CLAIMS_PER_IDENTITY_MAX,
      CLAIMS_PER_CORE * Math.max(1, this.#core.peers.coresOf(author)),
    );
    // The author may be further away than others: its hold may be longer than the one here, up to the cap.
    const longestMs = leaseLimitMs(board.spec.expectedUnitMs, parameters.holdCapMs, parameters);
    board.applyClaim(author, units, turn.now + Math.min(leaseMs, longestMs), claimsMax);
  }

  /** A second, different statement for a slot: publish both, once, if this unit concerns us. */
  #proveTwo(turn: Turn, board: JobBoard, envelope: Envelope, units: readonly UnitIndex[]): void {
    const { author, body } = envelope;
    if (body.kind !== 'commit' && body.kind !== 'reveal') return;
    for (const unit of units) {
      const evidence = board.peek(unit)?.evidence;
      const known = (body.kind === 'commit' ? evidence?.commits : evidence?.reveals)?.get(author);
      const first =
        known === undefined || known.id === envelope.id ? undefined : this.#core.ledger.bytesOf(board.id, known.id);
      const key = `${board.id} ${unit} ${author}`;
      if (first === undefined || author === this.#core.self || this.#told.has(key)) continue;
      if (!isContradiction(decodeEnvelope(first, this.#core.parameters.network), envelope, unit)) continue;
      this.#told.add(key);
      this.#core.peers.offend(author);
      turn.notify({ type: 'equivocated', job: board.id, unit, author });
      if (!board.isWorker(unit, this.#core.self)) continue;
      this.#core.outbox.say(turn, { kind: 'two-statements', job: board.id, unit, first, second: envelope.bytes });
    }
  }

  tellRefuted(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const { evidence, refutation } = board.row(unit);
    if (refutation.refuted.size === 0) return;
    for (const [author, { root }] of evidence.reveals) {
      const leaf = refutation.refuted.get(root);
      const key = `${board.id} ${unit} ${author} ${root}`;
      if (leaf === undefined || this.#told.has(key)) continue;
      this.#told.add(key);
      this.#core.peers.offend(author);
      turn.notify({ type: 'refuted', job: board.id, unit, author, root, leaf });
    }
  }

  retryDue(turn: Turn): void {
    for (const { envelope, source } of this.#waiting.takeDue(turn.now)) this.#admit(turn, envelope, source);
    this.#core.agenda.set('waiting', this.#waiting.nextAt());
  }
}

/** The job a statement belongs to; an announcement's own id names the job. */
export function jobOf({ id, body }: Envelope): JobId {
  if (body.kind === 'identity') throw new Error('an identity belongs to no job');
  return body.kind === 'job-announce' ? (id as string as JobId) : body.job;
}

export function statementKey(job: JobId, id: string): string {
  return `statement/${job}/${id}`;
}

function isContradiction(first: Envelope, second: Envelope, unit: UnitIndex): boolean {
  const entryIn = ({ body }: Envelope) => {
    if (body.kind !== 'commit' && body.kind !== 'reveal') return undefined;
    const entries: readonly { readonly unit: UnitIndex }[] = body.entries;
    return JSON.stringify(entries.find((entry) => entry.unit === unit));
  };
  return first.body.kind === second.body.kind && entryIn(first) !== undefined && entryIn(first) !== entryIn(second);
}
