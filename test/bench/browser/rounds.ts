/**
 * Throughput of two sides that take turns on one long job, so that what changes on this machine during a run meets
 * both. A round measures each side once, the order alternates, and the figure is the median of the rounds' ratios.
 *
 * The job: squares inside the Mandelbrot set, some 10 ms each, 32 to a unit, quorum 1, submitted by a daemon that gives
 * no cores. What counts is fuel of units executed by a whole volunteer, with blocks, signatures, statements and storage.
 */
import type { PauseReason } from '../../../node/protocol/event.ts';
import type { PeerView } from '../../../node/protocol/view.ts';
import { percentile } from '../../demonstration/latency.ts';
import type { Screen } from '../../demonstration/screen.ts';
import type { SwarmPeer } from '../../demonstration/swarm.ts';
import { until } from '../../support/daemon.ts';
import { type Grain, loadKernel, workOf } from '../work.ts';
import { cpuMsOfMachine, cpuMsOfTree } from './processes.ts';

export interface Sample {
  readonly atMs: number;
  readonly units: number;
  readonly fuel: number;
}

export interface Side {
  readonly name: string;
  /** The process whose tree does this side's work. */
  readonly pid: number;
  begin(): Promise<void>;
  /** Also called for a side that has not begun. */
  end(): Promise<void>;
  sample(): Promise<Sample>;
  isIdle(): Promise<boolean>;
  /** Reasons for which it has paused, though it has its turn. */
  pausedBy(): Promise<readonly PauseReason[]>;
  /** Called right before the window of time that is measured. */
  started?(): Promise<void>;
  /** Called right after it. Throws an Error that says why its figure is void. */
  check?(): Promise<void>;
}

export interface Measured extends Figures {
  /** Seen at the beginning and at the end of the window; a pause lasts longer than one does. */
  readonly pausedBy: readonly PauseReason[];
}

export interface Figures {
  readonly unitsPerSecond: number;
  readonly fuelPerSecond: number;
  /** Of the whole tree of processes. */
  readonly fuelPerCpuSecond: number;
  /** Cores taken by processes that are no part of this measurement. */
  readonly otherCores: number;
}

export interface Comparison {
  readonly rounds: readonly { readonly [side: string]: Measured }[];
  readonly medians: { readonly [side: string]: Figures };
  /** First side over second: medians over the rounds, with the lowest and the highest. */
  readonly wallRatio: Spread;
  readonly cpuRatio: Spread;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

const GRAIN: Grain = { name: '10 ms', taskMs: 10, side: 16, tasksPerUnit: 32, columns: 256, rows: 512 };
/** About 10 ms of this kernel for a square of 256 pixels on the machines of these years. */
const ITERATIONS = 20_000;
/** Beyond it the throughput of a round is a matter of chance. */
const QUIET_CORES_MAX = 0.1;
const WARM_UNITS = 8;

/** A job that lasts longer than any measurement. Cancel it at the end. */
export async function submitLongJob({ client }: SwarmPeer): Promise<string> {
  const work = workOf(await loadKernel(), GRAIN, ITERATIONS);
  return client.submit({
    kernel: { upload: await client.uploadBytes(work.kernel.wasm), manifest: work.kernel.manifest },
    arguments: { ...work.arguments },
    policy: { quorum: 1, ownResults: 'never', tasksPerUnit: GRAIN.tasksPerUnit, taskSize: GRAIN.side },
  });
}

export function sampleOf({ nowMs, totals }: PeerView): Sample {
  return { atMs: nowMs, units: totals.unitsExecuted, fuel: totals.fuelExecuted };
}

export interface Turns {
  readonly rounds: number;
  /** Time of one side that is measured in each round. */
  readonly windowMs: number;
}

export interface CompareOptions extends Turns {
  readonly screen: Screen;
}

export async function compare(sides: readonly [Side, Side], options: CompareOptions): Promise<Comparison> {
  const [first, second] = sides;
  for (const side of sides) await side.end();
  const rounds: { [side: string]: Measured }[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const measured: { [side: string]: Measured } = {};
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      options.screen.progress(round / options.rounds, `round ${round + 1} of ${options.rounds}: ${side.name}`);
      measured[side.name] = await measure(side, options, round === 0);
    }
    rounds.push(measured);
  }
  const median = (side: string, figure: keyof Figures): number =>
    percentile(
      rounds.map((round) => round[side]![figure]),
      0.5,
    );
  const mediansOf = (side: string): Figures => ({
    unitsPerSecond: median(side, 'unitsPerSecond'),
    fuelPerSecond: median(side, 'fuelPerSecond'),
    fuelPerCpuSecond: median(side, 'fuelPerCpuSecond'),
    otherCores: median(side, 'otherCores'),
  });
  const ratio = (figure: keyof Figures): Spread => {
    const ratios = rounds.map((round) => round[first.name]![figure] / round[second.name]![figure]);
    return { median: percentile(ratios, 0.5), least: Math.min(...ratios), most: Math.max(...ratios) };
  };
  return {
    rounds,
    medians: { [first.name]: mediansOf(first.name), [second.name]: mediansOf(second.name) },
    wallRatio: ratio('fuelPerSecond'),
    cpuRatio: ratio('fuelPerCpuSecond'),
  };
}

async function measure(side: Side, { windowMs }: CompareOptions, isFirst: boolean): Promise<Measured> {
  await side.begin();
  // Kernel compiled, optimised and units in the pipe; later rounds find the compiled one.
  const { units } = await side.sample();
  const warm = isFirst ? 4 * WARM_UNITS : WARM_UNITS;
  await until(`${side.name} is warm`, async () => (await side.sample()).units >= units + warm, 120_000, 50);
  const look = async () => ({
    ...(await side.sample()),
    cpuMs: cpuMsOfTree(side.pid),
    // Daemons, browser and screen are this process's children.
    owned: cpuMsOfTree(process.pid),
    all: cpuMsOfMachine(),
  });
  const pausedBefore = await side.pausedBy();
  await side.started?.();
  const before = await look();
  await new Promise((resolve) => setTimeout(resolve, windowMs));
  const after = await look();
  await side.check?.();
  const pausedBy = [...new Set([...pausedBefore, ...(await side.pausedBy())])];
  await side.end();
  await until(`${side.name} is idle`, () => side.isIdle(), 60_000, 50);
  const elapsedMs = after.atMs - before.atMs;
  const fuel = after.fuel - before.fuel;
  return {
    unitsPerSecond: ((after.units - before.units) / elapsedMs) * 1_000,
    fuelPerSecond: (fuel / elapsedMs) * 1_000,
    fuelPerCpuSecond: (fuel / (after.cpuMs - before.cpuMs)) * 1_000,
    otherCores: Math.max(0, after.all - before.all - (after.owned - before.owned)) / elapsedMs,
    pausedBy,
  };
}

export function describeComparison({ medians, rounds, wallRatio, cpuRatio }: Comparison, goal: number): string[] {
  const giga = (value: number): string => (value / 1e9).toFixed(2);
  const names = Object.keys(medians);
  const width = Math.max(...names.map((name) => name.length));
  const spread = ({ median, least, most }: Spread): string =>
    `${median.toFixed(3)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
  const busy = Math.max(...names.map((name) => medians[name]!.otherCores));
  return [
    ...names.map((name) => {
      const { unitsPerSecond, fuelPerSecond, fuelPerCpuSecond, otherCores } = medians[name]!;
      return `${name.padEnd(width)}  ${unitsPerSecond.toFixed(2)} units/s, ${giga(fuelPerSecond)} G fuel/s, ${giga(fuelPerCpuSecond)} G fuel per CPU second, ${otherCores.toFixed(2)} cores taken by others`;
    }),
    `${names.join(' / ')}: ${spread(wallRatio)} of the throughput, ${spread(cpuRatio)} of the fuel per CPU second; median of ${rounds.length} interleaved rounds, least and most (goal: ${goal} of the throughput)`,
    ...names.flatMap((name) => pausesOf(name, rounds)),
    ...(busy > QUIET_CORES_MAX
      ? [`Other processes took ${busy.toFixed(1)} cores: repeat this on a quiet machine, throughput tells little here.`]
      : []),
  ];
}

/** Nothing where a side has never held back by itself. */
function pausesOf(name: string, rounds: Comparison['rounds']): readonly string[] {
  const paused = rounds.map((round) => round[name]!.pausedBy).filter((reasons) => reasons.length > 0);
  if (paused.length === 0) return [];
  const reasons = [...new Set(paused.flat())].join(', ');
  return [`${name} paused by itself in ${paused.length} of ${rounds.length} windows: ${reasons}.`];
}
