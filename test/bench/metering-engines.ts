/** What metering costs in each engine of this machine, on one task of every kernel, with what jobs use. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { taskInput } from '../../node/sandbox/abi.ts';
import { METERING } from '../../node/sandbox/executor.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { parseManifest } from '../../node/sdk/manifest.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { bundleEngine, type Engine, engines } from '../determinism/engines.ts';
import { packageRoot } from '../determinism/test-build.ts';
import type { MeteringEntry, MeteringTimes } from './metering-engine.ts';
import { type BenchInput, INPUTS } from './native/inputs.ts';

/** Prints a table. Returns false where an engine gave another output metered than unmetered. */
export async function measureEngines(rounds: number): Promise<boolean> {
  const entries = await Promise.all(Object.entries(INPUTS).map(([name, input]) => entryOf(name, input, rounds)));
  const script = await bundleEngine('test/bench/metering-engine.ts');
  const cell = (text: string): string => text.padStart(15);
  const columns: { readonly name: string; readonly times: readonly MeteringTimes[] }[] = [];
  let isGood = true;
  // In a browser a page is enough: its workers have the same compilers.
  for (const engine of engines().filter(({ name }) => !name.endsWith('worker'))) {
    if (engine.missing !== undefined) {
      console.log(`${engine.name} is not measured: ${engine.missing}`);
      continue;
    }
    try {
      columns.push({ name: shortName(engine), times: await timesOf(engine, script, entries) });
    } catch (error) {
      // The others' figures are worth having.
      console.log(`\n${engine.name} failed: ${error instanceof Error ? error.message : error}`);
      isGood = false;
    }
  }
  console.log(
    `metered / unmetered, mode ${METERING.mode}, medians of ${rounds} rounds in turns; unmetered ms of one task`,
  );
  console.log(' '.repeat(16) + columns.map(({ name }) => cell(name)).join(''));
  for (const [row, { name }] of entries.entries()) {
    const cells = columns.map(({ times }) => {
      const { ratio, plainMs, equal } = times[row]!;
      isGood &&= equal;
      return cell(equal ? `${ratio.toFixed(3)} ${`(${plainMs.toFixed(1)})`.padStart(8)}` : 'DIFFERS');
    });
    console.log(name.padEnd(16) + cells.join(''));
  }
  const means = columns.map(({ times }) =>
    Math.exp(times.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / times.length),
  );
  console.log('geometric mean'.padEnd(16) + means.map((mean) => cell(`${mean.toFixed(3)}${' '.repeat(9)}`)).join(''));
  return isGood;
}

function shortName({ name }: Engine): string {
  return name.split(/[ ,]/)[0]!;
}

async function timesOf(
  engine: Engine,
  script: string,
  entries: readonly MeteringEntry[],
): Promise<readonly MeteringTimes[]> {
  const start = performance.now();
  process.stderr.write(`${engine.name} …`);
  const lines = await engine.run(script, entries);
  process.stderr.write(` ${((performance.now() - start) / 1_000).toFixed(0)} s\n`);
  return lines.map((line) => JSON.parse(line) as MeteringTimes);
}

async function entryOf(
  name: string,
  { args, file, taskSize }: Omit<BenchInput, 'words'>,
  rounds: number,
): Promise<MeteringEntry> {
  const folder = path.join(packageRoot(), 'dist/kernels', name);
  const manifest = parseManifest(readFileSync(path.join(folder, 'kernel.json'), 'utf8'));
  const values = resolveArguments(manifest, args);
  const [input] = splitTasks(manifest, values, { file: await file?.(), taskSize }).inputs;
  const wasm = Uint8Array.from(readFileSync(path.join(folder, 'kernel.wasm')));
  const { memoryPagesMax, stepQuantum } = manifest.limits;
  return {
    name,
    plain: hex(wasm),
    metered: hex(meter(wasm, { memoryPagesMax, mode: METERING.mode })),
    input: hex(taskInput(encodeParameters(manifest, values), input!)),
    ...{ stepQuantum, rounds },
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
