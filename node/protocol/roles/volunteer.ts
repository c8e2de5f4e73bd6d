/**
 * Chooses work and runs it: up to the commitment. Jobs take turns by how much their submitters have been given, and
 * in a job the unit is taken on which this peer ranks lowest among those it may start now. The submitter uses the
 * same code for its own job, as the worker of last rank.
 *
 * What happens to a replica after its run, from commit to reveal, is the attester's.
 */
import type { Core } from '../core.ts';
import type { Execution, ExecutionFailureCode, ExecutionRequest } from '../effect.ts';
import type { PauseReason } from '../event.ts';
import type { JobId, Millis, PeerKey, UnitIndex } from '../ids.ts';
import { BLOCK_BYTES_MAX, CLAIMS_PER_CORE, CLAIMS_PER_IDENTITY_MAX, JOBS_MAX, UNREVEALED_MAX } from '../limits.ts';
import { rootOf } from '../trust/commitment.ts';
import type { Turn } from '../turn.ts';
import { leaseMs, startAt } from '../work/assignment.ts';
import type { JobBoard } from '../work/board.ts';
import { FairQueue } from '../work/fair-queue.ts';
import { tasksInUnit } from '../work/job.ts';
import { createReplica, type Replica, type ReplicaResult } from '../work/replica.ts';
import type { Inputs } from './inputs.ts';
import { providersForUnit } from './inputs.ts';

/** Units looked at from the first open one: bounds one choice, and keeps a job's results coming roughly in order. */
const WINDOW_UNITS = 256;
/** A run may take this many times as long as expected, and never less than the floor, before it is killed. */
const WALL_CLOCK_FACTOR = 20;
const WALL_CLOCK_FLOOR_MS = 30_000;
const WALL_CLOCK_MAX_MS = 15 * 60_000;
/** A crash may be due to what ran beside it, or to nothing at all; a unit that is there each time is left to others. */
const CRASHES_MAX = 3;

export interface VolunteerParts {
  readonly core: Core;
  readonly inputs: Inputs;
  /** Hands a finished run on: to the attester, or to the submitter as its own result. */
  readonly onResult: (turn: Turn, board: JobBoard, replica: Replica, execution: Execution) => void;
}

/** The choice there is when nothing can be started now: for `why` and for the timer. */
export interface Outlook {
  readonly startsAt: Millis | undefined;
  readonly rostered: boolean;
  readonly openUnits: number;
  readonly claimedByOthers: number;
}

export class Volunteer {
  readonly #core: Core;
  readonly #inputs: Inputs;
  readonly #onResult: VolunteerParts['onResult'];
  readonly #replicas = new Map<JobId, Map<UnitIndex, Replica>>();
  readonly #abstaining = new Map<JobId, string>();
  readonly #queue: FairQueue;
  readonly #outlooks = new Map<JobId, Outlook>();
  /** Units this machine has done a part of, and can go on with. */
  readonly #begun = new Map<JobId, Set<UnitIndex>>();
  #cores = 0;
  #paused: readonly PauseReason[] = [];
  #stopping = false;
  /** By job and unit: runs that ended with the worker. */
  readonly #crashes = new Map<JobId, Map<UnitIndex, number>>();
  /** Why nothing can be executed here, if so. */
  sandboxFailure: string | undefined;
  unitsExecuted = 0;
  fuelExecuted = 0;

  constructor({ core, inputs, onResult }: VolunteerParts) {
    this.#core = core;
    this.#inputs = inputs;
    this.#queue = new FairQueue(core.self);
    this.#onResult = onResult;
  }

  get cores(): number {
    return this.#cores;
  }

  get paused(): readonly PauseReason[] {
    return this.#paused;
  }

  /** Cores offered to others at this moment. */
  get offeredCores(): number {
    return this.#paused.length > 0 || this.#stopping || this.sandboxFailure !== undefined ? 0 : this.#cores;
  }

  setCapacity(cores: number, paused: readonly PauseReason[]): void {
    this.#cores = cores;
    this.#paused = paused;
  }

  replicas(): Iterable<Replica> {
    return this.#all();
  }

  replica(job: JobId, unit: UnitIndex): Replica | undefined {
    return this.#replicas.get(job)?.get(unit);
  }

  adopt(replica: Replica): void {
    const ofJob = this.#replicas.get(replica.job) ?? new Map<UnitIndex, Replica>();
    this.#replicas.set(replica.job, ofJob.set(replica.unit, replica));
  }

  /** It has been begun: it comes before units that have not, as long as it wants a replica. */
  remember(job: JobId, unit: UnitIndex): void {
    const ofJob = this.#begun.get(job) ?? new Set<UnitIndex>();
    this.#begun.set(job, ofJob.add(unit));
    for (const oldest of this.#begun.keys()) {
      if (this.#begun.size <= JOBS_MAX) break;
      this.#begun.delete(oldest);
    }
  }

  outlook(job: JobId): Outlook | undefined {
    return this.#outlooks.get(job);
  }

  abstention(job: JobId): string | undefined {
    return this.#abstaining.get(job);
  }

  get active(): number {
    return this.#countPhases('fetching', 'executing');
  }

  get unrevealed(): number {
    return this.#countPhases('committing', 'committed', 'frozen');
  }

  /** Starts what can be started, and remembers when to look again. Returns how many units were looked at in vain. */
  schedule(turn: Turn): number {
    this.#core.agenda.set('schedule', undefined);
    const slots = Math.min(CLAIMS_PER_IDENTITY_MAX, CLAIMS_PER_CORE * this.offeredCores);
    if (slots === 0) return 0;
    for (const board of this.#core.boards.values()) if (this.#concerns(board)) this.#inputs.ensure(turn, board);
    const isIdle = this.#idleness(turn.now);
    let free = slots - this.active;
    let unrevealed = this.unrevealed;
    while (free > 0 && unrevealed < UNREVEALED_MAX) {
      const choice = this.#choose(turn.now, isIdle);
      if (choice === undefined) return [...this.#outlooks.values()].reduce((sum, { openUnits }) => sum + openUnits, 0);
      this.#start(turn, choice.board, choice.unit);
      free--;
      unrevealed++;
    }
    return 0;
  }

  onInputFetched(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const replica = this.replica(board.id, unit);
    if (replica?.phase !== 'fetching') return;
    replica.phase = 'executing';
    replica.sinceMs = turn.now;
    replica.ticket = this.#core.tickets.open({ for: 'execution', job: board.id, unit });
    turn.emit({ type: 'execute', ticket: replica.ticket, request: executionRequest(board, unit, undefined) });
    turn.notify({ type: 'replica', job: board.id, unit, phase: 'executing' });
  }

  onInputUnavailable(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    this.#letGo(turn, board, unit);
    // Whoever took the unit over may have got its input; this peer tries again as a later rank would.
    this.#core.agenda.setEarlier('schedule', turn.now + this.#core.parameters.goneMs);
  }

  onExecuted(turn: Turn, board: JobBoard, unit: UnitIndex, execution: Execution): void {
    const replica = this.replica(board.id, unit);
    if (replica?.phase !== 'executing' || execution.output === undefined) return;
    this.unitsExecuted++;
    this.#forgetBegun(board.id, unit);
    this.fuelExecuted += execution.fuel;
    replica.ticket = undefined;
    const inputDigest = board.inputDigest(unit);
    if (inputDigest === undefined) return this.#letGo(turn, board, unit);
    const { merkleRoot: merkle, fuel, output } = execution;
    const result: ReplicaResult = { merkle, fuel, root: rootOf(merkle, fuel), inputDigest, output: output.cid };
    replica.result = result;
    replica.sinceMs = turn.now;
    this.#onResult(turn, board, replica, execution);
  }

  /** A host failure is never a result: the peer abstains, from the unit or from the whole job. */
  onExecutionFailed(turn: Turn, board: JobBoard, unit: UnitIndex, code: ExecutionFailureCode, detail: string): void {
    const replica = this.replica(board.id, unit);
    if (replica?.phase !== 'executing') return;
    if (code === 'cancelled') return this.#letGo(turn, board, unit);
    if (code === 'worker-crashed' && this.#countCrash(board.id, unit) < CRASHES_MAX) {
      turn.notify({ type: 'unit-failed-here', job: board.id, unit, code, detail });
      return this.#letGo(turn, board, unit);
    }
    this.#release(turn, board, unit);
    replica.phase = 'failed';
    replica.ticket = undefined;
    replica.failure = { code, detail };
    if (code === 'kernel-refused' || code === 'kernel-missing') this.#abstaining.set(board.id, detail);
    turn.notify({ type: 'unit-failed-here', job: board.id, unit, code, detail });
  }

  /** Called when a unit was settled: stops runs that nobody needs any more, and renews leases of the others. */
  onSettled(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const replica = this.replica(board.id, unit);
    if (replica === undefined || (replica.phase !== 'fetching' && replica.phase !== 'executing')) return;
    const row = board.row(unit);
    const unwanted = row.satisfied || row.verdict.state === 'agreed' || board.cancelled || board.paused;
    // A paused job goes on some day.
    if (unwanted) return this.#letGo(turn, board, unit, board.paused && !row.satisfied);
    const lease = leaseMs(board.spec.expectedUnitMs, this.#core.holdMs(), this.#core.parameters);
    const renewAt = replica.claimedUntilMs - lease / 2;
    if (turn.now >= renewAt) this.#claim(turn, board, replica);
    this.#core.agenda.set(`renew ${board.id} ${unit}`, replica.claimedUntilMs - lease / 2);
  }

  /** Lets go of everything that has not been committed: paused, or about to stop. */
  letGoOfAll(turn: Turn): void {
    for (const { job, unit, phase } of this.#all()) {
      const board = this.#core.boards.get(job);
      if (board !== undefined && (phase === 'fetching' || phase === 'executing')) {
        this.#letGo(turn, board, unit, true);
      }
    }
  }

  stop(turn: Turn): void {
    this.#stopping = true;
    this.letGoOfAll(turn);
  }

  forget(job: JobId): void {
    for (const { ticket } of this.#replicas.get(job)?.values() ?? []) {
      if (ticket !== undefined) this.#core.tickets.drop(ticket);
    }
    this.#replicas.delete(job);
    this.#abstaining.delete(job);
    this.#crashes.delete(job);
    this.#outlooks.delete(job);
    this.#begun.delete(job);
  }

  #countCrash(job: JobId, unit: UnitIndex): number {
    const ofJob = this.#crashes.get(job) ?? new Map<UnitIndex, number>();
    const count = (ofJob.get(unit) ?? 0) + 1;
    this.#crashes.set(job, ofJob.set(unit, count));
    return count;
  }

  #concerns(board: JobBoard): boolean {
    if (board.cancelled || board.paused || board.isDone || this.#abstaining.has(board.id)) return false;
    return board.submitter === this.#core.self || board.roster.members.has(this.#core.self);
  }

  #choose(now: Millis, isIdle: (peer: PeerKey) => boolean): { board: JobBoard; unit: UnitIndex } | undefined {
    this.#outlooks.clear();
    const boards = [...this.#core.boards.values()].filter(
      (board) => this.#concerns(board) && board.unitInputs !== undefined,
    );
    // Whoever has been given least for its weight, own jobs before others on equal terms, then priority.
    const standing = (board: JobBoard) => this.#queue.startOf(board.submitter);
    const others = (board: JobBoard) => Number(board.submitter !== this.#core.self);
    boards.sort(
      (a, b) =>
        standing(a) - standing(b) ||
        others(a) - others(b) ||
        b.spec.priority - a.spec.priority ||
        a.firstSeenMs - b.firstSeenMs,
    );
    const begun = this.#chooseBegun(boards, now, isIdle);
    if (begun !== undefined) return begun;
    let earliest: Millis | undefined;
    for (const board of boards) {
      const { unit, startsAt } = this.#chooseUnit(board, now, isIdle);
      if (unit !== undefined) return { board, unit };
      if (startsAt !== undefined) earliest = Math.min(earliest ?? startsAt, startsAt);
    }
    if (earliest !== undefined) this.#core.agenda.set('schedule', earliest);
    return undefined;
  }

  /** The first unit that was begun here and still wants a replica. */
  #chooseBegun(
    boards: readonly JobBoard[],
    now: Millis,
    isIdle: (peer: PeerKey) => boolean,
  ): { board: JobBoard; unit: UnitIndex } | undefined {
    const context = { now, self: this.#core.self, parameters: this.#core.parameters, isIdle, hasBegun: true };
    for (const board of boards) {
      if (board.voided.has(this.#core.self)) continue;
      for (const unit of this.#begun.get(board.id) ?? []) {
        if (unit >= board.units || !board.isWorker(unit, this.#core.self)) continue;
        if (this.replica(board.id, unit) !== undefined || board.roster.openAt(unit) > now) continue;
        const row = board.row(unit);
        if (row.satisfied || row.verdict.state === 'agreed') this.#forgetBegun(board.id, unit);
        else if ((startAt(board, unit, context) ?? Number.POSITIVE_INFINITY) <= now) return { board, unit };
      }
    }
    return undefined;
  }

  #forgetBegun(job: JobId, unit: UnitIndex): void {
    const ofJob = this.#begun.get(job);
    if (ofJob?.delete(unit) === true && ofJob.size === 0) this.#begun.delete(job);
  }

  #chooseUnit(
    board: JobBoard,
    now: Millis,
    isIdle: (peer: PeerKey) => boolean,
  ): { unit?: UnitIndex; startsAt?: Millis } {
    const context = { now, self: this.#core.self, parameters: this.#core.parameters, isIdle };
    let best: { unit: UnitIndex; rank: number } | undefined;
    let startsAt: Millis | undefined;
    let openUnits = 0;
    let claimedByOthers = 0;
    let rostered = board.submitter === this.#core.self;
    for (let unit = board.firstOpenUnit; unit < board.units && openUnits < WINDOW_UNITS; unit++) {
      const openAt = board.roster.openAt(unit);
      if (openAt > now) {
        // Paced: no later unit is open either.
        startsAt = Math.min(startsAt ?? openAt, openAt);
        break;
      }
      const row = board.row(unit);
      if (row.satisfied || row.verdict.state === 'agreed') continue;
      openUnits++;
      if (!board.isWorker(unit, this.#core.self) || board.voided.has(this.#core.self)) continue;
      rostered = true;
      if (this.replica(board.id, unit) !== undefined) continue;
      const at = startAt(board, unit, context);
      if (at === undefined) claimedByOthers++;
      else if (at > now) startsAt = Math.min(startsAt ?? at, at);
      else {
        const rank = board.rankOf(unit, this.#core.self);
        if (best === undefined || rank < best.rank) best = { unit, rank };
        if (rank === 0) break;
      }
    }
    this.#outlooks.set(board.id, { startsAt, rostered, openUnits, claimedByOthers });
    if (best !== undefined) return { unit: best.unit };
    return startsAt === undefined ? {} : { startsAt };
  }

  /** Idle: present, offers cores, and could hold another claim. */
  #idleness(now: Millis): (peer: PeerKey) => boolean {
    const known = new Map<PeerKey, boolean>();
    return (peer) => {
      let idle = known.get(peer);
      if (idle === undefined) {
        const slots = Math.min(CLAIMS_PER_IDENTITY_MAX, CLAIMS_PER_CORE * this.#core.peers.coresOf(peer));
        let held = 0;
        for (const board of this.#core.boards.values()) held += board.claimsHeldBy(peer);
        idle = this.#core.peers.isPresent(peer, now) && held < slots;
        known.set(peer, idle);
      }
      return idle;
    };
  }

  #start(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const replica = createReplica(board.id, unit, 'fetching', turn.now);
    this.adopt(replica);
    const { submitter, spec } = board;
    this.#queue.begin(submitter, spec.expectedUnitMs);
    this.#claim(turn, board, replica);
    replica.ticket = this.#core.tickets.open({ for: 'unit-input', job: board.id, unit });
    turn.emit({
      type: 'fetch-blocks',
      ticket: replica.ticket,
      job: board.id,
      cids: [board.unitInputs![unit]!],
      providers: providersForUnit(board, unit, this.#core.self),
      bytesMax: BLOCK_BYTES_MAX,
    });
    turn.notify({ type: 'replica', job: board.id, unit, phase: 'fetching' });
  }

  #claim(turn: Turn, board: JobBoard, replica: Replica): void {
    const lease = leaseMs(board.spec.expectedUnitMs, this.#core.holdMs(), this.#core.parameters);
    replica.claimedUntilMs = turn.now + lease;
    board.applyClaim(this.#core.self, [replica.unit], replica.claimedUntilMs, CLAIMS_PER_IDENTITY_MAX);
    // Alone there is nobody to tell.
    if (this.#core.peers.connected.length > 0) this.#core.outbox.claim(board.id, replica.unit, lease);
  }

  #release(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    board.dropClaim(unit, this.#core.self);
    this.#core.agenda.set(`renew ${board.id} ${unit}`, undefined);
    if (!board.cancelled && !board.row(unit).satisfied) this.#core.outbox.claim(board.id, unit, 0);
    this.#core.agenda.setEarlier('schedule', turn.now);
  }

  #letGo(turn: Turn, board: JobBoard, unit: UnitIndex, keep = false): void {
    const replica = this.replica(board.id, unit);
    if (replica === undefined) return;
    if (replica.ticket !== undefined) {
      if (replica.phase === 'executing') turn.emit({ type: 'cancel-execution', ticket: replica.ticket, keep });
      this.#core.tickets.drop(replica.ticket);
    }
    this.#replicas.get(board.id)?.delete(unit);
    if (keep && replica.phase === 'executing') this.remember(board.id, unit);
    this.#release(turn, board, unit);
  }

  #all(): readonly Replica[] {
    return [...this.#replicas.values()].flatMap((ofJob) => [...ofJob.values()]);
  }

  #countPhases(...phases: readonly Replica['phase'][]): number {
    let count = 0;
    for (const { phase } of this.#all()) if (phases.includes(phase)) count++;
    return count;
  }
}

export function executionRequest(board: JobBoard, unit: UnitIndex, task: number | undefined): ExecutionRequest {
  const { spec } = board;
  return {
    job: board.id,
    unit,
    task,
    taskCount: tasksInUnit(spec, unit),
    kernel: spec.kernel,
    abi: spec.abi,
    metering: spec.metering,
    stepQuantum: spec.stepQuantum,
    parameters: spec.parameters,
    unitInput: board.unitInputs![unit]!,
    fuelPerTaskMax: spec.fuelPerTaskMax,
    memoryPagesMax: spec.memoryPagesMax,
    outputBytesPerTaskMax: spec.outputBytesPerTaskMax,
    wallClockMaxMs: Math.min(WALL_CLOCK_MAX_MS, Math.max(WALL_CLOCK_FLOOR_MS, WALL_CLOCK_FACTOR * spec.expectedUnitMs)),
  };
}
