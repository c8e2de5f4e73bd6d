/**
 * A modelled executor: it computes what the modelled kernel gives and takes the time such a unit would take. Runs
 * beyond its cores wait their turn. Durations are log-normal around the task time of the kernel, times the slowness of
 * this machine. It fails as the real one does: kernel or input not kept here, wall clock exceeded, cancelled.
 */
import type { Execution, ExecutionFailureCode, ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Cid, Ticket } from '../../node/protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../node/protocol/limits.ts';
import { ABI_VERSION } from '../../node/protocol/parameters.ts';
import { TRAP, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import type { VirtualClock } from './clock.ts';
import { computeUnit, executionOf, leafCount, modelledProgram, type Program, taskExecution } from './kernel.ts';
import type { RandomStream } from './random.ts';

/** Fuel burnt per millisecond by a task that never ends by itself. */
const ENDLESS_FUEL_PER_MS = 1_000_000;
/** What a model costs depends on none of them; an unknown one is refused as the sandbox does. */
const REWRITERS: readonly number[] = [1, 2, 3, 4, 5, 6];

interface InstalledKernel {
  /** Median time of one task in milliseconds. */
  readonly taskMs: number;
  readonly program: Program;
}

interface Computed {
  readonly leaves: Uint8Array;
  readonly outputs: Uint8Array[];
}

/** What all executors of a world share: the kernels there are, and results already computed once. */
export class KernelModel {
  readonly #kernels = new Map<Cid, InstalledKernel>();
  readonly #results = new Map<string, Computed>();

  /** Until a kernel is installed, executors refuse it. */
  install(kernel: Cid, taskMs: number, program: Program = modelledProgram(kernel)): void {
    this.#kernels.set(kernel, { taskMs, program });
  }

  installed(kernel: Cid): InstalledKernel | undefined {
    return this.#kernels.get(kernel);
  }

  /** The truth. It is a pure function of its arguments, so one computation serves all peers. */
  compute({ program }: InstalledKernel, request: ExecutionRequest, unitInput: Uint8Array): Computed {
    const { kernel, unitInput: cid, parameters, fuelPerTaskMax, outputBytesPerTaskMax } = request;
    const key = [kernel, cid, parameters.join('.'), fuelPerTaskMax, outputBytesPerTaskMax].join();
    let result = this.#results.get(key);
    if (result === undefined) {
      result = computeUnit(program, parameters, unitInput, request);
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
  ended: boolean;
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
    const run: Run = { ticket, request, done, cancelTimer: undefined, ended: false };
    if (this.#closed) return this.#cancel(run);
    this.#waiting.push(run);
    this.#options.clock.defer(() => this.#startNext());
  }

  cancel(ticket: Ticket): void {
    const waiting = this.#waiting.findIndex((run) => run.ticket === ticket);
    const run = waiting >= 0 ? this.#waiting.splice(waiting, 1)[0] : this.#running.get(ticket);
    if (run !== undefined) this.#cancel(run);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const run of [...this.#waiting.splice(0), ...this.#running.values()]) this.#cancel(run);
  }

  #cancel(run: Run): void {
    run.cancelTimer?.();
    this.#options.clock.defer(() => this.#end(run, { ok: false, code: 'cancelled', detail: 'cancelled' }));
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
    const hasKernel = await blocks.has(request.kernel);
    const unitInput = await blocks.get(request.unitInput);
    const kernel = model.installed(request.kernel);
    const fail = (code: ExecutionFailureCode, detail: string): void => {
      clock.defer(() => this.#end(run, { ok: false, code, detail }));
    };
    if (!hasKernel) return fail('kernel-missing', `kernel ${request.kernel} is not kept here`);
    if (kernel === undefined) return fail('kernel-refused', `kernel ${request.kernel} is not modelled`);
    if (request.abi !== ABI_VERSION) return fail('kernel-refused', `no ABI ${request.abi} here`);
    if (!REWRITERS.includes(request.metering.rewriter))
      return fail('kernel-refused', `no rewriter ${request.metering.rewriter} here`);
    if (unitInput === undefined) return fail('input-malformed', `unit input ${request.unitInput} is not kept here`);
    let execution: Execution;
    try {
      const computed = model.compute(kernel, request, unitInput);
      const durationMs = random.logNormal(slowness * taskTimes(kernel, request, computed), sigma);
      execution = executionFor(request, computed, durationMs);
    } catch (error) {
      return fail('input-malformed', error instanceof Error ? error.message : String(error));
    }
    const { wallClockMs } = execution;
    const outcome: ExecutionOutcome =
      wallClockMs > request.wallClockMaxMs
        ? { ok: false, code: 'wall-clock', detail: `killed after ${request.wallClockMaxMs} ms` }
        : { ok: true, execution };
    if (run.ended) return;
    run.cancelTimer = clock.after(Math.min(wallClockMs, request.wallClockMaxMs), () => this.#end(run, outcome));
  }

  #end(run: Run, outcome: ExecutionOutcome): void {
    if (run.ended) return;
    run.ended = true;
    if (this.#running.get(run.ticket) === run) {
      this.#running.delete(run.ticket);
      this.#startNext();
    }
    run.done(outcome);
  }
}

/** Median time of the whole run: the kernel's task time each, or what its budget lasts where a task never ends. */
function taskTimes({ taskMs }: InstalledKernel, request: ExecutionRequest, { leaves }: Computed): number {
  const tasks = request.task === undefined ? unpackLeaves(leaves) : [unpackLeaves(leaves)[request.task]];
  return tasks.reduce((sum, leaf) => {
    const endless = leaf?.trap === TRAP.outOfFuel;
    return sum + (endless ? request.fuelPerTaskMax / ENDLESS_FUEL_PER_MS : taskMs);
  }, 0);
}

/** Throws a RangeError when the request and the input do not fit each other, or the output could not fit a block. */
function executionFor(request: ExecutionRequest, { leaves, outputs }: Computed, wallClockMs: number): Execution {
  const { task, taskCount, outputBytesPerTaskMax } = request;
  if (leafCount(leaves) !== taskCount) {
    throw new RangeError(`unit input has ${leafCount(leaves)} tasks, expected ${taskCount}`);
  }
  if (taskCount * outputBytesPerTaskMax > BLOCK_BYTES_MAX) {
    throw new RangeError(`${taskCount} outputs of ${outputBytesPerTaskMax} bytes do not fit a block`);
  }
  if (task === undefined) return executionOf(leaves, outputs, wallClockMs);
  if (task >= taskCount) throw new RangeError(`no task ${task} in this unit`);
  return taskExecution(leaves, task, wallClockMs);
}
