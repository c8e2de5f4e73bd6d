/**
 * Runs the tasks of a work unit and builds what a volunteer signs for: packed leaves, their Merkle root, the fuel and
 * the output block. SHA-256 is handed in, native where there is one: a thousand tasks of 10 microseconds each would
 * otherwise spend most of their time in a hash written in JavaScript.
 *
 * Like a task, a unit advances from one step boundary to the next, and can be saved at each: what its finished tasks gave,
 * and the state of the one that runs. Where that state cannot be saved, the unit goes on from its last finished task.
 */
import { concatBytes, toHex } from '../protocol/bytes.ts';
import type { Execution } from '../protocol/effect.ts';
import type { Digest } from '../protocol/ids.ts';
import { BLOCK_BYTES_MAX, FUEL_PER_TASK_MAX, TASKS_PER_UNIT_MAX } from '../protocol/limits.ts';
import { WASI_ABI_VERSION } from '../protocol/parameters.ts';
import { LEAF_BYTES, merkleRoot, packLeaf, totalFuel } from '../protocol/trust/commitment.ts';
import { BlockError, cidFromDigest, decodeUnitInput, encodeUnitOutput } from '../protocol/wire/block.ts';
import { outputBlockBytesMax } from '../protocol/work/job.ts';
import { type InstanceState, KernelInstance } from './instance.ts';
import { PAGE_BYTES } from './module.ts';
import { SandboxFailure, TaskRun, type TaskState } from './task.ts';
import { ProgramRun } from './wasi/program.ts';

/** SHA-256 in 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/**
 * An instance is used for the next task, too, where its memory begins no larger than this. Clearing as much takes a tenth
 * of the time of making another one (`npm run bench -- steps`); beyond it nothing was measured.
 */
const REUSED_BYTES_MAX = 64 * PAGE_BYTES;

/** What a worker needs in order to run a unit, beside the compiled kernel. */
export interface UnitWork {
  /** Index of the only task to run; undefined runs all. */
  readonly task: number | undefined;
  readonly taskCount: number;
  /** A kernel's, 1, unless it says otherwise. */
  readonly abi?: number | undefined;
  /** Of no meaning to a WASI program, which has no steps. */
  readonly stepQuantum: number;
  readonly parameters: Uint8Array;
  /** The unit's input block: a dag-cbor list of byte strings. */
  readonly unitInput: Uint8Array;
  readonly fuelPerTaskMax: number;
  readonly outputBytesPerTaskMax: number;
}

/** A unit between two steps. */
export interface UnitState {
  /** Of finished tasks. */
  readonly leaves: Uint8Array;
  readonly outputs: readonly Uint8Array[];
  /** The task that runs. Undefined between two tasks, and where its state cannot be saved: then it begins again. */
  readonly running: TaskState | undefined;
  /** Time the unit has taken so far. */
  readonly elapsedMs: number;
}

export interface UnitProgress {
  readonly tasksDone: number;
  readonly tasks: number;
  /** Steps of the task that runs; both 0 while they are not known. */
  readonly stepsDone: number;
  readonly steps: number;
}

/** Throws a SandboxFailure. `now` gives milliseconds. */
export function runUnit(module: WebAssembly.Module, work: UnitWork, sha256: Sha256, now: () => number): Execution {
  const unit = new UnitRun(module, work, sha256, now);
  while (unit.advance());
  return unit.finish();
}

export class UnitRun {
  readonly #module: WebAssembly.Module;
  readonly #work: UnitWork;
  readonly #sha256: Sha256;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #inputs: readonly Uint8Array[];
  readonly #leaves: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  #fuel = 0;
  #task: TaskRun | ProgramRun | undefined;
  /** The last one made, and what it was before anything ran, if that can be put back. */
  #kernel: KernelInstance | undefined;
  #initial: InstanceState | undefined;
  /** What the author of a WASI program wants to know of its first failure; no part of what is signed. */
  note: string | undefined;

  /** With `from` it goes on where that was saved, of the very same work. Throws a SandboxFailure. */
  constructor(module: WebAssembly.Module, work: UnitWork, sha256: Sha256, now: () => number, from?: UnitState) {
    this.#module = module;
    this.#work = work;
    this.#sha256 = sha256;
    this.#now = now;
    this.#startedAt = now() - (from?.elapsedMs ?? 0);
    checkWork(work);
    const inputs = taskInputs(work);
    this.#inputs = work.task === undefined ? inputs : [inputs[work.task]!];
    if (from === undefined) return;
    this.#fuel = from.outputs.length === 0 ? 0 : totalFuel(from.leaves);
    from.outputs.forEach((output, task) => {
      this.#outputs.push(output);
      this.#leaves.push(from.leaves.subarray(task * LEAF_BYTES, (task + 1) * LEAF_BYTES));
    });
    if (from.running !== undefined) this.#task = this.#begin(from.running);
  }

  get progress(): UnitProgress {
    const { left, total } = this.#task?.steps ?? { left: 0, total: 0 };
    return { tasksDone: this.#leaves.length, tasks: this.#inputs.length, stepsDone: total - left, steps: total };
  }

  /** Goes on to the next step boundary. False when all tasks have ended. Throws a SandboxFailure. */
  advance(): boolean {
    if (this.#leaves.length === this.#inputs.length) return false;
    const task = this.#task ?? this.#begin();
    this.#task = task;
    if (task.advance()) return true;
    this.#keep(task);
    this.#task = undefined;
    return this.#leaves.length < this.#inputs.length;
  }

  /** A copy of all that is needed to go on. The running task's state is left out when it is larger than `bytesMax`. */
  save(bytesMax: number): UnitState {
    return {
      leaves: concatBytes(...this.#leaves),
      outputs: [...this.#outputs],
      running: this.#task?.save(bytesMax),
      elapsedMs: this.#now() - this.#startedAt,
    };
  }

  /** After the last `advance`. */
  finish(): Execution {
    const leaves = concatBytes(...this.#leaves);
    const fuel = this.#fuel;
    if (this.#work.task !== undefined) {
      const wallClockMs = this.#now() - this.#startedAt;
      return { leaves, merkleRoot: '' as Digest, fuel, output: undefined, wallClockMs };
    }
    // A copy, because an encoder may hand out a part of a larger buffer, and this one is going to be given away.
    const bytes = new Uint8Array(encodeUnitOutput({ leaves, outputs: this.#outputs }));
    const cid = cidFromDigest(toHex(this.#sha256(bytes)) as Digest, 'dag-cbor');
    return {
      leaves,
      merkleRoot: merkleRoot(leaves, this.#sha256),
      fuel,
      output: { cid, bytes },
      wallClockMs: this.#now() - this.#startedAt,
    };
  }

  #begin(from?: TaskState): TaskRun | ProgramRun {
    const { abi, parameters, stepQuantum, fuelPerTaskMax: fuelMax, outputBytesPerTaskMax: outputBytesMax } = this.#work;
    const input = this.#inputs[this.#leaves.length]!;
    const limits = { fuelMax, outputBytesMax };
    if (abi === WASI_ABI_VERSION) return new ProgramRun(this.#module, { parameters, input, limits }, this.#sha256);
    const work = { parameters, input, stepQuantum, limits };
    return new TaskRun(this.#freshKernel(), work, from);
  }

  /** As if it had just been made. */
  #freshKernel(): KernelInstance {
    if (this.#initial !== undefined && this.#kernel?.reset(this.#initial) === true) return this.#kernel;
    const kernel = new KernelInstance(this.#module);
    const isLast = this.#leaves.length + 1 === this.#inputs.length;
    if (!isLast && kernel.memory.buffer.byteLength <= REUSED_BYTES_MAX) {
      this.#initial ??= kernel.save(REUSED_BYTES_MAX);
      this.#kernel = kernel;
    }
    return kernel;
  }

  #keep(task: TaskRun | ProgramRun): void {
    if (task instanceof ProgramRun) this.note ??= task.result!.note;
    const { trap, fuel, output } = task.result!;
    const outputHash = toHex(this.#sha256(output)) as Digest;
    this.#leaves.push(packLeaf({ trap, fuel, outputHash }));
    this.#outputs.push(output);
    this.#fuel += fuel;
  }
}
function checkWork(work: UnitWork): void {
  const { taskCount, task, stepQuantum, fuelPerTaskMax, outputBytesPerTaskMax } = work;
  checkRange('taskCount', taskCount, 1, TASKS_PER_UNIT_MAX);
  if (task !== undefined) checkRange('task', task, 0, taskCount - 1);
  checkRange('stepQuantum', stepQuantum, 1, 2 ** 31 - 1);
  checkRange('fuelPerTaskMax', fuelPerTaskMax, 1, FUEL_PER_TASK_MAX);
  checkRange('outputBytesPerTaskMax', outputBytesPerTaskMax, 0, BLOCK_BYTES_MAX);
  const size = outputBlockBytesMax(taskCount, outputBytesPerTaskMax);
  if (size > BLOCK_BYTES_MAX) {
    throw new SandboxFailure(
      'input-malformed',
      `${taskCount} tasks of up to ${outputBytesPerTaskMax} output bytes may need a block of ${size} bytes, at most ` +
        `${BLOCK_BYTES_MAX} are allowed: lower outputBytesPerTaskMax or tasksPerUnit`,
    );
  }
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new SandboxFailure('input-malformed', `${name} is ${value}, it must be a whole number from ${min} to ${max}`);
}

function taskInputs(work: UnitWork): readonly Uint8Array[] {
  let inputs: readonly Uint8Array[];
  try {
    inputs = decodeUnitInput(work.unitInput);
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    throw new SandboxFailure('input-malformed', `the unit's input block is damaged: ${error.message}`);
  }
  if (inputs.length !== work.taskCount) {
    throw new SandboxFailure(
      'input-malformed',
      `the unit's input block has ${inputs.length} tasks, the job says ${work.taskCount}`,
    );
  }
  return inputs;
}
