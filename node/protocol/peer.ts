/**
 * The root state machine: one peer. It routes each event to the part that decides on it, then settles: touched units
 * get their verdicts, roles look at what changed, due moments are looked at again, until nothing is left to do at
 * this moment. Effects come out in the order in which they were decided.
 *
 * Inbound: bytes → admission → (signature) → ledger and board → roles. Outbound: roles → outbox → (signature) →
 * ledger and board, persist, publish. Our own statements take the same way in as everybody else's.
 */
import { Completions } from './completions.ts';
import type { Core, Purpose } from './core.ts';
import { Tickets } from './core.ts';
import type { Effect } from './effect.ts';
import type { DialFailedEvent, Event, StartedEvent } from './event.ts';
import type { JobId, Millis, PeerKey } from './ids.ts';
import { CLOSED_AFTER_MS, Intake, jobOf } from './intake.ts';
import { JobEnds } from './job-ends.ts';
import { Ledger } from './ledger.ts';
import { DIAL_FAILURES_MAX } from './limits.ts';
import type { PeerStateMachine } from './machine.ts';
import { Outbox } from './outbox.ts';
import type { Parameters } from './parameters.ts';
import { IDENTITY_RENEWAL_MS, Peers } from './peers.ts';
import { jobView, peerView, type ReportParts } from './report.ts';
import { readRecords } from './restore.ts';
import { Attester } from './roles/attester.ts';
import { Inputs } from './roles/inputs.ts';
import { Refuter } from './roles/refuter.ts';
import { Submitter } from './roles/submitter.ts';
import { Volunteer } from './roles/volunteer.ts';
import { Exchange } from './sync/exchange.ts';
import { Turn } from './turn.ts';
import type { JobView, PeerView } from './view.ts';
import { sealEnvelope } from './wire/envelope.ts';
import { Agenda } from './work/agenda.ts';
import { JobBoard } from './work/board.ts';

/** Between the first connection and the identity that goes to the whole network: links and meshes form meanwhile. */
const INTRODUCTION_PAUSE_MS = 1_000;
/** Least time between two choices of work; and after a choice in vain, as much for each unit it looked at, up to a bound. */
const SCHEDULE_PAUSE_MS = 5;
const SCHEDULE_PAUSE_PER_UNIT_MS = 0.5;
const SCHEDULE_PAUSE_MAX_MS = 100;
/** Rounds of settling in one turn. More means two rules undo each other: a defect of ours, stopped rather than spun. */
const SETTLE_ROUNDS_MAX = 10_000;

export interface PeerComponents {
  readonly self: PeerKey;
  /** 32 secret bytes of this identity; salts of commitments come from them. */
  readonly saltSecret: Uint8Array;
  readonly parameters: Parameters;
  /** Units this peer runs side by side; 0 computes nothing. */
  readonly cores: number;
  readonly addresses: readonly string[];
  readonly agent: string;
  /** Uniform in [0, 1); jitter only. */
  readonly random: () => number;
}

export function createPeer(components: PeerComponents): PeerStateMachine {
  return new Peer(components);
}

class Peer implements PeerStateMachine {
  readonly self: PeerKey;
  readonly #parameters: Parameters;
  readonly #agent: string;
  readonly #core: Core;
  readonly #intake: Intake;
  readonly #inputs: Inputs;
  readonly #volunteer: Volunteer;
  readonly #attester: Attester;
  readonly #submitter: Submitter;
  readonly #refuter: Refuter;
  readonly #exchange: Exchange;
  readonly #completions: Completions;
  readonly #ends: JobEnds;
  readonly #dialFailures = new Map<string, DialFailedEvent>();
  #addresses: readonly string[];
  #holdMs: Millis | undefined;
  #observer: string | undefined;
  #offered = -1;
  /** Our identity was published while somebody was connected. */
  #introduced = false;
  #scheduledAtMs = Number.NEGATIVE_INFINITY;
  #schedulePauseMs = SCHEDULE_PAUSE_MS;

  constructor({ self, saltSecret, parameters, cores, addresses, agent, random }: PeerComponents) {
    this.self = self;
    this.#parameters = parameters;
    this.#agent = agent;
    this.#addresses = addresses;
    const tickets = new Tickets();
    const core: Core = {
      self,
      saltSecret,
      parameters,
      random,
      tickets,
      peers: new Peers(parameters, self),
      ledger: new Ledger(),
      boards: new Map(),
      agenda: new Agenda(),
      outbox: new Outbox(parameters, self, tickets),
      holdMs: () => (this.#holdMs ??= core.peers.holdMs()),
    };
    this.#core = core;
    this.#inputs = new Inputs(core);
    this.#submitter = new Submitter(core);
    this.#volunteer = new Volunteer({
      core,
      inputs: this.#inputs,
      onResult: (turn, board, replica, execution) => {
        if (this.#submitter.takesOwn(board)) this.#submitter.acceptOwn(turn, board, replica, execution);
        else this.#attester.commit(turn, board, replica, execution);
        core.agenda.setEarlier('schedule', turn.now);
      },
    });
    this.#volunteer.setCapacity(cores, []);
    this.#attester = new Attester(core, this.#volunteer);
    this.#refuter = new Refuter(core, this.#inputs);
    this.#intake = new Intake({
      core,
      recordsFor: (body) => this.#attester.recordsFor(body),
      onOwnJob: (turn, board) => this.#submitter.onAnnounced(turn, board),
      onIdentity: (turn) => this.#submitter.considerAppends(turn),
      makeRoom: (turn) => this.#ends.makeRoom(turn),
    });
    this.#exchange = new Exchange({
      core,
      onEnvelope: (turn, bytes, from) => this.#intake.receive(turn, bytes, { via: 'direct', peer: from }, undefined),
      isSeen: (id) => this.#intake.isSeen(id),
      isClosed: (job) => this.#intake.isClosed(job),
    });
    const parts = {
      core,
      intake: this.#intake,
      inputs: this.#inputs,
      volunteer: this.#volunteer,
      submitter: this.#submitter,
      refuter: this.#refuter,
    };
    this.#completions = new Completions({
      ...parts,
      attester: this.#attester,
      onSigned: (turn, purpose, signature) => this.#onSigned(turn, purpose, signature),
    });
    this.#ends = new JobEnds(parts);
  }

  handle(event: Event, now: Millis): readonly Effect[] {
    const turn = new Turn(now);
    this.#route(turn, event);
    this.#settle(turn);
    return turn.effects;
  }

  nextDeadline(): Millis | undefined {
    return this.#core.agenda.next();
  }

  view(now: Millis): PeerView {
    return peerView(this.#report(), now);
  }

  jobView(job: JobId, now: Millis): JobView | undefined {
    return jobView(this.#report(), job, now);
  }

  /** Sizes of everything that grows, by the name of its bound: for metrics and for the test that fills them all. */
  sizes(): Readonly<Record<string, number>> {
    const { ledger, peers, boards, tickets } = this.#core;
    return {
      jobs: boards.size,
      statements: ledger.size,
      peers: peers.size,
      ...this.#intake.sizes,
      verifying: tickets.count('verification'),
      dialFailures: this.#dialFailures.size,
      exchanges: this.#exchange.pending,
      unrevealed: this.#volunteer.unrevealed,
    };
  }

  #route(turn: Turn, event: Event): void {
    const { peers, agenda } = this.#core;
    switch (event.type) {
      case 'started':
        return this.#restore(turn, event);
      case 'job-submitted':
        return this.#submitter.submit(turn, event);
      case 'job-controlled':
        return this.#ends.control(turn, event.job, event.action);
      case 'job-raised': {
        const board = this.#core.boards.get(event.job);
        if (board?.submitter === this.self) this.#submitter.raise(turn, board, event.quorum);
        return;
      }
      case 'capacity-changed':
        this.#volunteer.setCapacity(event.cores, event.paused);
        if (this.#volunteer.offeredCores === 0) this.#volunteer.letGoOfAll(turn);
        return agenda.setEarlier('schedule', turn.now);
      case 'addresses-changed':
        this.#addresses = event.addresses;
        return agenda.set('identity', turn.now);
      case 'peer-connected':
        peers.connect(event, turn.now);
        // An identity told to nobody has to be told again, or peers beyond this neighbour hear of us in ten minutes.
        if (!this.#introduced) agenda.setEarlier('identity', turn.now + INTRODUCTION_PAUSE_MS);
        this.#dialFailures.clear();
        this.#exchange.onConnected(turn, event.peer);
        this.#inputs.onConnected();
        return this.#onPresence(turn);
      case 'peer-disconnected':
        peers.disconnect(event.peer, turn.now);
        this.#exchange.onDisconnected(event.peer);
        return this.#onPresence(turn);
      case 'peer-incompatible':
        return peers.incompatible(event, turn.now);
      case 'dial-failed':
        this.#dialFailures.delete(event.address);
        this.#dialFailures.set(event.address, event);
        if (this.#dialFailures.size > DIAL_FAILURES_MAX) deleteOldest(this.#dialFailures);
        return;
      case 'link-measured':
        peers.measure(event.peer, event.roundTripMs);
        this.#holdMs = undefined;
        return;
      case 'message-received':
        return this.#intake.receive(turn, event.bytes, { via: 'gossip', peer: event.source }, event.token);
      case 'direct-received':
        if (this.#exchange.onMessage(turn, event.peer, event.bytes) !== undefined) {
          turn.notify({ type: 'statement-refused', source: event.peer, code: 'malformed' });
        }
        return;
      case 'work-kept':
        for (const { job, unit } of event.units) this.#volunteer.remember(job, unit);
        return agenda.setEarlier('schedule', turn.now);
      case 'storage-failed':
        this.#observer = `${event.code}: ${event.detail}`;
        return this.#volunteer.letGoOfAll(turn);
      case 'storage-recovered':
        this.#observer = undefined;
        return agenda.setEarlier('schedule', turn.now);
      case 'sandbox-changed':
        this.#volunteer.sandboxFailure = event.failure;
        if (event.failure !== undefined) this.#volunteer.letGoOfAll(turn);
        return agenda.setEarlier('schedule', turn.now);
      case 'stopping':
        this.#volunteer.stop(turn);
        this.#attester.revealAllFrozen(turn);
        this.#core.outbox.flush(turn, true);
        return;
      case 'woke':
        return;
      default:
        return this.#completions.complete(turn, event);
    }
  }

  // ── statements going out ────────────────────────────────────────────────────────────────────────────────────────

  #onSigned(turn: Turn, { body, signed }: Extract<Purpose, { for: 'signature' }>, signature: Uint8Array): void {
    const envelope = sealEnvelope(this.self, body, signed, signature);
    this.#intake.remember(envelope.id);
    if (body.kind !== 'identity' && body.kind !== 'job-announce' && !this.#core.boards.has(body.job)) return;
    this.#intake.accept(turn, envelope, true);
    turn.emit({ type: 'publish', bytes: envelope.bytes });
    if (body.kind === 'identity') this.#core.peers.setOwnIdentity(envelope.bytes);
    if (body.kind === 'commit') this.#attester.onCommitted(turn, body);
    if (body.kind === 'reveal') this.#attester.onRevealed(turn, body);
  }

  #sayIdentity(turn: Turn): void {
    this.#offered = this.#volunteer.offeredCores;
    this.#introduced = this.#core.peers.connected.length > 0;
    this.#core.outbox.say(turn, {
      kind: 'identity',
      issuedAtMs: Math.round(turn.now),
      cores: this.#offered,
      agent: this.#agent,
      addresses: this.#addresses.slice(0, 8),
    });
    this.#core.agenda.set('identity', turn.now + IDENTITY_RENEWAL_MS);
  }

  // ── settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  #settle(turn: Turn): void {
    const { agenda, boards } = this.#core;
    if (this.#observer === undefined && this.#volunteer.offeredCores !== this.#offered && this.#offered >= 0)
      agenda.setEarlier('identity', turn.now);
    for (let round = 0; ; round++) {
      if (round > SETTLE_ROUNDS_MAX)
        throw new Error(`settling does not end: ${agenda.takeDue(turn.now).slice(0, 8).join(', ')}`);
      let busy = false;
      for (const name of agenda.takeDue(turn.now)) {
        busy = true;
        this.#onDue(turn, name);
      }
      for (const board of boards.values()) {
        if (!board.isDirty) continue;
        busy = true;
        this.#settleBoard(turn, board);
      }
      if (!busy) break;
    }
    agenda.set('outbox', this.#core.outbox.flush(turn));
  }

  #settleBoard(turn: Turn, board: JobBoard): void {
    const { agenda, peers } = this.#core;
    const context = {
      now: turn.now,
      self: this.self,
      parameters: this.#parameters,
      holdMs: this.#core.holdMs(),
      goneSince: (author: PeerKey) => peers.goneSince(author),
    };
    for (const { unit, before, row, wakeAt } of board.settle(context)) {
      agenda.set(`unit ${board.id} ${unit}`, wakeAt);
      if (row.verdict.state !== before)
        turn.notify({ type: 'verdict', job: board.id, unit, verdict: row.verdict.state });
      this.#intake.tellRefuted(turn, board, unit);
      this.#refuter.onSettled(turn, board, unit);
      this.#volunteer.onSettled(turn, board, unit);
      this.#attester.advance(turn, board, unit);
      this.#submitter.onSettled(turn, board, unit, this.#volunteer.replica(board.id, unit));
    }
    agenda.setEarlier('schedule', turn.now);
    if (board.isDone && board.submitter !== this.self) agenda.setEarlier(`job ${board.id}`, turn.now + CLOSED_AFTER_MS);
  }

  /** A moment named in the agenda has come. */
  #onDue(turn: Turn, name: string): void {
    const [what, job, unit] = name.split(' ') as [string, JobId | undefined, string | undefined];
    if (what === 'schedule') {
      if (this.#observer === undefined) this.#schedule(turn);
      return;
    }
    if (what === 'identity') return this.#sayIdentity(turn);
    if (what === 'exchange') return this.#exchange.tick(turn);
    if (what === 'refuter') return this.#refuter.next(turn);
    if (what === 'waiting') return this.#intake.retryDue(turn);
    const board = job === undefined ? undefined : this.#core.boards.get(job);
    if (board === undefined) return;
    switch (what) {
      case 'unit':
      case 'renew':
        return board.touch(Number(unit));
      case 'replica':
        return this.#attester.advance(turn, board, Number(unit));
      case 'inputs':
        this.#inputs.retry(turn, board);
        return;
      case 'append':
        return this.#submitter.append(turn, board);
      case 'satisfied':
        return this.#submitter.saySatisfied(turn, board);
      case 'result':
        return this.#submitter.retryResult(turn, board, Number(unit));
      case 'job':
        return this.#ends.onDue(turn, board);
    }
  }

  /** Choosing looks at many units: a burst of statements leads to one choice, not to one each. */
  #schedule(turn: Turn): void {
    const earliest = this.#scheduledAtMs + this.#schedulePauseMs;
    if (turn.now >= this.#scheduledAtMs && turn.now < earliest)
      return this.#core.agenda.setEarlier('schedule', earliest);
    this.#scheduledAtMs = turn.now;
    const pauseMs = SCHEDULE_PAUSE_PER_UNIT_MS * this.#volunteer.schedule(turn);
    this.#schedulePauseMs = Math.min(SCHEDULE_PAUSE_MAX_MS, Math.max(SCHEDULE_PAUSE_MS, pauseMs));
  }

  #onPresence(turn: Turn): void {
    this.#holdMs = undefined;
    for (const board of this.#core.boards.values()) board.touchActive();
    this.#submitter.onPresence(turn);
    this.#core.agenda.setEarlier('schedule', turn.now);
  }

  // ── beginning ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** What earlier runs persisted: announcements first, then the rest in any order; then the roles pick up. */
  #restore(turn: Turn, { records }: StartedEvent): void {
    const { boards, ledger, agenda } = this.#core;
    const { envelopes, results, replicas } = readRecords(records, this.#parameters.network);
    for (const envelope of envelopes) {
      const { id, author, body, bytes } = envelope;
      const job = jobOf(envelope);
      this.#intake.remember(id);
      if (body.kind === 'job-announce') boards.set(job, new JobBoard(this.#parameters, job, author, body, turn.now));
      const board = boards.get(job);
      if (board === undefined) continue;
      ledger.add(job, id, bytes);
      if (body.kind !== 'job-announce' && body.kind !== 'identity' && body.kind !== 'claim')
        this.#intake.apply(turn, board, envelope, body);
    }
    for (const board of boards.values()) {
      agenda.set(`job ${board.id}`, Math.max(turn.now + 1, board.expiresAtMs));
      this.#attester.restore(board, replicas.get(board.id) ?? new Map(), turn.now);
      if (board.submitter === this.self) this.#submitter.restore(turn, board, results.get(board.id) ?? new Map());
      for (const [unit] of board.rows()) agenda.set(`replica ${board.id} ${unit}`, turn.now);
    }
    this.#sayIdentity(turn);
    agenda.setEarlier('schedule', turn.now);
    this.#exchange.tick(turn);
  }

  #report(): ReportParts {
    return {
      core: this.#core,
      inputs: this.#inputs,
      volunteer: this.#volunteer,
      submitter: this.#submitter,
      observer: this.#observer,
      dialFailures: [...this.#dialFailures.values()],
    };
  }
}

function deleteOldest(collection: Map<unknown, unknown> | Set<unknown>): void {
  const oldest = collection.keys().next();
  if (oldest.done !== true) collection.delete(oldest.value);
}
