/**
 * `shoal run --wasi program.wasm --stdin-lines data.txt -- its own arguments`: a WASI program needs no manifest, because
 * everything a job wants to know of it stands on the command line. This makes the manifest.
 */
import { basename, resolve } from 'node:path';
import {
  BLOCK_BYTES_MAX,
  FUEL_PER_TASK_MAX,
  MEMORY_PAGES_MAX,
  OUTPUT_BYTES_PER_TASK_MAX,
  TASKS_PER_UNIT_MAX,
} from '../../protocol/limits.ts';
import { WASI_ABI_VERSION } from '../../protocol/parameters.ts';
import { checkManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';
import { type KernelChoice, readInput } from './kernel-argument.ts';

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
}

export interface WasiRun {
  readonly kernel: KernelChoice;
  readonly file: string;
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

/** `words` are the program's own arguments. Rejects with a ShoalError. */
export async function wasiRun(flags: WasiFlags, words: readonly string[], tasksPerUnit?: number): Promise<WasiRun> {
  const path = flags.wasi!;
  const file = flags.stdinLines ?? flags.stdinFile;
  if (file === undefined || (flags.stdinLines !== undefined && flags.stdinFile !== undefined)) {
    throw new ShoalError(
      'usage',
      '--wasi needs standard input from one of --stdin-lines <file>, a part to each task, or --stdin-file <file>, all of it to one.',
    );
  }
  const wasm = await readInput(resolve(path), 'program');
  const isWhole = flags.stdinFile !== undefined;
  const perUnit = isWhole ? 1 : Math.min(tasksPerUnit ?? TASKS_PER_UNIT_DEFAULT, TASKS_PER_UNIT_MAX);
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
        fuelPerTaskMax: fuelOf(flags.fuel),
        memoryPagesMax: pagesOf(flags.memory),
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
