/** Kernels and a manifest that go wrong in one way each, as files for `shoal run`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelManifest } from '../../node/sdk/manifest.ts';
import { assemble, type KernelParts, kernelText, outputI64 } from '../sandbox/kernels.ts';

/** Every task is one step. */
const kernel = (parts: KernelParts): Uint8Array => assemble(kernelText({ init: '(i32.const 1)', ...parts }));

export const BAD_MANIFEST: KernelManifest = {
  name: 'bad',
  title: 'A kernel for tests',
  purpose: 'Goes wrong in one way, on purpose.',
  version: '1.0.0',
  abi: 1,
  parameters: [],
  arguments: [
    { name: 'from', type: 'u64', default: 0, description: 'First number.' },
    { name: 'to', type: 'u64', default: 8, description: 'End of the range.' },
  ],
  tasks: { from: 'range', start: 'from', end: 'to', step: 1, stepMax: 1000 },
  result: { join: 'concat', show: 'bytes' },
  limits: {
    fuelPerTaskMax: 20_000_000,
    memoryPagesMax: 64,
    inputBytesPerTaskMax: 16,
    outputBytesPerTaskMax: 64,
    stepQuantum: 1,
    tasksPerUnit: 2,
  },
  expected: { taskMs: 1 },
};

export const BAD_KERNELS = {
  'no-wasm': () => new TextEncoder().encode('this is no WebAssembly'),
  'forbidden-import': () =>
    assemble(kernelText({}).replace('(module', '(module (import "env" "now" (func (result f64)))')),
  'loops-for-ever': () => kernel({ step: '(loop $again (br $again)) (i32.const 0)' }),
  'allocates-without-end': () =>
    kernel({
      memory: '1 64',
      step: `(loop $again
        (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (unreachable)`,
    }),
  'recurses-without-end': () =>
    kernel({
      fields: '(func $deeper (param $n i32) (result i32) (i32.add (call $deeper (local.get $n)) (i32.const 1)))',
      step: '(call $deeper (local.get $n))',
    }),
  /** Its even tasks work, so that trying the first task of a unit finds nothing wrong. */
  'fails-on-odd': () =>
    kernel({
      step: `(if (i32.and (i32.load8_u (i32.const 1028)) (i32.const 1)) (then (unreachable)))
        ${outputI64('(i64.const 1)')} (i32.const 0)`,
    }),
  works: () => kernel({ step: `${outputI64('(i64.load8_u (i32.const 1028))')} (i32.const 0)` }),
} as const;

export type BadKernel = keyof typeof BAD_KERNELS;

/** Writes kernel.wasm and kernel.json into a folder of that name; resolves to its path. */
export async function writeKernel(parent: string, name: BadKernel): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'kernel.wasm'), BAD_KERNELS[name]());
  await writeFile(join(folder, 'kernel.json'), JSON.stringify({ ...BAD_MANIFEST, name }));
  return folder;
}
