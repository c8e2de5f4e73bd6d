/**
 * `shoal run --wasi program.wasm --stdin-lines data.txt -- its own arguments`: a WASI program needs no manifest, because
 * everything a job wants to know of it stands on the command line. This makes the manifest.
 */
import { basename } from 'node:path';
import {
  BLOCK_BYTES_MAX,
  FUEL_PER_TASK_MAX,
  MEMORY_PAGES_MAX,
  OUTPUT_BYTES_PER_TASK_MAX,
  TASKS_PER_UNIT_MAX,
} from '../../protocol/limits.ts';
import { ABI_VERSION, WASI_ABI_VERSION } from '../../protocol/parameters.ts';
import { KernelRefusedError } from '../../sandbox/refusal.ts';
import { checkManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';
import { checkFile, type InputFile, type KernelChoice, readInput } from './kernel-argument.ts';

export interface WasiFlags {
  readonly wasi?: string;
  /** Standard input cut at ends of lines, a part to each task. */
  readonly stdinLines?: string;
  /** Standard input as a whole, in one task. */
  readonly stdinFile?: string;
  /** Fuel for each task. */
  readonly fuel?: number;
  /** Memory for each task: `64MiB`. */
  readonly memory?: string;
  /** Those of any run that mean something else here, or nothing. */
  readonly file?: string;
  readonly tasksPerUnit?: number;
  readonly taskSize?: number;
}

export interface WasiRun {
  readonly kernel: KernelChoice;
  readonly file: InputFile;
}

const PAGE_BYTES = 65_536;
/** A few seconds on an ordinary core. */
const FUEL_DEFAULT = 20_000_000_000;
const PAGES_DEFAULT = 1_024;
const LINES_BYTES_DEFAULT = 65_536;
const TASKS_PER_UNIT_DEFAULT = 4;
const INPUT_BYTES_MAX = 1024 * 1024;
/** Framing of an output block, as a whole and for each task. */
const FRAME_BYTES = 64;
const TASK_FRAME_BYTES = 50;

/** `words` are the program's own arguments. Everything is looked at before a peer is asked. Rejects with a ShoalError. */
export async function wasiRun(flags: WasiFlags, words: readonly string[]): Promise<WasiRun> {
  const path = flags.wasi!;
  const file = inputOf(flags);
  const isWhole = flags.stdinFile !== undefined;
  const perUnit = isWhole ? 1 : Math.min(flags.tasksPerUnit ?? TASKS_PER_UNIT_DEFAULT, TASKS_PER_UNIT_MAX);
  const fuelPerTaskMax = fuelOf(flags.fuel);
  const memoryPagesMax = pagesOf(flags.memory);
  const wasm = await readInput(path, '--wasi', BLOCK_BYTES_MAX);
  await checkProgram(wasm, path, memoryPagesMax);
  checkInput(await checkFile(file), file, flags);
  const room = Math.floor((BLOCK_BYTES_MAX - FRAME_BYTES) / perUnit) - TASK_FRAME_BYTES;
  const name = nameOf(path);
  const manifest = checkManifest(
    {
      name,
      title: `WASI program ${name}`,
      purpose: `Runs ${name} on ${isWhole ? 'a file' : 'the lines of a file'}.`,
      version: '1.0.0',
      abi: WASI_ABI_VERSION,
      parameters: [],
      // A brace in an argument is a brace: placeholders are for manifests.
      args: words,
      tasks: isWhole
        ? { from: 'file', split: 'whole' }
        : { from: 'file', split: 'lines', bytesPerTask: LINES_BYTES_DEFAULT },
      result: { join: 'concat', show: 'bytes' },
      limits: {
        fuelPerTaskMax,
        memoryPagesMax,
        inputBytesPerTaskMax: isWhole ? BLOCK_BYTES_MAX : INPUT_BYTES_MAX,
        outputBytesPerTaskMax: Math.min(room, OUTPUT_BYTES_PER_TASK_MAX),
        tasksPerUnit: perUnit,
      },
      expected: { taskMs: 100 },
    },
    'the command line',
  );
  return { kernel: { manifest, wasm }, file };
}

function inputOf({ wasi, stdinLines, stdinFile, file }: WasiFlags): InputFile {
  for (const [flag, value] of Object.entries({
    '--wasi': wasi,
    '--stdin-lines': stdinLines,
    '--stdin-file': stdinFile,
  })) {
    // `--wasi --stdin-lines data.txt`: what should have been the program is the next flag.
    if (value?.startsWith('--'))
      throw new ShoalError('usage', `${flag} needs a file behind it, and "${value}" is a flag.`);
  }
  if (file !== undefined) {
    throw new ShoalError('usage', '--wasi takes --stdin-lines or --stdin-file, not --file.');
  }
  if ((stdinLines === undefined) === (stdinFile === undefined)) {
    throw new ShoalError(
      'usage',
      '--wasi needs standard input from one of --stdin-lines <file>, a part to each task, or --stdin-file <file>, all of it to one.',
    );
  }
  return stdinLines === undefined
    ? { flag: '--stdin-file', path: stdinFile! }
    : { flag: '--stdin-lines', path: stdinLines };
}

/** The program is refused here rather than by the peer that is given it, so that the message can name the flag. */
async function checkProgram(wasm: Uint8Array, path: string, memoryPagesMax: number): Promise<void> {
  // Loaded only where there is a program to look at.
  const { inspect } = await import('../../sandbox/inspect.ts');
  const refuse = (why: string): never => {
    throw new ShoalError('kernel-refused', `--wasi ${path}: ${why}`);
  };
  try {
    const { memory } = inspect(wasm, WASI_ABI_VERSION);
    if (memory.initialPages <= memoryPagesMax) return;
    const needed = Math.ceil(memory.initialPages / (1024 ** 2 / PAGE_BYTES));
    refuse(`it begins with ${needed} MiB of memory; allow a task that much: --memory ${needed}MiB.`);
  } catch (error) {
    if (!(error instanceof KernelRefusedError)) throw error;
    if (isKernel(wasm, inspect)) {
      refuse(
        `it is a kernel of Shoal, not a WASI program; run it with "shoal run ${path}" and its manifest beside it.`,
      );
    }
    refuse(`${error.message}.`);
  }
}

function isKernel(wasm: Uint8Array, inspect: (bytes: Uint8Array, abi: number) => unknown): boolean {
  try {
    return inspect(wasm, ABI_VERSION) !== undefined;
  } catch {
    return false;
  }
}

function checkInput(bytes: number, { flag, path }: InputFile, { taskSize, stdinFile }: WasiFlags): void {
  if (bytes === 0) throw new ShoalError('bad-arguments', `${flag} ${path}: the file is empty, so there is no task.`);
  if (stdinFile === undefined) {
    if (taskSize === undefined || taskSize <= INPUT_BYTES_MAX) return;
    throw new ShoalError('usage', `--task-size ${taskSize}: a task of lines takes at most ${INPUT_BYTES_MAX} bytes.`);
  }
  if (taskSize !== undefined) {
    throw new ShoalError(
      'usage',
      '--task-size goes with --stdin-lines; --stdin-file gives all of the file to one task.',
    );
  }
  if (bytes > BLOCK_BYTES_MAX - FRAME_BYTES) {
    throw new ShoalError(
      'bad-arguments',
      `${flag} ${path}: ${bytes} bytes, and one task takes at most ${BLOCK_BYTES_MAX - FRAME_BYTES}; --stdin-lines gives a part to each task.`,
    );
  }
}

function nameOf(path: string): string {
  const name = basename(path)
    .replace(/\.wasm$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 64);
  return name === '' ? 'program' : name;
}

function fuelOf(given: number | undefined): number {
  if (given === undefined) return FUEL_DEFAULT;
  if (given <= FUEL_PER_TASK_MAX) return given;
  throw new ShoalError('usage', `--fuel ${given}: at most ${FUEL_PER_TASK_MAX} for each task.`);
}

function pagesOf(given: string | undefined): number {
  if (given === undefined) return PAGES_DEFAULT;
  const match = /^(\d{1,10})(KiB|MiB|GiB)$/.exec(given);
  const unit = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }[match?.[2] ?? ''] ?? 0;
  const pages = Math.ceil((Number(match?.[1]) * unit) / PAGE_BYTES);
  if (match !== null && pages >= 1 && pages <= MEMORY_PAGES_MAX) return pages;
  throw new ShoalError('usage', `--memory ${given}: expected a size such as 64MiB, up to 1GiB.`);
}
