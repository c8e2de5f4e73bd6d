/**
 * Runs the tasks of a work unit and builds what a volunteer signs for: packed leaves, their Merkle root, the fuel and
 * the output block. SHA-256 is handed in, native where there is one: a thousand tasks of 10 microseconds each would
 * otherwise spend most of their time in a hash written in JavaScript.
 */
import { concatBytes, toHex } from '../protocol/bytes.ts';
import type { Execution } from '../protocol/effect.ts';
import type { Digest } from '../protocol/ids.ts';
import { BLOCK_BYTES_MAX, FUEL_PER_TASK_MAX, TASKS_PER_UNIT_MAX } from '../protocol/limits.ts';
import { merkleRoot, packLeaf } from '../protocol/trust/commitment.ts';
import { BlockError, cidFromDigest, decodeUnitInput, encodeUnitOutput } from '../protocol/wire/block.ts';
import { outputBlockBytesMax } from '../protocol/work/job.ts';
import { runTask, SandboxFailure } from './task.ts';

/** SHA-256 in 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What a worker needs in order to run a unit, beside the compiled kernel. */
export interface UnitWork {
  /** Index of the only task to run; undefined runs all. */
  readonly task: number | undefined;
  readonly taskCount: number;
  readonly stepQuantum: number;
  readonly parameters: Uint8Array;
  /** The unit's input block: a dag-cbor list of byte strings. */
  readonly unitInput: Uint8Array;
  readonly fuelPerTaskMax: number;
  readonly outputBytesPerTaskMax: number;
}

/** Throws a SandboxFailure. `now` gives milliseconds. */
export function runUnit(module: WebAssembly.Module, work: UnitWork, sha256: Sha256, now: () => number): Execution {
  const startedAt = now();
  checkWork(work);
  const inputs = taskInputs(work);
  const limits = { fuelMax: work.fuelPerTaskMax, outputBytesMax: work.outputBytesPerTaskMax };
  const wanted = work.task === undefined ? inputs : [inputs[work.task]!];
  const outputs: Uint8Array[] = [];
  const leafParts: Uint8Array[] = [];
  let fuel = 0;
  for (const input of wanted) {
    const result = runTask(module, work.parameters, input, work.stepQuantum, limits);
    outputs.push(result.output);
    const outputHash = toHex(sha256(result.output)) as Digest;
    leafParts.push(packLeaf({ trap: result.trap, fuel: result.fuel, outputHash }));
    fuel += result.fuel;
  }
  const leaves = concatBytes(...leafParts);
  if (work.task !== undefined) {
    return { leaves, merkleRoot: '' as Digest, fuel, output: undefined, wallClockMs: now() - startedAt };
  }
  // A copy, because an encoder may hand out a part of a larger buffer, and this one is going to be given away.
  const bytes = new Uint8Array(encodeUnitOutput({ leaves, outputs }));
  const cid = cidFromDigest(toHex(sha256(bytes)) as Digest, 'dag-cbor');
  return {
    leaves,
    merkleRoot: merkleRoot(leaves, sha256),
    fuel,
    output: { cid, bytes },
    wallClockMs: now() - startedAt,
  };
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
