/**
 * `node dist/test/bench/metering.js [--rounds 15] [--engines]`: what metering costs on this machine, in this engine. Each round runs
 * the unmetered module and both placements one after the other, beginning with another one each time, and gives one
 * ratio; the figure is the median of the ratios, so that a machine busy with other things disturbs all alike.
 *
 * With `--engines` every engine of this machine takes part, on one task of every kernel and in the mode that jobs use.
 * Four engines take about six minutes on a machine that does nothing else.
 *
 * Results and fuel are compared too: what is fast and wrong is no figure. Exits with 1 where they differ.
 */
import { setFlagsFromString } from 'node:v8';
import { FUEL_EXPORT, meter } from '../../node/sandbox/meter.ts';
import { measureEngines } from './metering-engines.ts';
import { kernelPrograms, type Program, smallPrograms } from './metering-work.ts';

const MODES = ['unmetered', 'simple', 'merged'] as const;
type Mode = (typeof MODES)[number];

// Only optimised code, from the beginning: on a busy machine it would come in the middle of some measurement.
setFlagsFromString('--no-liftoff');
setFlagsFromString('--no-wasm-lazy-compilation');

const FUEL = 2n ** 60n;
/** A round takes at least this much processor time, for each mode. */
const ROUND_MS = 15;
const WARM_ROUNDS = 2;

interface Figures {
  readonly name: string;
  readonly unmeteredMs: number;
  readonly ratio: Readonly<Record<'simple' | 'merged', number>>;
  readonly growth: Readonly<Record<'simple' | 'merged', number>>;
  readonly fuel: bigint;
}

interface Contender {
  readonly mode: Mode;
  readonly module: WebAssembly.Module;
  readonly bytes: number;
  readonly times: number[];
}

function contender(program: Program, mode: Mode): Contender {
  const { wasm, memoryPagesMax } = program;
  const bytes = mode === 'unmetered' ? wasm : Uint8Array.from(meter(wasm, { memoryPagesMax, mode }));
  return { mode, module: new WebAssembly.Module(bytes), bytes: bytes.length, times: [] };
}

/** Runs everything once; returns what it computed, and the fuel. */
function runOnce(program: Program, { module }: Contender): { results: unknown[]; fuel: bigint } {
  let fuel = 0n;
  const results = program.runs.map((run) => {
    const { exports } = new WebAssembly.Instance(module, {});
    const left = exports[FUEL_EXPORT] as WebAssembly.Global | undefined;
    if (left !== undefined) left.value = FUEL;
    const result = run(exports);
    if (left !== undefined) fuel += FUEL - (left.value as bigint);
    return result;
  });
  return { results, fuel };
}

/** Processor time in milliseconds, which tells less about what else the machine does than the clock. */
function timed(program: Program, subject: Contender, repeats: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < repeats; i++) runOnce(program, subject);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

function measure(program: Program, rounds: number): Figures {
  const subjects = MODES.map((mode) => contender(program, mode));
  const [unmetered, simple, merged] = subjects as [Contender, Contender, Contender];
  const [plain, first, second] = subjects.map((subject) => runOnce(program, subject));
  const same = [first, second].every((run) => String(run!.results) === String(plain!.results));
  if (!same || first!.fuel !== second!.fuel) {
    throw new Error(`${program.name}: the placements disagree: ${first!.fuel} and ${second!.fuel} fuel`);
  }
  // Caches and branch predictors.
  for (let i = 0; i < WARM_ROUNDS; i++) for (const subject of subjects) timed(program, subject, 1);
  const repeats = Math.max(1, Math.ceil(ROUND_MS / Math.max(0.01, timed(program, unmetered, 1))));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const subject = subjects[(i + round) % subjects.length]!;
      subject.times.push(timed(program, subject, repeats));
    }
  }
  const ratio = ({ times }: Contender): number => median(times.map((time, round) => time / unmetered.times[round]!));
  return {
    name: program.name,
    unmeteredMs: median(unmetered.times) / repeats,
    ratio: { simple: ratio(simple), merged: ratio(merged) },
    growth: { simple: simple.bytes / unmetered.bytes, merged: merged.bytes / unmetered.bytes },
    fuel: first!.fuel,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function report(title: string, figures: readonly Figures[]): void {
  console.log(`\n${title}`);
  console.log(line('', 'unmetered', 'simple', 'merged', 'size simple', 'size merged', 'fuel/µs'));
  for (const { name, unmeteredMs, ratio, growth, fuel } of figures) {
    const times = (value: number): string => `${value.toFixed(3)}x`;
    const rate = (Number(fuel) / unmeteredMs / 1_000).toFixed(0);
    const sizes = [times(growth.simple), times(growth.merged)] as const;
    console.log(line(name, `${unmeteredMs.toFixed(1)} ms`, times(ratio.simple), times(ratio.merged), ...sizes, rate));
  }
  const mean = (mode: 'simple' | 'merged'): string => `${geometricMean(figures.map((f) => f.ratio[mode])).toFixed(3)}x`;
  console.log(line('geometric mean', '', mean('simple'), mean('merged'), '', '', ''));
}

function line(name: string, ...cells: readonly string[]): string {
  return name.padEnd(24) + cells.map((cell) => cell.padStart(13)).join('');
}

function roundsFrom(args: readonly string[]): number {
  const at = args.indexOf('--rounds');
  const rounds = at < 0 ? 15 : Number(args[at + 1]);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds must be a whole number of at least 1');
  return rounds;
}

function measureHere(rounds: number): void {
  const { programs, unmeasured } = kernelPrograms();
  console.log(`Node.js ${process.version} on ${process.arch}, medians of ${rounds} interleaved rounds`);
  report(
    'Kernels',
    programs.map((program) => measure(program, rounds)),
  );
  for (const name of unmeasured) console.log(`${name}: no workload in test/bench/metering-work.ts, not measured`);
  report(
    'Calls and tiny loops',
    smallPrograms().map((program) => measure(program, rounds)),
  );
}

try {
  const rounds = roundsFrom(process.argv.slice(2));
  if (process.argv.includes('--engines')) {
    if (!(await measureEngines(rounds))) process.exitCode = 1;
  } else measureHere(rounds);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
