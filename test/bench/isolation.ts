/**
 * What it costs that kernels run in a process of their own: the same units through the sandbox process and through threads
 * in this one, in turns, on the same number of cores. Processor time is that of both processes together.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { SANDBOX_FOLDER } from '../../node/daemon/installation.ts';
import { createWorkerPool } from '../../node/daemon/workers/pool.ts';
import { createSandbox } from '../../node/daemon/workers/sandbox.ts';
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Executor } from '../../node/runtime/environment.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import type { Interruption } from '../demonstration/interruption.ts';
import type { Screen } from '../demonstration/screen.ts';
import { kernel } from '../sandbox/kernels.ts';
import { keepRequest, outcomeOf } from '../sandbox/requests.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { threadsOf } from '../support/processes.ts';

const CORES = 2;
/** Units that wait while others run, so that no core waits for a message. */
const IN_FLIGHT = 2 * CORES;
const ROUNDS = 9;
const TURN_MS = 1_500;
const OUTPUT_BYTES = 512 * 1_024;

/** Two tasks each. */
const UNITS: readonly (readonly [name: string, kernel: () => Uint8Array])[] = [
  ['nothing to compute', () => kernel({})],
  [
    'some ten milliseconds',
    () =>
      kernel({
        init: `(local $i i32) (loop $l (i64.store (i32.const 61440) (i64.mul (i64.load (i32.const 61440)) (i64.const 7)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4000000)))) (i32.const 0)`,
      }),
  ],
  [
    '1 MiB of output',
    () => kernel({ memory: '16', init: `(global.set $out_length (i32.const ${OUTPUT_BYTES})) (i32.const 0)` }),
  ],
];

interface Side {
  readonly unitsPerSecond: number;
  /** Of both processes; undefined where the system does not tell. */
  readonly cpuMsPerUnit: number | undefined;
}

export interface IsolationReport {
  readonly units: readonly {
    readonly unit: string;
    readonly threads: Side;
    readonly process: Side;
    /** Process over threads: medians of the rounds. 1 is no cost at all. */
    readonly throughput: number;
    readonly cpu: number | undefined;
  }[];
  /** Held by the sandbox process with its threads, after all this; and by how much this process grew with its own. */
  readonly memoryMb: { readonly process: number | undefined; readonly threads: number };
}

export async function measureIsolation(_interruption: Interruption, screen: Screen): Promise<IsolationReport> {
  const store = createMemoryStore();
  const parts = { cores: CORES, blocks: store.blocks, logger: silentLogger };
  const before = process.memoryUsage().rss;
  const pool = createWorkerPool({
    ...parts,
    entry: new URL('thread.mjs', `${pathToFileURL(SANDBOX_FOLDER)}/`),
    confined: false,
  });
  const sandbox = createSandbox({ ...parts, folder: SANDBOX_FOLDER });
  try {
    const units = [];
    for (const [unit, make] of UNITS) {
      const request = await keepRequest(store.blocks, make(), {
        fuelPerTaskMax: 10 ** 10,
        outputBytesPerTaskMax: OUTPUT_BYTES,
      });
      const rounds: { threads: Side; process: Side }[] = [];
      // Both have compiled the kernel before anything is measured.
      for (const executor of [pool, sandbox]) await turn(executor, request, sandbox.pid, 1);
      for (let round = 0; round < ROUNDS; round++) {
        screen.progress(round / ROUNDS, unit);
        const isSwapped = round % 2 === 1;
        const first = await turn(isSwapped ? sandbox : pool, request, sandbox.pid, TURN_MS);
        const second = await turn(isSwapped ? pool : sandbox, request, sandbox.pid, TURN_MS);
        rounds.push(isSwapped ? { threads: second, process: first } : { threads: first, process: second });
      }
      units.push({ unit, ...summary(rounds) });
    }
    const threads = (process.memoryUsage().rss - before) / 2 ** 20;
    return { units, memoryMb: { process: residentMb(sandbox.pid), threads } };
  } finally {
    await Promise.all([pool.close(), sandbox.close()]);
  }
}

export function describeIsolation({ units, memoryMb }: IsolationReport): readonly string[] {
  const side = ({ unitsPerSecond, cpuMsPerUnit }: Side): string =>
    `${unitsPerSecond.toFixed(1)} units a second, ${cpuMsPerUnit?.toFixed(2) ?? '?'} ms of processor each`;
  return [
    ...units.flatMap(({ unit, threads, process, throughput, cpu }) => [
      `${unit}: throughput of the process over threads ${throughput.toFixed(3)}, processor time ${cpu?.toFixed(3) ?? '?'}`,
      `  threads ${side(threads)}; process ${side(process)}`,
    ]),
    `memory: the sandbox process holds ${memoryMb.process?.toFixed(0) ?? '?'} MiB; with threads of its own this process ` +
      `grew by ${memoryMb.threads.toFixed(0)} MiB`,
  ];
}

async function turn(
  executor: Executor,
  request: ExecutionRequest,
  pid: number | undefined,
  durationMs: number,
): Promise<Side> {
  const [cpu, start] = [cpuMs(pid), performance.now()];
  let done = 0;
  const lane = async (): Promise<void> => {
    do {
      const outcome = await outcomeOf(executor, ticket++, request);
      if (!outcome.ok) throw new Error(`a unit failed: ${outcome.code}, ${outcome.detail}`);
      done++;
    } while (performance.now() - start < durationMs);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const spent = cpuMs(pid);
  return {
    unitsPerSecond: (1_000 * done) / (performance.now() - start),
    cpuMsPerUnit: cpu === undefined || spent === undefined ? undefined : (spent - cpu) / done,
  };
}

let ticket = 1;

/** Of this process and the other, where the system tells it of others. */
function cpuMs(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  const { user, system } = process.cpuUsage();
  return threadsOf(pid).reduce((sum, thread) => sum + thread.cpuMs, (user + system) / 1_000);
}

function residentMb(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

function summary(rounds: readonly { readonly threads: Side; readonly process: Side }[]) {
  const of = (name: 'threads' | 'process'): Side => ({
    unitsPerSecond: median(rounds.map((round) => round[name].unitsPerSecond))!,
    cpuMsPerUnit: median(rounds.map((round) => round[name].cpuMsPerUnit)),
  });
  const ratio = (figure: keyof Side) =>
    median(rounds.map(({ threads, process }) => (process[figure] ?? Number.NaN) / (threads[figure] ?? Number.NaN)));
  return {
    threads: of('threads'),
    process: of('process'),
    throughput: ratio('unitsPerSecond')!,
    cpu: ratio('cpuMsPerUnit'),
  };
}

/** Undefined where one is missing. */
function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined && !Number.isNaN(value)) as number[];
  return known.length < values.length ? undefined : known.sort((a, b) => a - b)[known.length >> 1];
}
