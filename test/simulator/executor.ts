/**
 * A modelled executor: it computes what the modelled kernel gives and takes the time such a unit would take. Runs
 * beyond its cores wait their turn. Durations are log-normal around the task time of the kernel, times the slowness of
 * this machine. It fails as the real one does: kernel or input not kept here, wall clock exceeded, cancelled.
 */
import type { Execution, ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Cid, Ticket } from '../../node/protocol/ids.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import type { VirtualClock } from './clock.ts';
import { computeUnit, executionOf, leafCount, taskExecution } from './kernel.ts';
import type { RandomStream } from './random.ts';

/** What all executors of a world share: how long tasks of a kernel take, and results already computed once. */
export class KernelModel {
  readonly #taskMs = new Map<Cid, number>();
  readonly #results = new Map<string, { leaves: Uint8Array; outputs: Uint8Array[] }>();

  install(kernel: Cid, taskMs: number): void {
    this.#taskMs.set(kernel, taskMs);
  }

  /** Median time of one task in milliseconds; undefined for a kernel nobody installed. */
  taskMs(kernel: Cid): number | undefined {
    return this.#taskMs.get(kernel);
  }

  /** The truth. It is a pure function of its arguments, so one computation serves all peers. */
  compute(request: ExecutionRequest, unitInput: Uint8Array): { leaves: Uint8Array; outputs: Uint8Array[] } {
    const key = `${request.kernel} ${request.unitInput} ${request.parameters.join()}`;
    let result = this.#results.get(key);
    if (result === undefined) {
      result = computeUnit(request.kernel, request.parameters, unitInput);
      this.#results.set(key, result);
    }
    return result;
  }
}

export interface ModelledExecutorOptions {
  readonly clock: VirtualClock;
  readonly random: RandomStream;
  readonly blocks: BlockStore;
  readonly model: KernelModel;
  readonly cores: number;
  /** Durations are multiplied by this. */
  readonly slowness: number;
  readonly sigma: number;
}

interface Run {
  readonly ticket: Ticket;
  readonly request: ExecutionRequest;
  readonly done: (outcome: ExecutionOutcome) => void;
  cancelTimer: (() => void) | undefined;
}

export class ModelledExecutor implements Executor {
  readonly #options: ModelledExecutorOptions;
  readonly #waiting: Run[] = [];
  readonly #running = new Map<Ticket, Run>();
  #closed = false;

  constructor(options: ModelledExecutorOptions) {
    this.#options = options;
  }

  execute(ticket: Ticket, request: ExecutionRequest, done: (outcome: ExecutionOutcome) => void): void {
    this.#waiting.push({ ticket, request, done, cancelTimer: undefined });
    this.#options.clock.defer(() => this.#startNext());
  }

  cancel(ticket: Ticket): void {
    const waiting = this.#waiting.findIndex((run) => run.ticket === ticket);
    const run = waiting >= 0 ? this.#waiting.splice(waiting, 1)[0] : this.#running.get(ticket);
    if (run === undefined) return;
    run.cancelTimer?.();
    this.#options.clock.defer(() => this.#end(run, { ok: false, code: 'cancelled', detail: 'cancelled' }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancelTimer } of this.#running.values()) cancelTimer?.();
  }

  #startNext(): void {
    if (this.#closed || this.#running.size >= Math.max(1, this.#options.cores)) return;
    const run = this.#waiting.shift();
    if (run === undefined) return;
    this.#running.set(run.ticket, run);
    this.#options.clock.touch();
    void this.#start(run);
  }

  async #start(run: Run): Promise<void> {
    const { clock, random, blocks, model, slowness, sigma } = this.#options;
    const { request } = run;
    const taskMs = model.taskMs(request.kernel);
    const [hasKernel, unitInput] = [await blocks.has(request.kernel), await blocks.get(request.unitInput)];
    const fail = (code: 'kernel-missing' | 'kernel-refused' | 'input-malformed', detail: string) => {
      clock.defer(() => this.#end(run, { ok: false, code, detail }));
    };
    if (!hasKernel) return fail('kernel-missing', `kernel ${request.kernel} is not kept here`);
    if (taskMs === undefined) return fail('kernel-refused', `kernel ${request.kernel} is not modelled`);
    if (unitInput === undefined) return fail('input-malformed', `unit input ${request.unitInput} is not kept here`);
    let outcome: ExecutionOutcome;
    const tasks = request.task === undefined ? request.taskCount : 1;
    const durationMs = random.logNormal(taskMs * tasks * slowness, sigma);
    try {
      outcome = { ok: true, execution: execute(model, request, unitInput, durationMs) };
    } catch (error) {
      return fail('input-malformed', error instanceof Error ? error.message : String(error));
    }
    const overruns = durationMs > request.wallClockMaxMs;
    if (overruns) outcome = { ok: false, code: 'wall-clock', detail: `killed after ${request.wallClockMaxMs} ms` };
    run.cancelTimer = clock.after(Math.min(durationMs, request.wallClockMaxMs), () => this.#end(run, outcome));
  }

  #end(run: Run, outcome: ExecutionOutcome): void {
    if (this.#closed) return;
    if (this.#running.delete(run.ticket)) this.#startNext();
    run.done(outcome);
  }
}

/** Throws a RangeError when the input has another number of tasks than the request says. */
function execute(model: KernelModel, request: ExecutionRequest, unitInput: Uint8Array, wallClockMs: number): Execution {
  const { leaves, outputs } = model.compute(request, unitInput);
  if (leafCount(leaves) !== request.taskCount) {
    throw new RangeError(`unit input has ${leafCount(leaves)} tasks, expected ${request.taskCount}`);
  }
  if (request.task === undefined) return executionOf(leaves, outputs, wallClockMs);
  if (request.task >= request.taskCount) throw new RangeError(`no task ${request.task} in this unit`);
  return taskExecution(leaves, request.task, wallClockMs);
}
