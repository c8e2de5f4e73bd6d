/**
 * Runs one task, or one merge, of a metered kernel. However the kernel ends is a result: output, trap, out of fuel, an
 * error of its own, too much output. What this machine could not give is not a result but a SandboxFailure, and the
 * peer abstains. The two must never be mixed up: an honest peer short of memory would otherwise vote for a trap.
 *
 * A task advances from one step boundary to the next. There no call of the kernel is under way, so its state can be saved,
 * and a task that goes on from it in another instance, on another day, ends with the same output and the same fuel.
 */
import { ABI_VERSION } from '../protocol/parameters.ts';
import { TRAP, type TrapKind } from '../protocol/trust/commitment.ts';
import { reduceInput, taskInput } from './abi.ts';
import { type InstanceState, KernelInstance, textOf } from './instance.ts';
import { SandboxFailure } from './sandbox-failure.ts';

export { SandboxFailure } from './sandbox-failure.ts';

export interface TaskLimits {
  readonly fuelMax: number;
  readonly outputBytesMax: number;
}

export interface TaskResult {
  readonly trap: TrapKind;
  /** The whole budget when out of fuel; what had been put back when it trapped; otherwise what was used. */
  readonly fuel: number;
  /** Empty unless `trap` is none. */
  readonly output: Uint8Array;
}

/** Steps as the kernel counts them. */
export interface StepCount {
  readonly left: number;
  readonly total: number;
}

/** A task between two of its steps. */
export interface TaskState extends StepCount {
  readonly instance: InstanceState;
}

export interface TaskWork {
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
  /** Steps in one call, at least 1. */
  readonly stepQuantum: number;
  readonly limits: TaskLimits;
}

/** Throws a SandboxFailure. `module` comes from metered bytes; `stepQuantum` is at least 1. */
export function runTask(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  input: Uint8Array,
  stepQuantum: number,
  limits: TaskLimits,
): TaskResult {
  const task = new TaskRun(new KernelInstance(module), { parameters, input, stepQuantum, limits });
  while (task.advance());
  return task.result!;
}

/** Throws a SandboxFailure, also when the kernel has no shoal_reduce. */
export function runReduce(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  outputs: readonly Uint8Array[],
  limits: TaskLimits,
): TaskResult {
  const run = new Run(new KernelInstance(module), limits);
  run.refuel();
  return run.attempt((kernel) => {
    if (!begins(kernel) || !kernel.give(reduceInput(parameters, outputs))) return run.ended(TRAP.kernelError);
    return kernel.call('shoal_reduce') === 0 ? run.output() : run.ended(TRAP.kernelError);
  })!;
}

export class TaskRun {
  readonly #run: Run;
  readonly #work: TaskWork;
  #steps: StepCount | undefined;
  /** Once it has ended. */
  result: TaskResult | undefined;

  /** `kernel` is fresh; with `from` it goes on where that was saved. Throws a SandboxFailure. */
  constructor(kernel: KernelInstance, work: TaskWork, from?: TaskState) {
    this.#run = new Run(kernel, work.limits);
    this.#work = work;
    if (from === undefined) {
      this.#run.refuel();
      return;
    }
    kernel.restore(from.instance);
    this.#steps = { left: from.left, total: from.total };
  }

  /** Undefined until the kernel has said how many there are. */
  get steps(): StepCount | undefined {
    return this.#steps;
  }

  /** Goes on to the next step boundary. False when it has ended. Throws a SandboxFailure. */
  advance(): boolean {
    this.result = this.#run.attempt((kernel) => {
      const before = this.#steps;
      const left = before === undefined ? this.#begin(kernel) : kernel.call('shoal_step', this.#work.stepQuantum);
      // A step without loops and calls does not look at the fuel itself.
      if (left > 0 && !this.#run.isOutOfFuel) {
        this.#steps = { left, total: before?.total ?? left };
        return undefined;
      }
      return left === 0 ? this.#run.output() : this.#run.ended(TRAP.kernelError);
    });
    return this.result === undefined;
  }

  /** Undefined before the first step boundary, and where the kernel's state cannot be saved within `bytesMax` bytes. */
  save(bytesMax: number): TaskState | undefined {
    if (this.#steps === undefined || this.result !== undefined) return undefined;
    const instance = this.#run.kernel.save(bytesMax);
    return instance && { ...this.#steps, instance };
  }

  #begin(kernel: KernelInstance): number {
    const { parameters, input } = this.#work;
    return begins(kernel) && kernel.give(taskInput(parameters, input)) ? kernel.call('shoal_init') : -1;
  }
}

function begins(kernel: KernelInstance): boolean {
  kernel.start();
  return kernel.call('shoal_abi') === ABI_VERSION;
}

/** What every call of a kernel has in common: how its endings are told apart, and what they cost. */
class Run {
  readonly kernel: KernelInstance;
  readonly #limits: TaskLimits;

  constructor(kernel: KernelInstance, limits: TaskLimits) {
    this.kernel = kernel;
    this.#limits = limits;
  }

  /** The whole budget, before anything runs. */
  refuel(): void {
    this.kernel.fuel = BigInt(this.#limits.fuelMax);
  }

  /** `body` returns how it ended, if it did. */
  attempt(body: (kernel: KernelInstance) => TaskResult | undefined): TaskResult | undefined {
    try {
      const result = body(this.kernel);
      // Code without loops and calls is not checked while it runs.
      return result !== undefined && this.isOutOfFuel ? this.#outOfFuel() : result;
    } catch (error) {
      return this.#trapped(error);
    }
  }

  output(): TaskResult {
    const { kernel } = this;
    const length = kernel.call('shoal_out_len') >>> 0;
    if (length > this.#limits.outputBytesMax) return this.ended(TRAP.outputTooLarge);
    const address = kernel.call('shoal_out_ptr') >>> 0;
    if (address + length > kernel.memory.buffer.byteLength) return this.ended(TRAP.kernelError);
    return { ...this.ended(TRAP.none), output: new Uint8Array(kernel.memory.buffer, address, length).slice() };
  }

  get isOutOfFuel(): boolean {
    return this.kernel.fuel < 0n;
  }

  ended(trap: TrapKind): TaskResult {
    return { trap, fuel: this.#limits.fuelMax - Number(this.kernel.fuel), output: new Uint8Array(0) };
  }

  #trapped(error: unknown): TaskResult {
    if (error instanceof SandboxFailure) throw error;
    if (this.isOutOfFuel) return this.#outOfFuel();
    if (this.kernel.hasHostFailure) {
      throw new SandboxFailure('out-of-memory', 'this machine has no memory for what the kernel may use');
    }
    if (error instanceof WebAssembly.RuntimeError) return this.ended(TRAP.trap);
    // Above all the engine's own stack limit, which must not be reached before ours is.
    throw new SandboxFailure('worker-crashed', `the engine gave up on the kernel: ${textOf(error)}`);
  }

  #outOfFuel(): TaskResult {
    return { trap: TRAP.outOfFuel, fuel: this.#limits.fuelMax, output: new Uint8Array(0) };
  }
}
