/**
 * The Executor of a daemon: hands work to the sandbox process, gives it the blocks and checkpoints of this work and no
 * others, and takes its answers. Whatever becomes of that process is a failure of this machine and never a result: what was
 * running fails with `worker-crashed`, and the process is started again. It is never replaced by anything less
 * isolated: where it does not start, this peer does not compute, and says why.
 */
import type { ExecutionRequest } from '../../protocol/effect.ts';
import type { Millis, Ticket } from '../../protocol/ids.ts';
import type { RunProgress } from '../../protocol/view.ts';
import { nameOfCheckpoint } from '../../runtime/checkpoint-store.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../../runtime/environment.ts';
import type { Logger } from '../../runtime/log.ts';
import type { KeptRuns, ReduceRequest } from '../../sandbox/executor.ts';
import { KernelRefusedError, type KernelReport, SandboxFailure, type Sha256 } from '../../sandbox/index.ts';
import { ReduceError } from '../../sandbox/reduce-error.ts';
import type { Schedule } from '../../sandbox/worker-queue.ts';
import { checkMessage } from './process-answers.ts';
import type { ProcessHandle, StartProcess } from './process-handle.ts';
import type { Answer, Wish, Work } from './process-messages.ts';
import { Restarts } from './restarts.ts';

export interface ProcessExecutorParts {
  readonly start: StartProcess;
  readonly schedule: Schedule;
  /** Milliseconds, never running backwards. */
  readonly now: () => Millis;
  readonly sha256: Sha256;
  readonly blocks: Pick<BlockStore, 'get'>;
  readonly checkpoints?: KeptRuns | undefined;
  readonly logger: Logger;
  /** Units that run at the same time, each on a thread of its own. At least 1. */
  readonly cores: number;
  /** Told why nothing can be computed here, and with undefined that it is over. */
  readonly onHealth?: (failure: string | undefined) => void;
}

/** Time for the process to start, on a machine that is busy with everything else. */
const START_MAX_MS = 60_000;
/** While there is work the process is asked for a sign of life this often; none until the next time but one ends it. */
const PING_MS = 20_000;
/** When shut down it may save what it is at; longer than the executor inside gives its workers. */
const CLOSE_MAX_MS = 6_000;

interface Call {
  readonly work: Work;
  readonly finish: (answer: Answer) => void;
  readonly progress?: ((progress: RunProgress) => void) | undefined;
  posted: boolean;
}

interface Life {
  readonly handle: ProcessHandle;
  ready: boolean;
  unanswered: number;
  stopTimer: () => void;
}

export class ProcessExecutor implements Executor {
  readonly #parts: ProcessExecutorParts;
  readonly #restarts = new Restarts();
  /** Not answered yet. */
  readonly #calls = new Map<number, Call>();
  readonly #tickets = new Map<Ticket, number>();
  #nextCall = 0;
  #cores: number;
  #life: Life | undefined;
  /** Cancels the start that is due later. */
  #stopWaiting: (() => void) | undefined;
  #failure: string | undefined;
  #onClosed: () => void = () => undefined;
  #closed = false;

  constructor(parts: ProcessExecutorParts) {
    this.#parts = parts;
    this.#cores = checkCores(parts.cores);
  }

  /** Of the process, while there is one. */
  get pid(): number | undefined {
    return this.#life?.handle.pid;
  }

  /** Starts the process ahead of the first work. */
  warm(): void {
    if (this.#life !== undefined || this.#stopWaiting !== undefined || this.#closed) return;
    const life: Life = {
      handle: this.#parts.start(this.#cores, {
        message: (message) => this.#hear(life, message),
        ended: (detail) => this.#onEnded(life, detail),
      }),
      ready: false,
      unanswered: 0,
      stopTimer: () => undefined,
    };
    this.#life = life;
    life.stopTimer = this.#parts.schedule(START_MAX_MS, () =>
      this.#end(life, `it did not start in ${START_MAX_MS} ms`),
    );
  }

  execute(
    ticket: Ticket,
    request: ExecutionRequest,
    done: (outcome: ExecutionOutcome) => void,
    progress?: (progress: RunProgress) => void,
  ): void {
    const finish = (answer: Answer): void => {
      if (this.#tickets.get(ticket) === id) this.#tickets.delete(ticket);
      done(outcomeOf(answer));
    };
    const id = this.#call({ type: 'execute', request }, finish, progress);
    this.#tickets.set(ticket, id);
  }

  cancel(ticket: Ticket, keep = false): void {
    const id = this.#tickets.get(ticket);
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (id === undefined || call === undefined) return;
    if (call.posted) this.#life?.handle.post({ type: 'cancel', id, keep });
    else this.#answerLater(id, failed('cancelled', 'the run was cancelled'));
  }

  /** Throws a RangeError unless `cores` is a whole number of at least 1. */
  resize(cores: number): void {
    this.#cores = checkCores(cores);
    if (this.#life?.ready === true) this.#life.handle.post({ type: 'resize', cores });
  }

  /** Rejects with a KernelRefusedError, or with a SandboxFailure when this machine could not look at it. */
  inspect(bytes: Uint8Array, abi?: number): Promise<KernelReport> {
    return new Promise((resolve, reject) => {
      this.#call({ type: 'inspect', bytes, abi }, (answer) => {
        if (answer.type === 'report') resolve(answer.report);
        else reject(errorOf(answer));
      });
    });
  }

  /** Merges outputs with the kernel's own `shoal_reduce`. Rejects with a ReduceError or a KernelRefusedError. */
  reduce(request: ReduceRequest): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#call({ type: 'reduce', request }, (answer) => {
        const error = answer.type === 'output' ? undefined : errorOf(answer);
        if (answer.type === 'output') resolve(answer.output);
        else reject(error instanceof SandboxFailure ? new ReduceError(error.code, error.message) : error);
      });
    });
  }

  /** Cancels everything, keeps what can be kept, and ends the process. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting?.();
    for (const [id, { posted }] of [...this.#calls]) if (!posted) this.#answer(id, SHUT_DOWN);
    const life = this.#life;
    life?.stopTimer();
    if (life !== undefined && this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onClosed = resolve;
        life.stopTimer = this.#parts.schedule(CLOSE_MAX_MS, resolve);
        life.handle.post({ type: 'close' });
      });
      life.stopTimer();
    }
    this.#life = undefined;
    for (const id of [...this.#calls.keys()]) this.#answer(id, SHUT_DOWN);
    await life?.handle.kill();
  }

  #call(work: Work, finish: (answer: Answer) => void, progress?: (progress: RunProgress) => void): number {
    const id = this.#nextCall++;
    const call: Call = { work, finish, progress, posted: false };
    this.#calls.set(id, call);
    if (this.#closed) this.#answerLater(id, SHUT_DOWN);
    else if (this.#failure !== undefined) this.#answerLater(id, failed('worker-crashed', this.#failure));
    else {
      this.warm();
      if (this.#life?.ready === true) this.#post(this.#life, id, call);
    }
    return id;
  }

  #post(life: Life, id: number, call: Call): void {
    call.posted = true;
    life.handle.post({ type: 'work', id, work: call.work });
  }

  #hear(life: Life, given: unknown): void {
    const message = checkMessage(given, this.#parts.sha256);
    if (message === undefined) return this.#end(life, 'it said something that it must not say');
    switch (message.type) {
      case 'ready':
        return this.#onReady(life);
      case 'answer':
        return this.#answer(message.id, message.answer);
      case 'progress':
        return this.#calls.get(message.id)?.progress?.(message.progress);
      case 'wish':
        void this.#grant(life, message.id, message.wish);
        return;
      case 'closed':
        return this.#onClosed();
      case 'log':
        return this.#parts.logger.log(message.level, message.message, message.fields);
      case 'pong':
        life.unanswered = 0;
        return;
    }
  }

  #onReady(life: Life): void {
    life.stopTimer();
    life.ready = true;
    this.#parts.logger.log('debug', 'the sandbox process is ready', { pid: life.handle.pid });
    this.#setFailure(undefined);
    // It may have been started for another number.
    life.handle.post({ type: 'resize', cores: this.#cores });
    for (const [id, call] of this.#calls) if (!call.posted) this.#post(life, id, call);
    this.#watch(life);
  }

  /** WebAssembly never runs on the process's main thread, so it always answers, unless something is very wrong. */
  #watch(life: Life): void {
    life.stopTimer = this.#parts.schedule(PING_MS, () => {
      if (this.#calls.size > 0) {
        if (life.unanswered >= 2) return this.#end(life, 'it did not answer any more');
        life.unanswered++;
        life.handle.post({ type: 'ping' });
      }
      this.#watch(life);
    });
  }

  async #grant(life: Life, id: number, wish: Wish): Promise<void> {
    try {
      const bytes = this.#concernsWork(wish) ? await this.#wished(wish) : undefined;
      life.handle.post({ type: 'granted', id, bytes, failure: undefined });
    } catch (error) {
      life.handle.post({ type: 'granted', id, bytes: undefined, failure: String(error) });
    }
  }

  /** A kernel that got hold of the process could ask for anything. */
  #concernsWork(wish: Wish): boolean {
    return [...this.#calls.values()].some(({ work, posted }) => posted && names(work, wish));
  }

  async #wished(wish: Wish): Promise<Uint8Array | undefined> {
    const { blocks, checkpoints } = this.#parts;
    switch (wish.type) {
      case 'block':
        return blocks.get(wish.cid);
      case 'get-checkpoint':
        return checkpoints?.get(wish.key);
      case 'put-checkpoint':
        await checkpoints?.put(wish.key, wish.bytes);
        return undefined;
      case 'drop-checkpoint':
        await checkpoints?.drop(wish.key);
        return undefined;
    }
  }

  #end(life: Life, detail: string): void {
    void life.handle.kill();
    this.#onEnded(life, detail);
  }

  #onEnded(life: Life, detail: string): void {
    if (this.#life !== life) return;
    life.stopTimer();
    this.#life = undefined;
    if (this.#closed) return this.#onClosed();
    const { waitMs, isFailing } = this.#restarts.ended(this.#parts.now());
    const what = life.ready ? 'the sandbox process ended' : 'the sandbox process does not start';
    const text = `${what}: ${detail}`;
    this.#parts.logger.log('error', what, { code: 'worker-crashed', detail, againInMs: waitMs });
    if (isFailing) this.#setFailure(text);
    this.#stopWaiting = this.#parts.schedule(waitMs, () => {
      this.#stopWaiting = undefined;
      this.warm();
    });
    // What had not been handed over waits for the next one, unless there is little hope.
    for (const [id, { posted }] of [...this.#calls]) {
      if (posted || isFailing) this.#answer(id, failed('worker-crashed', text));
    }
  }

  #setFailure(failure: string | undefined): void {
    if (this.#failure === failure) return;
    this.#failure = failure;
    this.#parts.onHealth?.(failure);
  }

  #answer(id: number, answer: Answer): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.finish(answer);
  }

  /** Nothing is called back inside the call that started it. */
  #answerLater(id: number, answer: Answer): void {
    queueMicrotask(() => this.#answer(id, answer));
  }
}

const SHUT_DOWN = failed('cancelled', 'the sandbox is shut down');

/** Whether that work needs what is wished for. */
function names(work: Work, wish: Wish): boolean {
  if (work.type === 'inspect') return false;
  const { request } = work;
  if (wish.type === 'block') {
    return wish.cid === request.kernel || (work.type === 'execute' && wish.cid === work.request.unitInput);
  }
  return work.type === 'execute' && nameOfCheckpoint(work.request) === nameOfCheckpoint(wish.key);
}

function failed(code: SandboxFailure['code'], message: string): Answer {
  return { type: 'error', name: 'SandboxFailure', code, message };
}

function errorOf(answer: Answer): Error {
  if (answer.type !== 'error') return new SandboxFailure('worker-crashed', 'the sandbox gave the wrong answer');
  const { name, code, message } = answer;
  if (name === 'KernelRefusedError') return new KernelRefusedError(code as KernelRefusedError['code'], message);
  if (name === 'ReduceError') return new ReduceError(code as ReduceError['code'], message);
  return new SandboxFailure(code as SandboxFailure['code'], message);
}

function outcomeOf(answer: Answer): ExecutionOutcome {
  if (answer.type === 'outcome') return answer.outcome;
  const error = errorOf(answer);
  const code = error instanceof SandboxFailure ? error.code : 'worker-crashed';
  return { ok: false, code, detail: error.message };
}

function checkCores(cores: number): number {
  if (!Number.isInteger(cores) || cores < 1)
    throw new RangeError(`cores: ${cores} is not a whole number of at least 1`);
  return cores;
}
