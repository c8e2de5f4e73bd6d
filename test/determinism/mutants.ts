/**
 * `node dist/test/determinism/mutants.js`: puts each known mistake into a test build of the sandbox and runs the gate
 * on it. Prints which check catches which. Exits with 1 if a mistake survives, or if the sandbox itself does not pass.
 */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { firstFailure, GATE } from './checks.ts';
import { type Mutant, OTHER_MUTANTS, ROW_MUTANTS } from './mutations.ts';
import type { Check } from './probes.ts';
import { ROWS } from './rows.ts';
import { testBuild } from './test-build.ts';

const MUTANTS: readonly Mutant[] = [...ROW_MUTANTS, ...OTHER_MUTANTS];
/** The whole gate takes a few seconds. */
const PROCESSOR_SECONDS_MAX = 40;

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

/** The same in a process of its own, because a sandbox with a mistake may run for ever. */
function fateInProcess(index: number): Fate {
  const command = `ulimit -t ${PROCESSOR_SECONDS_MAX}; exec "$0" "$@"`;
  const file = fileURLToPath(import.meta.url);
  const args = ['-c', command, process.execPath, file, '--only', String(index)];
  const { stdout, stderr, status } = spawnSync('/bin/sh', args, { encoding: 'utf8' });
  const lines = stdout.trim().split('\n');
  if (status === 0) return JSON.parse(lines.at(-1)!) as Fate;
  if (stderr !== '') throw new Error(stderr);
  return { caughtBy: lines.at(-1)!, message: `it takes more than ${PROCESSOR_SECONDS_MAX} s of processor time` };
}

async function only(index: number): Promise<void> {
  // Written at once, so that it is there when the process is ended.
  const say = (line: string): void => {
    writeSync(1, `${line}\n`);
  };
  const { caughtBy, message } = await fateOf(MUTANTS[index]!, say);
  say(JSON.stringify({ caughtBy, message }));
}

async function main(): Promise<void> {
  const sandbox = await testBuild();
  const failure = await firstFailure(sandbox, GATE);
  sandbox.dispose();
  if (failure !== undefined) throw new Error(`without any mistake "${failure.check}" fails: ${failure.message}`);
  let survivors = 0;
  for (const [index, { name, row }] of MUTANTS.entries()) {
    if (index === 0) console.log('Closures of the sources of nondeterminism, taken away');
    if (row === undefined && MUTANTS[index - 1]?.row !== undefined) console.log('\nOther mistakes');
    const { caughtBy, message } = fateInProcess(index);
    if (caughtBy === undefined) survivors++;
    console.log(`${name.padEnd(56)} ${(caughtBy ?? 'SURVIVED').padEnd(32)} ${message.slice(0, 90)}`);
  }
  console.log(`\n${MUTANTS.length} mutants, ${survivors} survived`);
  if (survivors > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (process.argv[2] === '--only') await only(Number(process.argv[3]));
    else await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
