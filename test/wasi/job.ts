/**
 * A job of a WASI program as the command line submits it, and what comes of it by another way: each part run in this
 * process, in the simple placement, where jobs use the merged one. Fuel is the same in both.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { importsOf } from '../../node/sandbox/inspect.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runProgram } from '../../node/sandbox/wasi/program.ts';
import { PROGRAMS, pathOf, programArguments, readProgram } from './programs.ts';

const TASKS = 12;
const TASKS_PER_UNIT = 3;
const LINES_PER_TASK = 400;
const LINE_BYTES = 16;

export interface WasiJob {
  /** Of `shoal`; the job goes to the daemon of that data folder. */
  commandLine(dataFolder: string): readonly string[];
  readonly units: number;
  readonly output: string;
  readonly fuel: number;
}

/** Writes its input into `folder`. */
export async function readingsJob(folder: string): Promise<WasiJob> {
  const data = path.join(folder, 'readings.txt');
  const parts = Array.from({ length: TASKS }, (_, task) => partOf(task));
  await writeFile(data, parts.join(''));
  const results = parts.map((part) => runHere(part, '-n', '3'));
  const size = ['--task-size', String(LINES_PER_TASK * LINE_BYTES), '--tasks-per-unit', String(TASKS_PER_UNIT)];
  const trust = ['--quorum', '2', '--own', 'never'];
  return {
    commandLine: (dataFolder) => [
      ...['run', '--wasi', pathOf(PROGRAMS.readings.file), '--stdin-lines', data, '--data', dataFolder],
      ...[...size, ...trust, '--json', '--', '-n', '3'],
    ],
    units: TASKS / TASKS_PER_UNIT,
    output: results.map(({ output }) => new TextDecoder().decode(output)).join(''),
    fuel: results.reduce((sum, { fuel }) => sum + fuel, 0),
  };
}

/** Lines of one length, so that it is plain where one task ends. */
function partOf(task: number): string {
  const lines = Array.from({ length: LINES_PER_TASK }, (_, i) => {
    const n = task * LINES_PER_TASK + i;
    return `s${(n * n) % 11} ${((n * 7_919) % 8_000) / 8 - 500}`.padEnd(LINE_BYTES - 1);
  });
  return `${lines.join('\n')}\n`;
}

function runHere(input: string, ...args: readonly string[]) {
  const bytes = meter(readProgram('readings'), { memoryPagesMax: 1_024, mode: 'simple', allowImport: importsOf(2) });
  return runProgram(
    new WebAssembly.Module(Uint8Array.from(bytes)),
    programArguments('readings', ...args),
    new TextEncoder().encode(input),
    { fuelMax: 20_000_000_000, outputBytesMax: 1_000_000 },
    (data) => createHash('sha256').update(data).digest(),
  );
}
