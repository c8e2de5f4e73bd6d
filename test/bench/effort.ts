/** What some tasks took: real time, and processor time summed over every thread and process involved. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Effort {
  readonly tasks: number;
  readonly elapsedMs: number;
  /** Undefined where the system does not tell. */
  readonly cpuMs: number | undefined;
}

let ticksPerSecond: number | undefined;

/** Processor time a process has used so far, all its threads, user and system; undefined where there is no /proc. */
export function cpuMsOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program stands in brackets and may contain anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000;
}

export function cpuMsOfAll(pids: readonly number[]): number | undefined {
  const each = pids.map(cpuMsOf);
  return each.includes(undefined) ? undefined : each.reduce<number>((sum, ms) => sum + ms!, 0);
}

export function tasksPerSecond({ tasks, elapsedMs }: Effort): number {
  return tasks / (elapsedMs / 1_000);
}

export function cpuMsPerTask({ tasks, cpuMs }: Effort): number | undefined {
  return cpuMs === undefined ? undefined : cpuMs / tasks;
}
