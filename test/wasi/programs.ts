/**
 * The programs the tests run: two of ours, in C, committed with their source and built again where the compiler is, and
 * one somebody else built. Hashes are of the committed modules.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Below the package, also when this file runs compiled. */
const folder = (() => {
  const here = path.dirname(fileURLToPath(import.meta.url));
  return here.replace(`${path.sep}dist${path.sep}`, path.sep);
})();

export const PROGRAMS = {
  /** Statistics of readings: stdio, getline, malloc, qsort, strtod, printf of doubles. */
  readings: {
    file: 'programs/readings.wasm',
    sha256: '231ce692a7aad3b0ac136f66d8f6c7c4f52076cb2a11f65bba190ea3778a24e4',
  },
  /** Asks for everything the host has. */
  probe: {
    file: 'programs/probe.wasm',
    sha256: 'eb0d82f4bea701d2ceb9d2fcc0f618ac1a1a0684531b1ba3712eb5a5f57e83cf',
  },
  /** From `@wasmer/wasi` 1.2.2 on npm, `tests/pipe_reverse.wasm`, MIT: a Rust program that turns a line around. */
  pipeReverse: {
    file: 'third-party/pipe_reverse.wasm',
    sha256: 'd1729106e422427312691acfee36675f6b47fcf043e44e2f16ec1fa0be83fd8b',
  },
} as const;
export type ProgramName = keyof typeof PROGRAMS;

export function pathOf(file: string): string {
  return path.join(folder, file);
}

export function readProgram(name: ProgramName): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(pathOf(PROGRAMS[name].file)));
}

/** A job's parameters: the program's name and its arguments, each with a NUL. */
export function programArguments(...args: readonly string[]): Uint8Array {
  return new TextEncoder().encode(args.map((text) => `${text}\0`).join(''));
}
