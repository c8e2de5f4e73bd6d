/**
 * A job: one kernel over many inputs. The submitter writes a JobSpec, announces it signed, and never needs to be
 * heard from again: everything a stranger needs in order to compute, check and stop is in here or addressed by it.
 *
 * Tasks are grouped into work units of `tasksPerUnit` aligned tasks (the last unit may be shorter). The input is a
 * dag-cbor block that lists one link per unit; each unit's block is a dag-cbor list with the bytes of each task.
 */
import type { Cid, Digest, Millis, UnitIndex } from '../ids.ts';
import { LEAF_BYTES } from '../trust/commitment.ts';

/** Which rewriter put the fuel metering in, and with which weights: replicas must never differ in these. */
export interface Metering {
  readonly rewriter: number;
  readonly mode: 'simple' | 'merged';
  readonly weights: number;
}

/** When a submitter may use a result only it computed: never, only while no rostered peer is in reach, or always. */
export type OwnResults = 'never' | 'alone' | 'always';

export interface JobSpec {
  readonly kernel: Cid;
  readonly abi: number;
  readonly metering: Metering;
  /** Steps per shoal_step call. Fuel depends on it, so it is part of the job. */
  readonly stepQuantum: number;
  /** Bytes that head the input of every task. */
  readonly parameters: Uint8Array;
  /** dag-cbor block: a list of links, one per work unit. */
  readonly input: Cid;
  readonly taskCount: number;
  readonly tasksPerUnit: number;
  readonly fuelPerTaskMax: number;
  /** Pages of 64 KiB. */
  readonly memoryPagesMax: number;
  readonly outputBytesPerTaskMax: number;
  /** m: distinct, independent attestations a result needs. 1 is for private networks only. */
  readonly quorum: number;
  /** r: replicas wanted from the start, at least the quorum. */
  readonly replicas: number;
  readonly ownResults: OwnResults;
  /** Whether the submitter may append later peers to the roster. */
  readonly appends: boolean;
  readonly rosterNonce: Digest;
  /** Units opened per second where the roster exceeds 16 peers; 0 below. */
  readonly pacePerSecond: number;
  readonly expectedUnitMs: Millis;
  readonly announcedAtMs: Millis;
  readonly ttlMs: Millis;
  readonly priority: number;
  readonly title: string;
  readonly purpose: string;
}

/** What a program asks its own peer to announce; the peer adds roster, nonce, pace and time. */
export type JobRequest = Omit<JobSpec, 'rosterNonce' | 'pacePerSecond' | 'announcedAtMs'>;

export function unitCount(spec: Pick<JobSpec, 'taskCount' | 'tasksPerUnit'>): number {
  return Math.ceil(spec.taskCount / spec.tasksPerUnit);
}

/** Number of tasks in one unit; the last one may be short. */
export function tasksInUnit(spec: Pick<JobSpec, 'taskCount' | 'tasksPerUnit'>, unit: UnitIndex): number {
  return Math.min(spec.tasksPerUnit, spec.taskCount - unit * spec.tasksPerUnit);
}

/**
 * Size the output block of a unit can have at most. A job in which it exceeds BLOCK_BYTES_MAX is not run at all: a
 * limit shared between the tasks of a unit would make a task's result depend on its neighbours, and then a single
 * task could not be executed again to settle a dispute.
 */
export function outputBlockBytesMax(taskCount: number, outputBytesPerTaskMax: number): number {
  const heads = 64;
  return heads + taskCount * (LEAF_BYTES + 5 + outputBytesPerTaskMax);
}
