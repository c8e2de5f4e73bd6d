/** What Linux tells about running processes, in /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Clock ticks are 10 ms on every Linux that runs Node.js. */
const TICK_MS = 10;

export interface ThreadFacts {
  readonly id: number;
  readonly nice: number;
  /** User and system time. */
  readonly cpuMs: number;
}

export function threadsOf(pid: number): readonly ThreadFacts[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((id) => {
    const fields = statOf(`${folder}/${id}`);
    if (fields === undefined) return [];
    return [{ id: Number(id), nice: Number(fields[16]), cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS }];
  });
}

/** Threads of the lowest priority that have computed for a while: those that run kernels. */
export function kernelThreadsOf(pid: number): readonly ThreadFacts[] {
  return threadsOf(pid).filter(({ id, nice, cpuMs }) => id !== pid && nice === 19 && cpuMs >= 100);
}

export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(`/proc/${name}`)?.[1] === String(pid))
    .map(Number);
}

/** A zombie is gone: it only waits to be counted. */
export function isAlive(pid: number): boolean {
  const fields = statOf(`/proc/${pid}`);
  return fields !== undefined && fields[0] !== 'Z';
}

/** The most memory it has held at a time. */
export function peakMemoryMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** Fields of `stat` from the third on; the name before them may contain anything. Undefined where it is gone. */
function statOf(folder: string): readonly string[] | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
