/** What processes and their descendants use, as Linux tells it in /proc; elsewhere nothing is known. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpuMsOf } from '../effort.ts';

/** `pid` and all processes under it. */
export function tree(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const child = Number(name);
    const parent = Number.isInteger(child) ? parentOf(child) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), child]);
  }
  const found = [pid];
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

/** Processor time of `pid` and all under it, so far. A process that has ended meanwhile is not counted. */
export function cpuMsOfTree(pid: number): number {
  return tree(pid).reduce((sum, each) => sum + (attempt(() => cpuMsOf(each)) ?? 0), 0);
}

/** Processor time of all cores spent on anything, so far. */
export function cpuMsOfMachine(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/);
  const [user, nice, system, , , irq, softIrq] = ticks.map(Number);
  // USER_HZ is 100 on every Linux that people use.
  return (user! + nice! + system! + irq! + softIrq!) * 10;
}

export interface Memory {
  /** Bytes in memory, shared pages counted in full. */
  readonly rss: number;
  /** The same with shared pages divided among those who share them: these add up. */
  readonly pss: number;
}

export function memoryOf(pid: number): Memory | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  if (text === undefined) return undefined;
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024;
  return { rss: bytes('Rss'), pss: bytes('Pss') };
}

/** What kind of process of a Chromium this is: `renderer`, `gpu-process`, `utility`, `zygote`; `browser` for the first. */
export function kindOf(pid: number): string | undefined {
  const command = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  return command === undefined ? undefined : (/--type=([\w-]+)/.exec(command)?.[1] ?? 'browser');
}

function parentOf(pid: number): number | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** A process may end between two looks. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
