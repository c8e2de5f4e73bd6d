/**
 * What verification by a network costs. The same tasks run on a network of three peers with two
 * workers in all, quorum 2, and on two bare threads that run everything twice, with and without metering. Absolute
 * numbers belong to this machine and this moment; the ratios, measured side by side, are what to compare.
 */
import type { Interruption } from '../demonstration/interruption.ts';
import { percentile, runTinyJob } from '../demonstration/latency.ts';
import type { Screen } from '../demonstration/screen.ts';
import { BareThreads } from './bare.ts';
import { cpuMsPerTask, type Effort, tasksPerSecond } from './effort.ts';
import { openNetwork, runOnNetwork } from './network.ts';
import { GRAINS, type Grain, type Kernel, loadKernel, type Work, workOf } from './work.ts';

const TINY_RUNS = 20;
const THREADS = 2;
const SIDES = ['network', 'metered', 'bare'];

interface Side {
  readonly tasksPerSecond: number;
  readonly cpuMsPerTask: number | undefined;
  readonly elapsedMs: number;
}

interface GrainReport {
  readonly grain: string;
  readonly tasks: number;
  readonly tasksPerUnit: number;
  readonly network: Side & { readonly executionsPerUnit: number };
  readonly metered: Side;
  readonly unmetered: Side;
  /** Network over bare threads: verified tasks per second (1 is ideal), and processor time per task (1 is ideal). */
  readonly throughput: { readonly overMetered: number; readonly overUnmetered: number };
  readonly cpu: { readonly overMetered: number; readonly overUnmetered: number } | undefined;
}

export interface VerificationReport {
  readonly grains: readonly GrainReport[];
  readonly tinyJob: { readonly runs: number; readonly p50Ms: number; readonly p95Ms: number };
}

export async function measureVerification(interruption: Interruption, screen: Screen): Promise<VerificationReport> {
  const grains = await measureGrains(interruption, screen);
  const tinyJob = await measureTinyJobs(interruption, screen);
  return { grains, tinyJob };
}

async function measureGrains({ createSwarm }: Interruption, screen: Screen): Promise<GrainReport[]> {
  const kernel = await loadKernel();
  const swarm = await createSwarm();
  const bare = new BareThreads(kernel, THREADS);
  try {
    const submitter = await openNetwork(swarm);
    const reports: GrainReport[] = [];
    for (const grain of GRAINS) {
      const work = await calibrated(bare, kernel, grain);
      screen.line(`${grain.name}: ${work.tasks} tasks, ${grain.tasksPerUnit} in a unit`);
      const unmetered = await bare.run(work, 'unmetered');
      const metered = await bare.run(work, 'metered');
      const onProgress = (fraction: number): void => screen.progress(fraction, `${grain.name} on the network`);
      const network = await runOnNetwork(swarm, submitter, work, onProgress);
      screen.done();
      const report = reportOf(work, { network, metered, unmetered }, network.executionsPerUnit);
      screen.line(`  verified tasks/s: ${SIDES.map((side, i) => `${side} ${rate(sidesOf(report)[i]!)}`).join(', ')}`);
      reports.push(report);
    }
    return reports;
  } finally {
    await bare.close();
    await swarm.stop();
  }
}

/** As many iterations as give a task the grain's work, beyond what an empty task takes, on this machine and now. */
async function calibrated(bare: BareThreads, kernel: Kernel, grain: Grain): Promise<Work> {
  const taskMs = async (iterations: number, tasks: number): Promise<number> => {
    const work = workOf(kernel, grain, iterations);
    const sample = { ...work, inputs: work.inputs.slice(0, tasks), tasks };
    await bare.run(sample, 'metered');
    return (await bare.run(sample, 'metered')).cpuMs! / tasks / THREADS;
  };
  const tasks = grain.taskMs < 1 ? 2_000 : 4;
  const probe = 2_000;
  const [empty, full] = [await taskMs(1, tasks), await taskMs(probe, tasks)];
  const iterations = Math.round((grain.taskMs / (full - empty)) * (probe - 1));
  return workOf(kernel, grain, Math.min(65_535, Math.max(1, iterations)));
}

function reportOf(
  work: Work,
  efforts: Record<'network' | 'metered' | 'unmetered', Effort>,
  executionsPerUnit: number,
): GrainReport {
  const [network, metered, unmetered] = [efforts.network, efforts.metered, efforts.unmetered].map(sideOf) as [
    Side,
    Side,
    Side,
  ];
  const cpuOver = (side: Side): number => network.cpuMsPerTask! / side.cpuMsPerTask!;
  return {
    grain: work.grain.name,
    tasks: work.tasks,
    tasksPerUnit: work.grain.tasksPerUnit,
    network: { ...network, executionsPerUnit },
    metered,
    unmetered,
    throughput: {
      overMetered: network.tasksPerSecond / metered.tasksPerSecond,
      overUnmetered: network.tasksPerSecond / unmetered.tasksPerSecond,
    },
    cpu:
      network.cpuMsPerTask === undefined
        ? undefined
        : { overMetered: cpuOver(metered), overUnmetered: cpuOver(unmetered) },
  };
}

function sidesOf({ network, metered, unmetered }: GrainReport): readonly Side[] {
  return [network, metered, unmetered];
}

function sideOf(effort: Effort): Side {
  return {
    tasksPerSecond: tasksPerSecond(effort),
    cpuMsPerTask: cpuMsPerTask(effort),
    elapsedMs: effort.elapsedMs,
  };
}

async function measureTinyJobs({ createSwarm }: Interruption, screen: Screen): Promise<VerificationReport['tinyJob']> {
  screen.line(`tiny jobs: ${TINY_RUNS} on four peers, one after the other`);
  const swarm = await createSwarm();
  try {
    const submitter = await swarm.start('peer 1');
    await Promise.all(['peer 2', 'peer 3', 'peer 4'].map((name) => swarm.start(name)));
    await swarm.connected();
    const times: number[] = [];
    for (let run = 0; run < TINY_RUNS; run++) {
      times.push((await runTinyJob(submitter, run)).elapsedMs);
      screen.progress((run + 1) / TINY_RUNS, `${run + 1} of ${TINY_RUNS} tiny jobs`);
    }
    return { runs: TINY_RUNS, p50Ms: percentile(times, 0.5), p95Ms: percentile(times, 0.95) };
  } finally {
    await swarm.stop();
  }
}

export function describeVerification({ grains, tinyJob }: VerificationReport): readonly string[] {
  const rows = grains.map(({ grain, network, metered, unmetered, throughput, cpu }) => [
    grain,
    ...[network, metered, unmetered].map(rate),
    ratio(throughput.overMetered),
    ratio(throughput.overUnmetered),
    ...[network, metered, unmetered].map(cpuTime),
    ratio(cpu?.overMetered),
    ratio(cpu?.overUnmetered),
    network.executionsPerUnit.toFixed(2),
  ]);
  const head = ['grain', ...SIDES, 'to metered', 'to bare', ...SIDES, 'to metered', 'to bare', 'executions'];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padStart(widths[i]!)).join('  ');
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
  return [
    '',
    'Network: three peers, two workers in all, quorum 2. Metered, bare: two threads that run everything twice.',
    'Verified tasks/s and how the network compares; CPU per verified task, all processes, and how it compares; executions per unit.',
    line(head),
    ...rows.map(line),
    '',
    `tiny job on four peers: p50 ${seconds(tinyJob.p50Ms)}, p95 ${seconds(tinyJob.p95Ms)} of ${tinyJob.runs} (target: p95 under 3 s)`,
  ];
}

function rate({ tasksPerSecond: value }: Side): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function cpuTime({ cpuMsPerTask: ms }: Side): string {
  if (ms === undefined) return 'n/a';
  return ms < 1 ? `${(ms * 1_000).toFixed(0)} µs` : `${ms.toFixed(1)} ms`;
}

function ratio(value: number | undefined): string {
  return value === undefined ? 'n/a' : value.toFixed(2);
}
