/**
 * `node dist/test/determinism/mutants.js [--only text]`: puts each known mistake into a test build of the sandbox and runs
 * the gate on it. Prints which check catches which. Exits with 1 if a mistake survives or cannot be put in any more, or
 * if the sandbox itself does not pass.
 */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { firstFailure, GATE } from './checks.ts';
import { MUTANTS, type Mutant } from './mutations.ts';
import type { Check } from './probes.ts';
import { ROWS } from './rows.ts';
import { testBuild } from './test-build.ts';

/** The whole gate takes about ten. */
const PROCESSOR_SECONDS_MAX = 60;
/** For a mistake that makes the gate wait, and for a machine that has much else to do. */
const WAIT_MAX_MS = 600_000;

const USAGE = `npm run mutants -- [--only text] [--list]

Puts each known mistake into a build of the sandbox, one at a time, and runs the gate on it in a process of its own.
Prints for each the check that fails. A mistake that makes a check run on is ended after ${PROCESSOR_SECONDS_MAX} s of processor
time, or ${WAIT_MAX_MS / 60_000} min, and counts as caught by that check; the line says so.

  --only text   those whose name or row contains the text, or a whole number: the one at that place
  --list        print their places and names, and run nothing
  --help        print this

Exits with 1 if a mistake survives or does not fit the sources any more. All of them take about half an hour.`;

export interface Fate {
  /** The check that fails; undefined of a mutant that survives. */
  readonly caughtBy: string | undefined;
  readonly message: string;
}

/** A mutant of a row has to be caught by that row's check, any other by any of the gate. */
export async function fateOf({ row, mutation }: Mutant, begin?: (check: string) => void): Promise<Fate> {
  const checks: readonly Check[] = row === undefined ? GATE : ROWS.filter(({ name }) => name === row);
  if (checks.length === 0) throw new Error(`there is no check of the name "${row}"`);
  const sandbox = await testBuild([mutation]);
  try {
    const failure = await firstFailure(sandbox, checks, begin);
    return { caughtBy: failure?.check, message: failure?.message ?? '' };
  } finally {
    sandbox.dispose();
  }
}

export interface Bounds {
  readonly processorSecondsMax: number;
  readonly waitMaxMs: number;
}

/**
 * What `file`, run as a process of its own, says on its last line: a fate. Before it there is a line with the name of each
 * check that begins, so that one which is ended tells where it was. Throws where it fails in any other way.
 */
export function fateInProcess(file: string, args: readonly string[], bounds: Bounds): Fate {
  const { processorSecondsMax, waitMaxMs } = bounds;
  const command = ['-c', `ulimit -t ${processorSecondsMax}; exec "$0" "$@"`, process.execPath, file, ...args];
  const { stdout, stderr, status, signal, error } = spawnSync('/bin/sh', command, {
    encoding: 'utf8',
    timeout: waitMaxMs,
    killSignal: 'SIGKILL',
  });
  const lines = stdout.trim().split('\n');
  if (status === 0) return JSON.parse(lines.at(-1)!) as Fate;
  const isLate = error !== undefined && 'code' in error && error.code === 'ETIMEDOUT';
  // The system's own end of what has used up its processor time, which is no other signal.
  if (!isLate && signal !== 'SIGKILL' && signal !== 'SIGXCPU') {
    throw new Error(stderr.trim() || `the process ended with ${status ?? signal} and said nothing`);
  }
  const after = isLate ? `${waitMaxMs / 1_000} s` : `${processorSecondsMax} s of processor time`;
  return { caughtBy: lines.at(-1)!, message: `it runs on, and was ended after ${after}` };
}

async function one(index: number): Promise<void> {
  // Written at once, so that it is there when the process is ended.
  const say = (line: string): void => {
    writeSync(1, `${line}\n`);
  };
  const { caughtBy, message } = await fateOf(MUTANTS[index]!, say);
  say(JSON.stringify({ caughtBy, message }));
}

/** Places of the mutants that are meant, all without a text. */
export function selected(only: string | undefined): readonly number[] {
  const places = [...MUTANTS.keys()];
  if (only === undefined) return places;
  const found = places.filter((place) => {
    const { name, row = '' } = MUTANTS[place]!;
    return /^\d+$/.test(only) ? place === Number(only) : `${name}\n${row}`.includes(only);
  });
  if (found.length === 0) throw new RangeError(`no mutant has "${only}" in its name or row`);
  return found;
}

async function all(places: readonly number[]): Promise<boolean> {
  const sandbox = await testBuild();
  const failure = await firstFailure(sandbox, GATE);
  sandbox.dispose();
  if (failure !== undefined) throw new Error(`without any mistake "${failure.check}" fails: ${failure.message}`);
  const left: string[] = [];
  const bounds = { processorSecondsMax: PROCESSOR_SECONDS_MAX, waitMaxMs: WAIT_MAX_MS };
  for (const [done, place] of places.entries()) {
    const { name, row } = MUTANTS[place]!;
    const isRow = row !== undefined;
    if (done === 0 && isRow) console.log('Closures of the sources of nondeterminism, taken away');
    if (!isRow && MUTANTS[places[done - 1] ?? 0]?.row !== undefined) console.log('\nOther mistakes');
    let fate: Fate;
    try {
      fate = fateInProcess(fileURLToPath(import.meta.url), ['--one', String(place)], bounds);
    } catch (error) {
      fate = { caughtBy: undefined, message: (error as Error).message };
    }
    if (fate.caughtBy === undefined) left.push(name);
    const at = `${done + 1}/${places.length}`.padStart(7);
    console.log(`${at}  ${name.padEnd(56)} ${(fate.caughtBy ?? 'SURVIVED').padEnd(40)} ${fate.message.slice(0, 90)}`);
  }
  console.log(`\n${places.length} mutants, ${left.length} not caught${left.map((name) => `\n  ${name}`).join('')}`);
  return left.length === 0;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      one: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.one !== undefined) return await one(Number(values.one));
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const places = selected(values.only);
  if (values.list) for (const place of places) console.log(`${String(place).padStart(4)}  ${MUTANTS[place]!.name}`);
  else if (!(await all(places))) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    const isUsage =
      error instanceof RangeError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
    console.error(`${error instanceof Error ? error.message : error}${isUsage ? `\n\n${USAGE}` : ''}`);
    process.exitCode = 1;
  }
}
