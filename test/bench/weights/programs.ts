/**
 * What the weights are judged by: a task of each kernel, with the inputs of the comparison with C where there is one,
 * and small programs that are hard on one thing: branches, calls, division, memory that is far away.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeParameters, resolveArguments } from '../../../node/sdk/arguments.ts';
import { parseManifest } from '../../../node/sdk/manifest.ts';
import { splitTasks } from '../../../node/sdk/split.ts';
import { mobyDick } from '../../kernels/moby-dick.ts';
import { CHECKOUT } from '../../support/daemon.ts';
import { PROGRAMS } from '../metering-work.ts';
import { type BenchInput, INPUTS } from '../native/inputs.ts';
import type { Work } from './measure.ts';
import { assembled } from './micro.ts';

export interface Program {
  readonly name: string;
  readonly kind: 'kernel' | 'small';
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly memoryPagesMax: number;
  readonly work: Work;
}

const OTHER_INPUTS: Readonly<Record<string, BenchInput>> = {
  mandelbrot: {
    words: 'a valley of sea horses, up to 10,000 iterations',
    args: { width: 512, height: 512, centreX: -0.743643887, centreY: 0.131825904, span: 1e-5, iterations: 10_000 },
  },
  'prime-count': { words: '', args: { from: '1e9', to: '1_040_000_000' } },
  'word-count': {
    words: '',
    args: { n: 2, passes: 200 },
    file: async () => new TextEncoder().encode(mobyDick()),
  },
};

/** Every kernel in the package. Throws where one is not built or has no input here. */
export async function kernelPrograms(): Promise<readonly Program[]> {
  const folder = path.join(CHECKOUT, 'dist/kernels');
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );
  return Promise.all(names.map((name) => kernelProgram(path.join(folder, name), name)));
}

async function kernelProgram(folder: string, name: string): Promise<Program> {
  const given = OTHER_INPUTS[name] ?? INPUTS[name];
  if (given === undefined) throw new Error(`test/bench/weights/programs.ts has no input for the kernel ${name}`);
  const manifest = parseManifest(readFileSync(path.join(folder, 'kernel.json'), 'utf8'));
  const values = resolveArguments(manifest, given.args);
  const inputs = [...splitTasks(manifest, values, { file: await given.file?.(), taskSize: given.taskSize }).inputs];
  const { stepQuantum, memoryPagesMax } = manifest.limits;
  // A picture is empty at its edges; elsewhere the first task is as good as any, and the one the comparison with C takes.
  const input = inputs[name in OTHER_INPUTS ? inputs.length >> 1 : 0]!;
  return {
    name,
    kind: 'kernel',
    wasm: Uint8Array.from(readFileSync(path.join(folder, 'kernel.wasm'))),
    memoryPagesMax,
    work: { parameters: encodeParameters(manifest, values), input, stepQuantum },
  };
}

/** A program that mostly waits for memory beyond the caches. */
export const FAR_MEMORY = 'updates all over 8 MiB';

const SMALL: Readonly<Record<string, { readonly text: string; readonly argument: number }>> = {
  'greatest common divisors': {
    argument: 300_000,
    text: `(func (export "run") (param $n i32) (result i32) (local $s i32) (local $a i32) (local $b i32) (local $t i32)
      (loop $l (local.set $a (i32.add (local.get $n) (i32.const 987654))) (local.set $b (local.get $n))
        (block $done (loop $g (br_if $done (i32.eqz (local.get $b)))
          (local.set $t (i32.rem_u (local.get $a) (local.get $b)))
          (local.set $a (local.get $b)) (local.set $b (local.get $t)) (br $g)))
        (local.set $s (i32.add (local.get $s) (local.get $a)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s))`,
  },
  'collatz lengths': {
    argument: 40_000,
    text: `(func (export "run") (param $n i32) (result i32) (local $s i32) (local $a i64)
      (loop $l (local.set $a (i64.extend_i32_u (local.get $n)))
        (block $done (loop $g (br_if $done (i64.le_u (local.get $a) (i64.const 1)))
          (if (i32.wrap_i64 (i64.and (local.get $a) (i64.const 1)))
            (then (local.set $a (i64.add (i64.mul (local.get $a) (i64.const 3)) (i64.const 1))))
            (else (local.set $a (i64.shr_u (local.get $a) (i64.const 1)))))
          (local.set $s (i32.add (local.get $s) (i32.const 1))) (br $g)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s))`,
  },
  'matrix product': {
    argument: 144,
    text: `(memory 16) (func (export "run") (param $n i32) (result i32)
      (local $i i32) (local $j i32) (local $k i32) (local $s f64) (local $row i32) (local $at i32)
      (loop $rows (local.set $j (i32.const 0))
        (loop $columns (local.set $k (i32.const 0)) (local.set $s (f64.const 0))
          (local.set $row (i32.shl (i32.mul (local.get $i) (local.get $n)) (i32.const 3)))
          (local.set $at (i32.add (i32.const 262144) (i32.shl (local.get $j) (i32.const 3))))
          (loop $sum
            (local.set $s (f64.add (local.get $s) (f64.mul (f64.load (local.get $row)) (f64.load (local.get $at)))))
            (local.set $row (i32.add (local.get $row) (i32.const 8)))
            (local.set $at (i32.add (local.get $at) (i32.shl (local.get $n) (i32.const 3))))
            (br_if $sum (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
          (f64.store offset=524288 (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)) (i32.const 3))
            (local.get $s))
          (br_if $columns (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
        (br_if $rows (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $k))`,
  },
  'counting bytes': {
    argument: 4_000_000,
    text: `(memory 17) (func (export "run") (param $n i32) (result i32) (local $i i32) (local $x i32) (local $at i32)
      (loop $l
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $at (i32.shl (i32.shr_u (local.get $x) (i32.const 24)) (i32.const 2)))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (i32.load (i32.const 64)))`,
  },
  [FAR_MEMORY]: {
    argument: 1_500_000,
    text: `(memory 128) (func (export "run") (param $n i32) (result i32) (local $i i32) (local $x i32) (local $at i32)
      (loop $l
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $at (i32.and (i32.shr_u (local.get $x) (i32.const 8)) (i32.const 0x7ffffc)))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $x)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (i32.load (i32.const 64)))`,
  },
  'copying bytes one by one': {
    argument: 100,
    text: `(memory 17) (func (export "run") (param $n i32) (result i32) (local $i i32)
      (loop $again (local.set $i (i32.const 0))
        (loop $l (i32.store8 offset=524288 (local.get $i) (i32.load8_u (local.get $i)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 65536))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $i))`,
  },
};

export function smallPrograms(): readonly Program[] {
  return Object.entries({ ...PROGRAMS, ...SMALL }).map(([name, { text, argument }]) => ({
    name,
    kind: 'small',
    wasm: assembled(text),
    memoryPagesMax: 128,
    work: { argument },
  }));
}
