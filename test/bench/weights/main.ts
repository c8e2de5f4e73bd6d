/**
 * `npm run bench:weights [-- --rounds 5] [--browsers] [--json file]`: how evenly fuel follows time, and weights that
 * would follow it better. Measures small programs for each class of cost and whole kernels, all metered and in optimised
 * code, and fits a table (`fit.ts`). Prints what each class was measured to take, what the fit gives and what the table
 * of new jobs has; and for each kernel the fuel a nanosecond under the first table, the current one, the fit, and the
 * fit without that kernel. It takes some minutes. Times are processor time, and the least of all rounds, because on a
 * machine that is busy everything else measures the neighbours.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { meter } from '../../../node/sandbox/meter.ts';
import { WEIGHTS_VERSION, type Weights, weightsOf } from '../../../node/sandbox/weights.ts';
import { browserTimes } from './browsers.ts';
import { COSTS, type Cost, countsOf } from './counts.ts';
import { FUEL_PER_NS, fitTable, leftOut, rateBy, type Sample, spreadOf, type Table } from './fit.ts';
import { timesOf } from './measure.ts';
import { microPrograms } from './micro.ts';
import { type Measured, type MicroTime, measuredCosts, plausibleCosts } from './plausible.ts';
import { FAR_MEMORY, kernelPrograms, type Program, smallPrograms } from './programs.ts';

// Only optimised code, from the beginning: on a busy machine it would come in the middle of some measurement.
setFlagsFromString('--no-liftoff');
setFlagsFromString('--no-wasm-lazy-compilation');

/** How much measurements of single classes are trusted beside whole programs. Left-out kernels fare alike from 0.01 to 0.5. */
const TRUST = 0.03;
const MICRO_TURN_MS = 8;
const TURN_MS = 15;

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function compile(wasm: Uint8Array, memoryPagesMax: number): WebAssembly.Module {
  return new WebAssembly.Module(Uint8Array.from(meter(wasm, { memoryPagesMax, mode: 'merged' })));
}

function progress(text: string): void {
  console.error(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  ${text}`);
}

function measureMicros(rounds: number): readonly MicroTime[] {
  const programs = microPrograms();
  const subjects = programs.map(({ form, micro }) => ({
    name: `${micro.name}, ${form}`,
    module: compile(micro.wasm, micro.memoryPagesMax),
    work: { argument: micro.rounds },
  }));
  const times = timesOf(subjects, rounds, MICRO_TURN_MS, processorMs);
  return programs.map(({ form, micro }, i) => ({ form, micro, ns: (times[i]!.leastMs * 1e6) / micro.rounds }));
}

function measurePrograms(programs: readonly Program[], rounds: number): readonly Sample[] {
  const subjects = programs.map(({ name, wasm, memoryPagesMax, work }) => ({
    name,
    module: compile(wasm, memoryPagesMax),
    work,
  }));
  const times = timesOf(subjects, rounds, TURN_MS, processorMs);
  return programs.map(({ name, kind, wasm, memoryPagesMax, work }, i) => {
    progress(`counting what ${name} runs`);
    return { name, kind, ns: times[i]!.leastMs * 1e6, counts: countsOf(wasm, memoryPagesMax, work) };
  });
}

/** A table of the sandbox by cost. */
function tableOf({ classes, functionEntry, bulkBytesPerFuel, tableElement, page }: Weights): Table {
  const others = { 'function-entry': functionEntry, 'bulk-byte': 1 / bulkBytesPerFuel, 'table-element': tableElement };
  return { ...classes, ...others, page };
}

function printCosts(measured: ReadonlyMap<Cost, Measured>, tables: Readonly<Record<string, Table>>): void {
  const names = Object.keys(tables);
  console.log(
    `\n${'cost'.padEnd(22)}${'ns least'.padStart(10)}${'most'.padStart(9)}${names.map((name) => name.padStart(11)).join('')}`,
  );
  for (const cost of COSTS) {
    const found = measured.get(cost);
    const times = [found?.least, found?.most].map((ns) => (ns === undefined ? '' : ns.toFixed(ns < 0.05 ? 3 : 2)));
    const weights = names.map((name) => String(tables[name]![cost]).padStart(11)).join('');
    console.log(`${cost.padEnd(22)}${times[0]!.padStart(10)}${times[1]!.padStart(9)}${weights}`);
  }
}

interface Column {
  readonly name: string;
  readonly rates: readonly number[];
}

function printRates(title: string, samples: readonly Sample[], columns: readonly Column[]): void {
  const cell = (text: string): string => text.padStart(13);
  console.log(`\n${title.padEnd(30)}${cell('ms')}${columns.map(({ name }) => cell(name)).join('')}`);
  for (const [index, { name, ns }] of samples.entries()) {
    const rates = columns.map(({ rates: each }) => cell((each[index]! * FUEL_PER_NS).toFixed(1)));
    console.log(`${name.padEnd(30)}${cell((ns / 1e6).toFixed(2))}${rates.join('')}`);
  }
  printSpreads('', columns);
}

function printSpreads(title: string, columns: readonly Column[]): void {
  const cell = (text: string): string => text.padStart(13);
  if (title !== '') console.log(title);
  const spreads = columns.map(({ rates }) => spreadOf(rates));
  const ratios = spreads.map(({ ratio }) => cell(`${ratio.toFixed(2)}x`)).join('');
  console.log(`${'largest by smallest'.padEnd(43)}${ratios}`);
  const deviations = spreads.map(({ deviation }) => cell(`${deviation.toFixed(3)}x`)).join('');
  console.log(`${'geometric standard deviation'.padEnd(43)}${deviations}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      browsers: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds must be a whole number of at least 1');
  progress('measuring single classes');
  const measured = measuredCosts(measureMicros(rounds));
  const plausible = plausibleCosts(measured);
  progress('measuring kernels and small programs');
  const programs = [...(await kernelPrograms()), ...smallPrograms()];
  const samples = measurePrograms(programs, rounds);

  const kernels = samples.filter(({ kind }) => kind === 'kernel');
  const smalls = samples.filter(({ kind }) => kind === 'small');
  progress('fitting');
  // What waits for memory far away costs what no table by instruction can know.
  const known = samples.filter(({ name }) => name !== FAR_MEMORY);
  const withoutIt = leftOut(known, plausible, TRUST);
  const fitted = fitTable(known, plausible, TRUST);
  const [first, current] = [1, WEIGHTS_VERSION].map((version) => tableOf(weightsOf(version)!));

  console.log(`Node.js ${process.version} on ${process.arch}; ${rounds} rounds, the least processor time of each`);
  printCosts(measured, { 'version 1': first!, [`current (${WEIGHTS_VERSION})`]: current!, 'this fit': fitted });
  const columns = (set: readonly Sample[]): Column[] => [
    { name: 'version 1', rates: set.map((sample) => rateBy(first!, sample)) },
    { name: `current (${WEIGHTS_VERSION})`, rates: set.map((sample) => rateBy(current!, sample)) },
    { name: 'this fit', rates: set.map((sample) => rateBy(fitted, sample)) },
  ];
  printRates('kernels, fuel/ns', kernels, [...columns(kernels), { name: 'left out', rates: withoutIt }]);
  printRates('small programs, fuel/ns', smalls, columns(smalls));
  const near = smalls.filter(({ name }) => name !== FAR_MEMORY);
  printSpreads(`without "${FAR_MEMORY}"`, columns(near));
  if (values.browsers) {
    for (const { engine, missing, times } of await browserTimes(programs.filter(({ kind }) => kind === 'kernel'))) {
      if (missing !== undefined) {
        console.log(`\n${engine} is not measured: ${missing}`);
        continue;
      }
      const there = kernels.map((kernel, i) => ({ ...kernel, ns: times[i]! * 1e6 }));
      printRates(`${engine}, fuel/ns`, there, columns(there));
    }
  }
  if (values.json !== undefined) {
    const report = { measured: Object.fromEntries(measured), plausible, samples, fitted };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
