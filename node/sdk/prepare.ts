/**
 * Everything a peer needs in order to announce a job, made of a kernel, arguments and a file: the JobRequest and the
 * blocks it addresses. What could only fail later, on other people's machines, is refused here with advice.
 *
 * Pure but for `hash`, which is handed in so that each platform can use its native SHA-256.
 */

import type { Cid, Digest, Millis } from '../protocol/ids.ts';
import {
  BLOCK_BYTES_MAX,
  JOB_TTL_MAX_MS,
  REPLICAS_MAX,
  TASKS_PER_UNIT_MAX,
  TITLE_BYTES_MAX,
  UNITS_MAX,
} from '../protocol/limits.ts';
import { cidFromDigest, encodeInputIndex, encodeUnitInput } from '../protocol/wire/block.ts';
import type { JobRequest, Metering, OwnResults } from '../protocol/work/job.ts';
import { type ArgumentInputs, type Arguments, argument, encodeParameters, resolveArguments } from './arguments.ts';
import { SdkError } from './error.ts';
import type { KernelManifest } from './manifest.ts';
import { splitTasks } from './split.ts';

/** Room in an output block beside the outputs: framing of the whole, and a leaf and a list head for each task. */
const OUTPUT_FRAME_BYTES = 64;
const OUTPUT_BYTES_PER_TASK = 41 + 9;
/** The index of a job is one block too: 41 bytes for each link, and the head of the list. */
export const UNITS_IN_INDEX_MAX = Math.min(UNITS_MAX, Math.floor((BLOCK_BYTES_MAX - 9) / 41));

/** Order among the jobs of one submitter; the wire takes no more. */
const PRIORITY_MAX = 100;

export interface JobPolicy {
  /** Distinct attestations each result needs. Default 2. */
  readonly quorum?: number | undefined;
  /** Replicas started at once, at least the quorum. Default: the quorum. */
  readonly replicas?: number | undefined;
  readonly tasksPerUnit?: number | undefined;
  /** Bytes, numbers or pixels to a side in one task. */
  readonly taskSize?: number | undefined;
  /** From -100 to 100; larger first. Default 0. */
  readonly priority?: number | undefined;
  /** Default one hour. */
  readonly ttlMs?: Millis | undefined;
  /** Default `alone`. */
  readonly ownResults?: OwnResults | undefined;
  /** Whether peers that arrive later may help. Default true. */
  readonly appends?: boolean | undefined;
  /** As measured, in place of the manifest's estimate. */
  readonly expectedUnitMs?: Millis | undefined;
  readonly title?: string | undefined;
}

export interface PrepareOptions {
  readonly manifest: KernelManifest;
  readonly wasm: Uint8Array;
  readonly args: ArgumentInputs;
  readonly file?: Uint8Array | undefined;
  readonly policy?: JobPolicy | undefined;
  /** Rewriter and weights of the sandbox in use. */
  readonly metering: Metering;
  /** SHA-256. */
  readonly hash: (bytes: Uint8Array) => Digest | Promise<Digest>;
}

export interface Block {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

export interface PreparedJob {
  readonly request: JobRequest;
  readonly values: Arguments;
  /** One per work unit. */
  readonly unitInputs: readonly Cid[];
  /** Kernel, unit inputs and index, each once. */
  readonly blocks: readonly Block[];
}

export async function prepareJob(options: PrepareOptions): Promise<PreparedJob> {
  const { manifest, wasm, metering, policy = {} } = options;
  const { limits } = manifest;
  const values = resolveArguments(manifest, options.args);
  const parameters = encodeParameters(manifest, values);
  const tasksPerUnitMax = checkPolicy(manifest, policy);
  if (wasm.length > BLOCK_BYTES_MAX) {
    throw new SdkError('kernel-too-large', `the kernel has ${wasm.length} bytes; a block holds ${BLOCK_BYTES_MAX}`);
  }
  const plan = splitTasks(manifest, values, { file: options.file, taskSize: policy.taskSize });
  // A job smaller than one unit is one unit of its own size.
  const tasksPerUnit = Math.min(tasksPerUnitMax, plan.count);
  const units = Math.ceil(plan.count / tasksPerUnit);
  if (units > UNITS_IN_INDEX_MAX) {
    throw new SdkError(
      'too-many-units',
      `${plan.count} tasks make ${units} work units, and a job holds ${UNITS_IN_INDEX_MAX}: raise tasks per unit (now ${tasksPerUnit}) or the task size`,
    );
  }

  const blocks = new Map<Cid, Uint8Array>();
  const keep = async (bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Promise<Cid> => {
    const cid = cidFromDigest(await options.hash(bytes), codec);
    blocks.set(cid, bytes);
    return cid;
  };
  const kernel = await keep(wasm, 'raw');
  const unitInputs: Cid[] = [];
  for (const tasks of inGroups(plan.inputs, tasksPerUnit)) {
    const bytes = encodeUnitInput(tasks);
    if (bytes.length > BLOCK_BYTES_MAX) {
      throw new SdkError(
        'unit-too-large',
        `the input of work unit ${unitInputs.length} is ${bytes.length} bytes, and a block holds ${BLOCK_BYTES_MAX}: lower tasks per unit (now ${tasksPerUnit}) or the task size`,
      );
    }
    unitInputs.push(await keep(bytes, 'dag-cbor'));
  }
  const input = await keep(encodeInputIndex(unitInputs), 'dag-cbor');

  const quorum = policy.quorum ?? 2;
  const request: JobRequest = {
    kernel,
    abi: manifest.abi,
    metering,
    stepQuantum: limits.stepQuantum,
    parameters,
    input,
    taskCount: plan.count,
    tasksPerUnit,
    fuelPerTaskMax: limits.fuelPerTaskMax,
    memoryPagesMax: limits.memoryPagesMax,
    outputBytesPerTaskMax: limits.outputBytesPerTaskMax,
    quorum,
    replicas: policy.replicas ?? quorum,
    ownResults: policy.ownResults ?? 'alone',
    appends: policy.appends ?? true,
    expectedUnitMs: policy.expectedUnitMs ?? expectedUnitMs(manifest, values, tasksPerUnit),
    ttlMs: policy.ttlMs ?? 3_600_000,
    priority: policy.priority ?? 0,
    title: policy.title ?? manifest.title,
    purpose: manifest.purpose,
  };
  return { request, values, unitInputs, blocks: Array.from(blocks, ([cid, bytes]) => ({ cid, bytes })) };
}

/** The manifest's estimate for one work unit on an ordinary core, at least 1 ms. */
export function expectedUnitMs(manifest: KernelManifest, values: Arguments, tasks: number): Millis {
  const { taskMs, times } = manifest.expected;
  const factor = times === undefined ? 1 : Math.max(0, Number(argument(values, times)));
  return Math.min(JOB_TTL_MAX_MS, Math.max(1, Math.round(taskMs * factor * tasks)));
}

/** Checks what the submitter chose; returns the tasks per unit. */
function checkPolicy(manifest: KernelManifest, policy: JobPolicy): number {
  const whole = (value: number | undefined, what: string, least: number, most: number): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
    throw new SdkError('policy-invalid', `${what} must be a whole number from ${least} to ${most}, not ${value}`);
  };
  whole(policy.quorum, 'the quorum', 1, REPLICAS_MAX);
  whole(policy.replicas, 'the number of replicas', policy.quorum ?? 2, REPLICAS_MAX);
  whole(policy.ttlMs, 'the time to live in ms', 1, JOB_TTL_MAX_MS);
  whole(policy.expectedUnitMs, 'the expected time of a unit in ms', 1, JOB_TTL_MAX_MS);
  whole(policy.priority, 'the priority', -PRIORITY_MAX, PRIORITY_MAX);
  if (policy.title !== undefined && new TextEncoder().encode(policy.title).length > TITLE_BYTES_MAX) {
    throw new SdkError('policy-invalid', `the title is longer than ${TITLE_BYTES_MAX} bytes`);
  }
  const tasksPerUnit = policy.tasksPerUnit ?? manifest.limits.tasksPerUnit;
  if (!Number.isSafeInteger(tasksPerUnit) || tasksPerUnit < 1 || tasksPerUnit > TASKS_PER_UNIT_MAX) {
    throw new SdkError(
      'too-many-tasks-per-unit',
      `tasks per unit must be a whole number from 1 to ${TASKS_PER_UNIT_MAX}, not ${tasksPerUnit}`,
    );
  }
  const perTask = manifest.limits.outputBytesPerTaskMax + OUTPUT_BYTES_PER_TASK;
  if (tasksPerUnit * perTask + OUTPUT_FRAME_BYTES > BLOCK_BYTES_MAX) {
    const fits = Math.floor((BLOCK_BYTES_MAX - OUTPUT_FRAME_BYTES) / perTask);
    throw new SdkError(
      'output-too-large',
      fits === 0
        ? `${manifest.name}: limits.outputBytesPerTaskMax of ${manifest.limits.outputBytesPerTaskMax} does not fit into one block`
        : `${tasksPerUnit} tasks of ${manifest.limits.outputBytesPerTaskMax} bytes of output do not fit into one block: use at most ${fits} tasks per unit`,
    );
  }
  return tasksPerUnit;
}

function* inGroups<T>(items: Iterable<T>, size: number): Iterable<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
