/**
 * The modelled kernel: a pure function of a task's input bytes, so that there is a truth to compare results with.
 *
 *   task input = trap kind (1) | fuel (4, little-endian) | noise (8)
 *   output     = 16 bytes hashed from kernel, parameters and input; empty where the task traps
 *
 * It makes real leaves, roots, output blocks and CIDs; only the WebAssembly is missing.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, toHex } from '../../node/protocol/bytes.ts';
import type { Execution } from '../../node/protocol/effect.ts';
import type { Cid, Digest } from '../../node/protocol/ids.ts';
import {
  LEAF_BYTES,
  leafAt,
  merkleRoot,
  packLeaf,
  rootOf,
  TRAP,
  type TrapKind,
  totalFuel,
} from '../../node/protocol/trust/commitment.ts';
import {
  cidOf,
  decodeUnitInput,
  encodeInputIndex,
  encodeUnitInput,
  encodeUnitOutput,
} from '../../node/protocol/wire/block.ts';
import type { JobRequest } from '../../node/protocol/work/job.ts';
import { hash128, hashText } from './hash.ts';
import type { RandomStream } from './random.ts';

export interface JobShape {
  readonly units: number;
  readonly tasksPerUnit: number;
  /** Median time of a whole unit on a machine of speed 1. */
  readonly unitMs: number;
  /** Tasks that trap, as (unit, task) → kind. */
  readonly trap?: (unit: number, task: number) => TrapKind;
  /** What differs from a plain job with quorum 2 and two replicas. */
  readonly request?: Partial<JobRequest>;
}

export interface Block {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** A job ready to be submitted, with the truth about it. */
export interface ModelledJob {
  readonly request: JobRequest;
  readonly unitInputs: readonly Cid[];
  readonly blocks: readonly Block[];
  readonly taskMs: number;
  /** Root of each unit that an honest execution gives. */
  readonly trueRoots: readonly Digest[];
}

export function createJob(shape: JobShape, random: RandomStream): ModelledJob {
  const kernel = rawBlock(random.fork('kernel').bytes(64));
  const inputs: Block[] = [];
  for (let unit = 0; unit < shape.units; unit++) {
    const noise = random.fork(`unit ${unit}`);
    const tasks = Array.from({ length: shape.tasksPerUnit }, (_, task) => {
      const input = noise.bytes(13);
      input[0] = shape.trap?.(unit, task) ?? TRAP.none;
      input[3] = input[4] = 0;
      return input;
    });
    inputs.push(cborBlock(encodeUnitInput(tasks)));
  }
  const unitInputs = inputs.map(({ cid }) => cid);
  const index = cborBlock(encodeInputIndex(unitInputs));
  const request: JobRequest = {
    kernel: kernel.cid,
    abi: 1,
    metering: { rewriter: 1, mode: 'simple', weights: 1 },
    stepQuantum: 1_000,
    parameters: new Uint8Array(),
    input: index.cid,
    taskCount: shape.units * shape.tasksPerUnit,
    tasksPerUnit: shape.tasksPerUnit,
    fuelPerTaskMax: 1_000_000,
    memoryPagesMax: 16,
    outputBytesPerTaskMax: 1_024,
    quorum: 2,
    replicas: 2,
    ownResults: 'alone',
    appends: true,
    expectedUnitMs: shape.unitMs,
    ttlMs: 24 * 3_600_000,
    priority: 0,
    title: 'modelled job',
    purpose: 'simulation',
    ...shape.request,
  };
  const trueRoots = inputs.map(({ bytes }) => {
    const { leaves } = computeUnit(modelledProgram(request.kernel), request.parameters, bytes, request);
    return rootOf(merkleRoot(leaves), totalFuel(leaves));
  });
  return {
    request,
    unitInputs,
    blocks: [kernel, index, ...inputs],
    taskMs: shape.unitMs / shape.tasksPerUnit,
    trueRoots,
  };
}

/** What a program says about one task, before the limits of the job are applied. Fuel may be infinite. */
export interface TaskOutcome {
  readonly trap: TrapKind;
  readonly fuel: number;
  readonly output: Uint8Array;
}

/** A kernel as a function. */
export type Program = (parameters: Uint8Array, input: Uint8Array) => TaskOutcome;

export interface TaskLimits {
  readonly fuelPerTaskMax: number;
  readonly outputBytesPerTaskMax: number;
}

/** The program behind every modelled job: different kernels, parameters and inputs give different outputs. */
export function modelledProgram(kernel: Cid): Program {
  const seed = hashText(kernel);
  return (parameters, input) => {
    const trap = (input[0]! <= TRAP.outputTooLarge ? input[0]! : TRAP.none) as TrapKind;
    const output = new Uint8Array(hash128(input, hash128(parameters, seed)).buffer);
    return { trap, fuel: 1 + input[1]! + 256 * input[2]!, output };
  };
}

/** Packed leaves and outputs of every task in a unit. Throws a BlockError when the input is no unit input. */
export function computeUnit(
  program: Program,
  parameters: Uint8Array,
  unitInput: Uint8Array,
  limits: TaskLimits,
): { leaves: Uint8Array; outputs: Uint8Array[] } {
  const leaves: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  for (const input of decodeUnitInput(unitInput)) {
    const { trap, fuel, output } = limited(program(parameters, input), limits);
    leaves.push(packLeaf({ trap, fuel, outputHash: toHex(sha256(output)) as Digest }));
    outputs.push(output);
  }
  return { leaves: concatBytes(...leaves), outputs };
}

/** Out of fuel costs the whole budget; what trapped has no output. */
function limited({ trap, fuel, output }: TaskOutcome, limits: TaskLimits): TaskOutcome {
  const nothing = new Uint8Array();
  if (fuel > limits.fuelPerTaskMax) return { trap: TRAP.outOfFuel, fuel: limits.fuelPerTaskMax, output: nothing };
  if (trap !== TRAP.none) return { trap, fuel, output: nothing };
  if (output.length > limits.outputBytesPerTaskMax) return { trap: TRAP.outputTooLarge, fuel, output: nothing };
  return { trap, fuel, output };
}

/** What a runner hands over for a whole unit. */
export function executionOf(leaves: Uint8Array, outputs: readonly Uint8Array[], wallClockMs: number): Execution {
  return {
    leaves,
    merkleRoot: merkleRoot(leaves),
    fuel: totalFuel(leaves),
    output: cborBlock(encodeUnitOutput({ leaves, outputs })),
    wallClockMs,
  };
}

/** What a runner hands over for one re-executed task. */
export function taskExecution(leaves: Uint8Array, task: number, wallClockMs: number): Execution {
  const leaf = leafAt(leaves, task).slice();
  return { leaves: leaf, merkleRoot: '' as Digest, fuel: totalFuel(leaf), output: undefined, wallClockMs };
}

export function leafCount(leaves: Uint8Array): number {
  return leaves.length / LEAF_BYTES;
}

function cborBlock(bytes: Uint8Array): Block {
  return { cid: cidOf(bytes, 'dag-cbor'), bytes };
}

function rawBlock(bytes: Uint8Array): Block {
  return { cid: cidOf(bytes, 'raw'), bytes };
}
