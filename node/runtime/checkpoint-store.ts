/**
 * Where units that were begun are kept until they are finished. Losing a checkpoint costs time and nothing else, so a
 * store is bounded and lets the oldest go, and need not wait for the disk. What it hands out is checked by whoever reads it.
 *
 * Every call is a message that may go to another process: no handles, no memory shared with the caller.
 */
import type { JobId, UnitIndex } from '../protocol/ids.ts';

export interface CheckpointKey {
  readonly job: JobId;
  readonly unit: UnitIndex;
  /** Index of the only task that is run; undefined for a whole unit. */
  readonly task: number | undefined;
}

/** Rejects with a StorageError. */
export interface CheckpointStore {
  /** Replaces what there was in one step, and lets go of the oldest where room is needed. `quota` for one too large. */
  put(key: CheckpointKey, bytes: Uint8Array): Promise<void>;
  get(key: CheckpointKey): Promise<Uint8Array | undefined>;
  /** Of one that is not there: does nothing. */
  drop(key: CheckpointKey): Promise<void>;
  dropJob(job: JobId): Promise<void>;
  /** Oldest first. */
  keys(): Promise<readonly CheckpointKey[]>;
}

/** `<job>-<unit>-<task>`, or `all` instead of a task: a name of a file, too. */
export function nameOfCheckpoint({ job, unit, task }: CheckpointKey): string {
  return `${job}-${unit}-${task ?? 'all'}`;
}

/** Undefined for what is no such name. */
export function checkpointOfName(name: string): CheckpointKey | undefined {
  const found = /^(.+)-(\d+)-(\d+|all)$/.exec(name);
  if (found === null) return undefined;
  const [, job, unit, task] = found as unknown as [string, JobId, string, string];
  return { job, unit: Number(unit), task: task === 'all' ? undefined : Number(task) };
}

export interface KeptCheckpoint {
  readonly name: string;
  readonly byteLength: number;
}

/** Which of those kept, oldest first, must go so that `byteLength` more bytes under `name` fit into `bytesMax`. */
export function toLetGo(
  kept: readonly KeptCheckpoint[],
  name: string,
  byteLength: number,
  bytesMax: number,
): readonly string[] {
  let bytes = byteLength;
  for (const item of kept) if (item.name !== name) bytes += item.byteLength;
  const going: string[] = [];
  for (const item of kept) {
    if (bytes <= bytesMax) break;
    if (item.name === name) continue;
    going.push(item.name);
    bytes -= item.byteLength;
  }
  return going;
}
