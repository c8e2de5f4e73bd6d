/**
 * A bounded number of workers and a queue in order of arrival. A run leases one worker, asks it one thing after the
 * other and gives it back. The only way to stop WebAssembly that does not want to stop is to end its worker, so a
 * run that is cancelled or takes too long costs a worker, and the next run gets a new one (14 to 30 ms).
 *
 * Workers are started when there is work for them, and stay.
 */
import type { ExecutionFailureCode } from '../protocol/effect.ts';
import type { Millis } from '../protocol/ids.ts';
import { type FromWorker, isNews, type WorkerNews, type WorkerReply, type WorkerRequest } from './messages.ts';

/** A worker thread, or a Web Worker. */
export interface WorkerHandle {
  post(request: WorkerRequest): void;
  /** Asks the unit of that run to stop at its next step boundary. Nothing happens if it is not the one that runs. */
  interrupt(run: number): void;
  /** Ends it at once, whatever it is doing. Nothing is reported any more. */
  terminate(): Promise<void>;
}

export interface WorkerListener {
  reply(message: FromWorker): void;
  /** The worker is gone, and not because `terminate` was called. */
  crashed(code: ExecutionFailureCode, detail: string): void;
}

export type SpawnWorker = (listener: WorkerListener) => WorkerHandle;

/** Calls back once after that time, unless the returned function is called before. */
export type Schedule = (afterMs: Millis, callback: () => void) => () => void;

export interface Lease {
  /** Never rejects: a kill or a crash comes back as `failed`. Requests go one at a time. */
  ask(request: WorkerRequest, wallClockMaxMs: Millis, news?: (news: WorkerNews) => void): Promise<WorkerReply>;
  /** As WorkerHandle does. */
  interrupt(run: number): void;
}

/** Runs waiting for a worker. Far more than a peer claims at a time; beyond it runs fail at once. */
const WAITING_MAX = 4_096;
/** Time for a worker to start, on a machine that is busy with everything else. */
const START_MAX_MS = 60_000;

interface Waiting {
  readonly use: (lease: Lease) => Promise<void>;
  readonly drop: (failure: WorkerReply) => void;
  /** Set while it runs. */
  slot: Slot | undefined;
}

export class WorkerQueue {
  readonly #spawn: SpawnWorker;
  readonly #schedule: Schedule;
  readonly #slots = new Set<Slot>();
  readonly #waiting = new Set<Waiting>();
  #cores: number;
  #closed = false;

  constructor(spawn: SpawnWorker, schedule: Schedule, cores: number) {
    this.#spawn = spawn;
    this.#schedule = schedule;
    this.#cores = checkCores(cores);
  }

  /**
   * Calls `use` with a worker when it is this run's turn; or `drop`, later, when that never happens. Returns the
   * function that cancels it: every question it has asked or will ask is then answered by `failed`, `cancelled`.
   */
  run(use: (lease: Lease) => Promise<void>, drop: (failure: WorkerReply) => void): () => void {
    const entry: Waiting = { use, drop, slot: undefined };
    if (this.#closed) queueMicrotask(() => drop(failed('cancelled', 'the workers are shut down')));
    else if (this.#waiting.size >= WAITING_MAX) {
      queueMicrotask(() => drop(failed('out-of-memory', `${WAITING_MAX} runs are waiting already`)));
    } else {
      this.#waiting.add(entry);
      // Later, so that nothing is called back inside this call.
      queueMicrotask(() => this.#next());
    }
    return () => this.#cancel(entry);
  }

  /** Throws a RangeError unless `cores` is a whole number of at least 1. Workers beyond it end after their run. */
  resize(cores: number): void {
    this.#cores = checkCores(cores);
    for (const slot of this.#slots) if (this.#slots.size > this.#cores && !slot.leased) this.#discard(slot);
    this.#next();
  }

  /** Cancels everything and ends every worker. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const entry of [...this.#waiting]) this.#cancel(entry);
    await Promise.all([...this.#slots].map((slot) => this.#discard(slot)));
  }

  #cancel(entry: Waiting): void {
    if (entry.slot !== undefined) {
      entry.slot.kill('cancelled', 'the run was cancelled');
      return;
    }
    if (this.#waiting.delete(entry)) queueMicrotask(() => entry.drop(failed('cancelled', 'the run was cancelled')));
  }

  #next(): void {
    for (const entry of this.#waiting) {
      const slot = this.#idleSlot();
      if (slot === undefined) return;
      this.#waiting.delete(entry);
      entry.slot = slot;
      slot.leased = true;
      void this.#use(entry, slot);
    }
  }

  async #use(entry: Waiting, slot: Slot): Promise<void> {
    await entry.use(slot);
    entry.slot = undefined;
    slot.leased = false;
    if (slot.dead || this.#slots.size > this.#cores) void this.#discard(slot);
    this.#next();
  }

  #idleSlot(): Slot | undefined {
    if (this.#closed) return undefined;
    for (const slot of this.#slots) {
      if (slot.leased) continue;
      if (!slot.dead) return slot;
      this.#slots.delete(slot);
    }
    if (this.#slots.size >= this.#cores) return undefined;
    const slot = new Slot(this.#spawn, this.#schedule);
    this.#slots.add(slot);
    return slot;
  }

  #discard(slot: Slot): Promise<void> {
    this.#slots.delete(slot);
    slot.kill('cancelled', 'the workers are shut down');
    return slot.ended;
  }
}

class Slot implements Lease {
  readonly #handle: WorkerHandle;
  readonly #schedule: Schedule;
  #ready = false;
  #failure: WorkerReply | undefined;
  #ended: Promise<void> = Promise.resolve();
  #question: { readonly request: WorkerRequest; readonly wallClockMaxMs: Millis } | undefined;
  #answer: ((reply: WorkerReply) => void) | undefined;
  #news: ((news: WorkerNews) => void) | undefined;
  #stopTimer: () => void = () => undefined;
  leased = false;

  constructor(spawn: SpawnWorker, schedule: Schedule) {
    this.#schedule = schedule;
    this.#handle = spawn({
      reply: (message) => this.#onMessage(message),
      crashed: (code, detail) => this.#fail(code, detail),
    });
  }

  get dead(): boolean {
    return this.#failure !== undefined;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  ask(request: WorkerRequest, wallClockMaxMs: Millis, news?: (news: WorkerNews) => void): Promise<WorkerReply> {
    if (this.#failure !== undefined) return Promise.resolve(this.#failure);
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#news = news;
      this.#question = { request, wallClockMaxMs };
      if (this.#ready) this.#post();
      else {
        this.#stopTimer = this.#schedule(START_MAX_MS, () =>
          this.kill('worker-crashed', `a worker did not start within ${START_MAX_MS} ms`),
        );
      }
    });
  }

  interrupt(run: number): void {
    if (this.#failure === undefined) this.#handle.interrupt(run);
  }

  /** Ends the worker; an open question, and every later one, is answered by this failure. */
  kill(code: ExecutionFailureCode, detail: string): void {
    if (this.#failure !== undefined) return;
    this.#ended = this.#handle.terminate();
    this.#fail(code, detail);
  }

  #post(): void {
    const { request, wallClockMaxMs } = this.#question!;
    this.#question = undefined;
    this.#stopTimer = this.#schedule(wallClockMaxMs, () =>
      this.kill('wall-clock', `it took longer than ${wallClockMaxMs / 1_000} s and was stopped`),
    );
    this.#handle.post(request);
  }

  #onMessage(message: FromWorker): void {
    if (this.#failure !== undefined) return;
    if (isNews(message)) {
      this.#news?.(message);
      return;
    }
    if (message.type !== 'ready') {
      this.#resolve(message);
      return;
    }
    this.#ready = true;
    this.#stopTimer();
    if (this.#question !== undefined) this.#post();
  }

  #fail(code: ExecutionFailureCode, detail: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = failed(code, detail);
    this.#resolve(this.#failure);
  }

  #resolve(reply: WorkerReply): void {
    this.#stopTimer();
    this.#question = undefined;
    const answer = this.#answer;
    this.#answer = undefined;
    this.#news = undefined;
    answer?.(reply);
  }
}

function failed(code: ExecutionFailureCode, message: string): WorkerReply {
  return { type: 'failed', code, message };
}

function checkCores(cores: number): number {
  if (!Number.isInteger(cores) || cores < 1)
    throw new RangeError(`cores: ${cores} is not a whole number of at least 1`);
  return cores;
}
