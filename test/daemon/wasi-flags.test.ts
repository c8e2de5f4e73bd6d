/**
 * `shoal run --wasi` with flags that make no job: each answer names the flag, says what to do, and comes before any peer
 * is asked, so the command line runs in this process.
 */
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../node/daemon/cli/program.ts';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { assemble as assembleWith, WITHOUT_GC } from '../sandbox/kernels.ts';
import { PROGRAMS, pathOf } from '../wasi/programs.ts';
import { BAD_KERNELS } from './bad-kernels.ts';

const PROGRAM = pathOf(PROGRAMS.readings.file);
const COMMAND = '(memory (export "memory") 48) (func (export "_start"))';
const MODULES: Readonly<Record<string, string>> = {
  'imports-clock.wasm': `(module (import "env" "now" (func (result f64))) ${COMMAND})`,
  'imports-more.wasm': `(module (import "wasi_snapshot_preview1" "fd_open" (func)) ${COMMAND})`,
  'older.wasm': `(module (import "wasi_unstable" "proc_exit" (func (param i32))) ${COMMAND})`,
  'library.wasm': '(module (memory (export "memory") 1) (func (export "run")))',
  'large.wasm': `(module ${COMMAND})`,
};

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-wasi-flags-'));
  for (const [name, text] of Object.entries(MODULES)) await writeFile(at(name), assembleWith(text, WITHOUT_GC));
  await writeFile(at('kernel.wasm'), BAD_KERNELS.works());
  await writeFile(at('text.wasm'), BAD_KERNELS['no-wasm']());
  await writeFile(at('data.txt'), 'a 1\n');
  await writeFile(at('empty.txt'), '');
  await writeFile(at('huge.txt'), '');
  await truncate(at('huge.txt'), 3 * 1024 * 1024);
  await mkdir(at('folder'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function commandLine(
  words: readonly string[],
): Promise<{ readonly message: string; readonly exitCode: unknown }> {
  let message = '';
  const note = (text: string | Uint8Array): boolean => {
    message += text.toString();
    return true;
  };
  vi.spyOn(process.stderr, 'write').mockImplementation(note);
  await main(['node', 'shoal', 'run', ...words, '--data', at('nobody')]);
  return { message, exitCode: process.exitCode };
}

type Row = readonly [name: string, words: () => readonly string[], message: RegExp, exitCode: number];

const wasi = (program: string, ...rest: readonly string[]): readonly string[] => ['--wasi', program, ...rest];
const lines = (name = 'data.txt'): readonly string[] => ['--stdin-lines', at(name)];
const whole = (name = 'data.txt'): readonly string[] => ['--stdin-file', at(name)];

const INPUT: readonly Row[] = [
  [
    'a missing file of lines',
    () => wasi(PROGRAM, ...lines('none.txt')),
    /--stdin-lines .*none\.txt: no such file/,
    EXIT.missingFile,
  ],
  [
    'a missing file as a whole',
    () => wasi(PROGRAM, ...whole('none.txt')),
    /--stdin-file .*none\.txt: no such file/,
    EXIT.missingFile,
  ],
  ['a folder', () => wasi(PROGRAM, ...lines('folder')), /--stdin-lines .*folder: not a file/, EXIT.missingFile],
  ['an empty file of lines', () => wasi(PROGRAM, ...lines('empty.txt')), /--stdin-lines .* is empty/, EXIT.usage],
  ['an empty file as a whole', () => wasi(PROGRAM, ...whole('empty.txt')), /--stdin-file .* is empty/, EXIT.usage],
  [
    'more than one task takes',
    () => wasi(PROGRAM, ...whole('huge.txt')),
    /--stdin-file .*3145728 bytes.*--stdin-lines/,
    EXIT.usage,
  ],
  ['no input', () => wasi(PROGRAM), /--wasi needs .*--stdin-lines <file>.*--stdin-file <file>/, EXIT.usage],
  [
    'two inputs',
    () => wasi(PROGRAM, ...lines(), ...whole()),
    /one of --stdin-lines <file>.*--stdin-file <file>/,
    EXIT.usage,
  ],
  [
    '--file beside it',
    () => wasi(PROGRAM, ...lines(), '--file', at('data.txt')),
    /--stdin-lines or --stdin-file, not --file/,
    EXIT.usage,
  ],
  ['--file alone', () => wasi(PROGRAM, '--file', at('data.txt')), /--stdin-lines or --stdin-file/, EXIT.usage],
  [
    'a flag for a file',
    () => wasi(PROGRAM, '--stdin-lines', '--raw'),
    /--stdin-lines needs a file.*"--raw"/,
    EXIT.usage,
  ],
  [
    'no file',
    () => wasi(PROGRAM, '--stdin-lines'),
    /'--stdin-lines <file>' argument missing|--stdin-lines needs a file/,
    EXIT.usage,
  ],
  [
    'lines without --wasi',
    () => ['word-count', ...lines()],
    /--stdin-lines goes with --wasi <program\.wasm>/,
    EXIT.usage,
  ],
  ['a file without --wasi', () => ['word-count', ...whole()], /--stdin-file goes with --wasi/, EXIT.usage],
  ['lines without anything', () => lines(), /--stdin-lines goes with --wasi/, EXIT.usage],
];

const PROGRAM_ROWS: readonly Row[] = [
  [
    'no program',
    () => ['--wasi', ...lines()],
    /--wasi needs a file behind it, and "--stdin-lines" is a flag/,
    EXIT.usage,
  ],
  ['a missing program', () => wasi(at('none.wasm'), ...lines()), /--wasi .*none\.wasm: no such file/, EXIT.missingFile],
  ['a folder', () => wasi(at('folder'), ...lines()), /--wasi .*folder: not a file/, EXIT.missingFile],
  ['no WebAssembly', () => wasi(at('text.wasm'), ...lines()), /--wasi .*text\.wasm: .*WebAssembly/, EXIT.kernelRefused],
  [
    'a kernel',
    () => wasi(at('kernel.wasm'), ...lines()),
    /--wasi .*kernel\.wasm: it is a kernel of Shoal.*shoal run .*kernel\.wasm/,
    EXIT.kernelRefused,
  ],
  ['a library', () => wasi(at('library.wasm'), ...lines()), /--wasi .*_start.*executable/, EXIT.kernelRefused],
  [
    'an import of something else',
    () => wasi(at('imports-clock.wasm'), ...lines()),
    /--wasi .*imports env\.now, and only functions of wasi_snapshot_preview1/,
    EXIT.kernelRefused,
  ],
  [
    'an import that WASI has not',
    () => wasi(at('imports-more.wasm'), ...lines()),
    /--wasi .*imports wasi_snapshot_preview1\.fd_open/,
    EXIT.kernelRefused,
  ],
  [
    'an older WASI',
    () => wasi(at('older.wasm'), ...lines()),
    /--wasi .*wasi_unstable.*wasm32-wasi/,
    EXIT.kernelRefused,
  ],
];

const LIMITS: readonly Row[] = [
  [
    'less memory than it begins with',
    () => wasi(at('large.wasm'), ...lines(), '--memory', '1MiB'),
    /--wasi .*large\.wasm: it begins with 3 MiB.*--memory 3MiB/,
    EXIT.kernelRefused,
  ],
  ['no size of memory', () => wasi(PROGRAM, ...lines(), '--memory', 'much'), /--memory much: .*64MiB/, EXIT.usage],
  [
    'too much fuel',
    () => wasi(PROGRAM, ...lines(), '--fuel', '99999999999999'),
    /--fuel 99999999999999: at most/,
    EXIT.usage,
  ],
  ['no fuel', () => wasi(PROGRAM, ...lines(), '--fuel', '0'), /--fuel <n>.*from 1 on/, EXIT.usage],
  ['fuel for a kernel', () => ['word-count', '--fuel', '7'], /--fuel goes with --wasi/, EXIT.usage],
  ['memory for a kernel', () => ['word-count', '--memory', '1MiB'], /--memory goes with --wasi/, EXIT.usage],
  [
    'tasks larger than a task takes',
    () => wasi(PROGRAM, ...lines(), '--task-size', '2000000'),
    /--task-size 2000000: .*at most 1048576/,
    EXIT.usage,
  ],
  [
    'a size of tasks for one task',
    () => wasi(PROGRAM, ...whole(), '--task-size', '100'),
    /--task-size goes with --stdin-lines/,
    EXIT.usage,
  ],
];

describe.each([
  ['standard input', INPUT],
  ['the program', PROGRAM_ROWS],
  ['limits', LIMITS],
])('%s', (_, rows) => {
  it.each(rows)('%s', async (__, words, expected, exitCode) => {
    const answer = await commandLine(words());
    expect(answer.message).toMatch(expected);
    expect(answer.exitCode).toBe(exitCode);
    // One line, not a stack of calls.
    expect(answer.message).not.toMatch(/\n\s+at /);
  });
});
