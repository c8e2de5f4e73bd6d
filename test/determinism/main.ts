/**
 * `node dist/test/determinism/main.js [--only text] [--show]`: runs one corpus in every engine of this machine and prints
 * the table of engines. Exits with 1 where two engines differ in output, fuel or kind of trap, or where one reports a
 * failure of the host or goes on from a checkpoint otherwise than unbroken; an engine that is not installed is named, and
 * is an error only under CI=true.
 */
import { parseArgs } from 'node:util';
import { corpus } from './corpus.ts';
import type { Entry } from './engine.ts';
import { bundleEngine, type Engine, engines } from './engines.ts';

const DIFFERENCES_SHOWN = 10;

const USAGE = `npm run determinism -- [--only text] [--show]

Runs one corpus of kernels, programs and modules in every engine that is found here (Node.js, Chromium, Firefox,
JavaScriptCore) and compares output, fuel and kind of ending with those of this one.

  --only text   only entries whose name contains the text, such as "at the limit", "game", "going on", "prime-count"
  --show        print how each entry ends
  --help        print this

Exits with 1 where an engine differs; under CI=true also where one is not installed.`;

interface Row {
  readonly name: string;
  readonly lines: readonly string[];
  readonly seconds: number;
}

async function runEngine(engine: Engine, script: string, entries: readonly Entry[]): Promise<Row> {
  const start = performance.now();
  const lines = await engine.run(script, entries);
  if (lines.length !== 2 * entries.length) throw new Error(`${engine.name} answered ${lines.length} lines`);
  return { name: engine.name, lines, seconds: (performance.now() - start) / 1_000 };
}

/** Indexes of the lines in which they differ. */
export function differences(reference: readonly string[], lines: readonly string[]): readonly number[] {
  return reference.flatMap((line, index) => (line === lines[index] ? [] : [index]));
}

function label(entries: readonly Entry[], index: number): string {
  return `${entries[index >> 1]!.name}, ${index % 2 === 0 ? 'simple' : 'merged'}`;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      show: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const entries = corpus().filter(({ name }) => name.includes(values.only));
  if (entries.length === 0) throw new RangeError(`no entry has "${values.only}" in its name`);
  const script = await bundleEngine();
  const all = engines();
  const reference = await runEngine(all[0]!, script, entries);
  const failures = reference.lines.flatMap((line, index) =>
    /^(host failure|unexpected|goes on otherwise)/.test(line) ? [index] : [],
  );
  for (const index of failures) console.log(`${label(entries, index)}: ${reference.lines[index]}`);
  if (values.show) {
    for (const [index, line] of reference.lines.entries()) console.log(`${label(entries, index).padEnd(48)} ${line}`);
  }
  let good = failures.length === 0;
  console.log(`${entries.length} entries in two modes; all compared with the first engine`);
  console.log(`${'engine'.padEnd(36)}${'entries'.padStart(9)}${'equal'.padStart(9)}${'seconds'.padStart(9)}`);
  await inPairs(all, async (engine) => {
    if (engine.missing !== undefined) {
      console.log(`${engine.name.padEnd(36)} could not be run: ${engine.missing}`);
      if (process.env.CI === 'true') good = false;
      return;
    }
    const row = engine === all[0] ? reference : await runEngine(engine, script, entries);
    const wrong = differences(reference.lines, row.lines);
    const figures = [String(row.lines.length), String(row.lines.length - wrong.length), row.seconds.toFixed(1)];
    console.log(row.name.padEnd(36) + figures.map((text) => text.padStart(9)).join(''));
    for (const index of wrong.slice(0, DIFFERENCES_SHOWN)) {
      console.log(`  ${label(entries, index)}: ${row.lines[index]}\n    instead of: ${reference.lines[index]}`);
    }
    good &&= wrong.length === 0;
  });
  return good;
}

/** Two at a time: each engine has one thread that works. */
async function inPairs<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  await Promise.all([lane(), lane()]);
}

try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  const isUsage =
    error instanceof RangeError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
  console.error(isUsage ? `${(error as Error).message}\n\n${USAGE}` : error);
  process.exitCode = 1;
}
