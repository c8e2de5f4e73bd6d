/**
 * Runs one task, or one merge, in a fresh instance of a metered kernel. However the kernel ends is a result: output,
 * trap, out of fuel, an error of its own, too much output. What this machine could not give is not a result but a
 * SandboxFailure, and the peer abstains. The two must never be mixed up: an honest peer short of memory would
 * otherwise vote for a trap.
 */
import type { ExecutionFailureCode } from '../protocol/effect.ts';
import { ABI_VERSION } from '../protocol/parameters.ts';
import { TRAP, type TrapKind } from '../protocol/trust/commitment.ts';
import { reduceInput, taskInput } from './abi.ts';
import { FUEL_EXPORT, HOST_FAILURE_EXPORT, START_EXPORT } from './meter.ts';

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

/** This machine could not do it. */
export class SandboxFailure extends Error {
  override readonly name = 'SandboxFailure';
  readonly code: ExecutionFailureCode;
  constructor(code: ExecutionFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws a SandboxFailure. `module` comes from metered bytes; `stepQuantum` is at least 1. */
export function runTask(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  input: Uint8Array,
  stepQuantum: number,
  limits: TaskLimits,
): TaskResult {
  return new Run(module, limits).finish((kernel) => {
    if (!kernel.give(taskInput(parameters, input))) return false;
    let left = kernel.call('shoal_init');
    // A step without loops and calls does not look at the fuel itself.
    while (left > 0 && !kernel.isOutOfFuel) left = kernel.call('shoal_step', stepQuantum);
    return left === 0;
  });
}

/** Throws a SandboxFailure, also when the kernel has no shoal_reduce. */
export function runReduce(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  outputs: readonly Uint8Array[],
  limits: TaskLimits,
): TaskResult {
  return new Run(module, limits).finish((kernel) => {
    if (!kernel.give(reduceInput(parameters, outputs))) return false;
    return kernel.call('shoal_reduce') === 0;
  });
}

type KernelFunction = (argument?: number) => number;

class Run {
  readonly #exports: WebAssembly.Exports;
  readonly #memory: WebAssembly.Memory;
  readonly #fuel: WebAssembly.Global;
  readonly #limits: TaskLimits;

  constructor(module: WebAssembly.Module, limits: TaskLimits) {
    try {
      this.#exports = new WebAssembly.Instance(module, {}).exports;
    } catch (error) {
      // Segments are checked before a kernel is accepted, so only a want of memory is left.
      throw new SandboxFailure('out-of-memory', `no instance of the kernel: ${text(error)}`);
    }
    this.#memory = this.#exports.memory as WebAssembly.Memory;
    this.#fuel = this.#exports[FUEL_EXPORT] as WebAssembly.Global;
    this.#limits = limits;
  }

  /** Calls an export that the inspection has found. */
  call(name: string, argument?: number): number {
    return (this.#exports[name] as KernelFunction)(argument);
  }

  /** Writes the input where the kernel wants it. */
  give(input: Uint8Array): boolean {
    const address = this.call('shoal_alloc', input.length) >>> 0;
    if (address === 0 || address + input.length > this.#memory.buffer.byteLength) return false;
    new Uint8Array(this.#memory.buffer, address, input.length).set(input);
    return true;
  }

  /** `body` returns whether the kernel reported success. */
  finish(body: (kernel: Run) => boolean): TaskResult {
    this.#fuel.value = BigInt(this.#limits.fuelMax);
    try {
      for (const name of [START_EXPORT, '_initialize', '_start']) if (name in this.#exports) this.call(name);
      const succeeded = this.call('shoal_abi') === ABI_VERSION && body(this);
      const result = succeeded ? this.#output() : this.#ended(TRAP.kernelError);
      // Code without loops and calls is not checked while it runs.
      return this.isOutOfFuel ? this.#outOfFuel() : result;
    } catch (error) {
      return this.#trapped(error);
    }
  }

  #output(): TaskResult {
    const length = this.call('shoal_out_len') >>> 0;
    if (length > this.#limits.outputBytesMax) return this.#ended(TRAP.outputTooLarge);
    const address = this.call('shoal_out_ptr') >>> 0;
    if (address + length > this.#memory.buffer.byteLength) return this.#ended(TRAP.kernelError);
    return { ...this.#ended(TRAP.none), output: new Uint8Array(this.#memory.buffer, address, length).slice() };
  }

  #trapped(error: unknown): TaskResult {
    if (error instanceof SandboxFailure) throw error;
    if (this.isOutOfFuel) return this.#outOfFuel();
    if ((this.#exports[HOST_FAILURE_EXPORT] as WebAssembly.Global).value !== 0) {
      throw new SandboxFailure('out-of-memory', 'this machine has no memory for what the kernel may use');
    }
    if (error instanceof WebAssembly.RuntimeError) return this.#ended(TRAP.trap);
    // Above all the engine's own stack limit, which must not be reached before ours is.
    throw new SandboxFailure('worker-crashed', `the engine gave up on the kernel: ${text(error)}`);
  }

  get isOutOfFuel(): boolean {
    return (this.#fuel.value as bigint) < 0n;
  }

  #outOfFuel(): TaskResult {
    return { trap: TRAP.outOfFuel, fuel: this.#limits.fuelMax, output: new Uint8Array(0) };
  }

  #ended(trap: TrapKind): TaskResult {
    return { trap, fuel: this.#limits.fuelMax - Number(this.#fuel.value as bigint), output: new Uint8Array(0) };
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
