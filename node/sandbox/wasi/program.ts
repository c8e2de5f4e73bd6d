/**
 * Runs one task of ABI 2: a WASI command, from `_start` to its end, in a fresh instance. It has no steps, so it can be
 * neither paused nor saved on the way. How it ends is a result, as with a kernel:
 *
 *   returns, or exits with 0    its standard output
 *   exits with another code     an error of its own
 *   traps                       a trap; `abort` and a failed `assert` are traps
 *   runs out of fuel            in its own code, or by what the host charged
 *   writes too much             too much output, at that moment
 *
 * A program that the host ends within nested calls has paid exactly what has run, in each of its callers.
 */
import { TRAP, type TrapKind } from '../../protocol/trust/commitment.ts';
import { FUEL_EXPORT, HOST_FAILURE_EXPORT, START_EXPORT } from '../meter.ts';
import { SandboxFailure } from '../sandbox-failure.ts';
import type { TaskLimits, TaskResult, TaskWork } from '../task.ts';
import type { Sha256 } from '../unit.ts';
import { ProgramEnd, WasiHost } from './host.ts';
import { ProgramMemory } from './memory.ts';

export interface ProgramResult extends TaskResult {
  /** What its author wants to know of a failure, in words: exit code and standard error. No part of a result. */
  readonly note: string | undefined;
}

/** A task of a unit, as `TaskRun` is one for kernels: it ends at the first step, and there is nothing to save. */
export class ProgramRun {
  readonly #module: WebAssembly.Module;
  readonly #work: Omit<TaskWork, 'stepQuantum'>;
  readonly #sha256: Sha256;
  readonly steps = undefined;
  /** Once it has ended. */
  result: ProgramResult | undefined;

  constructor(module: WebAssembly.Module, work: Omit<TaskWork, 'stepQuantum'>, sha256: Sha256) {
    this.#module = module;
    this.#work = work;
    this.#sha256 = sha256;
  }

  /** Runs it to its end. Throws a SandboxFailure. */
  advance(): false {
    const { parameters, input, limits } = this.#work;
    this.result = runProgram(this.#module, parameters, input, limits, this.#sha256);
    return false;
  }

  save(): undefined {
    return undefined;
  }
}

/** Throws a SandboxFailure. `module` comes from metered bytes that were inspected for ABI 2. */
export function runProgram(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  input: Uint8Array,
  limits: TaskLimits,
  sha256: Sha256,
): ProgramResult {
  const { outputBytesMax } = limits;
  const host = new WasiHost({ parameters, input, outputBytesMax, sha256 });
  const exports = instantiate(module, host.imports);
  const fuel = exports[FUEL_EXPORT] as WebAssembly.Global;
  host.bind({ memory: new ProgramMemory(exports.memory as WebAssembly.Memory), fuel });
  fuel.value = BigInt(limits.fuelMax);
  let end: ProgramEnd | 'trap';
  try {
    for (const name of [START_EXPORT, '_start']) if (name in exports) (exports[name] as () => void)();
    end = new ProgramEnd('exit');
  } catch (error) {
    end = error instanceof ProgramEnd ? error : trapped(error, exports);
  }
  const left = fuel.value as bigint;
  // Code without loops and calls is not checked while it runs.
  const kind = left < 0n ? TRAP.outOfFuel : kindOf(end);
  return {
    trap: kind,
    fuel: kind === TRAP.outOfFuel ? limits.fuelMax : limits.fuelMax - Number(left),
    output: kind === TRAP.none ? host.output : new Uint8Array(0),
    note: kind === TRAP.none ? undefined : noteOf(end, host.stderr),
  };
}

function instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Exports {
  try {
    return new WebAssembly.Instance(module, imports).exports;
  } catch (error) {
    // Imports and segments are checked before a program is accepted, so only a want of memory is left.
    throw new SandboxFailure('out-of-memory', `no instance of the program: ${text(error)}`);
  }
}

function trapped(error: unknown, exports: WebAssembly.Exports): 'trap' {
  if ((exports[FUEL_EXPORT] as WebAssembly.Global<'i64'>).value < 0n) return 'trap';
  if ((exports[HOST_FAILURE_EXPORT] as WebAssembly.Global).value !== 0) {
    throw new SandboxFailure('out-of-memory', 'this machine has no memory for what the program may use');
  }
  if (error instanceof WebAssembly.RuntimeError) return 'trap';
  // The engine's own stack limit, or no memory for the output.
  throw new SandboxFailure('worker-crashed', `the engine gave up on the program: ${text(error)}`);
}

function kindOf(end: ProgramEnd | 'trap'): TrapKind {
  if (end === 'trap') return TRAP.trap;
  if (end.how === 'output-too-large') return TRAP.outputTooLarge;
  return end.exitCode === 0 ? TRAP.none : TRAP.kernelError;
}

function noteOf(end: ProgramEnd | 'trap', stderr: Uint8Array): string | undefined {
  const parts = end !== 'trap' && end.exitCode !== 0 ? [`it exited with code ${end.exitCode}`] : [];
  if (stderr.length > 0) parts.push(`it wrote to standard error: ${new TextDecoder().decode(stderr).trim()}`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
