/**
 * Small generated programs, each of which spends its time on one class of cost: how long an instruction takes when the
 * next one waits for it (one chain), and when eight go on side by side. Between these two stands what it costs in a
 * real program. They are run metered, like everything else: a call pays for its fuel as well.
 */
import binaryen from 'binaryen';
import type { Cost } from './counts.ts';
import { LOOPS, type Loop } from './loops.ts';
import { RECIPES, type Recipe, type ValueType } from './recipes.ts';

export interface Micro {
  readonly name: string;
  readonly cost: Cost;
  /** How often an instruction of the class runs in one round. */
  readonly times: number;
  /** What else runs in one round, and is not for free. */
  readonly beside: Partial<Record<Cost, number>>;
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly memoryPagesMax: number;
  /** Rounds in one run. */
  readonly rounds: number;
}

/** One value waiting for the other, eight side by side, or a loop of another shape. */
export type Form = 'chain' | 'abreast' | 'loop';

/** So many that making the instance is nothing beside them. */
const ROUNDS = 100_000;

const STEPS = 48;
const ABREAST = 8;

/** Zero, which no compiler knows. */
const ZERO = '(i32.load (i32.const 0))';
/** What `$x` and `$y` begin with, where no compiler can see it. */
const START: Readonly<Record<ValueType, readonly [string, string]>> = {
  i32: begin('i32', 'i32.add', 12345, 77, ZERO),
  i64: begin('i64', 'i64.add', 1234567890123, 77, `(i64.extend_i32_u ${ZERO})`),
  f32: begin('f32', 'f32.add', 1.25, 1.0001, `(f32.convert_i32_u ${ZERO})`),
  f64: begin('f64', 'f64.add', 1.25, 1.0001, `(f64.convert_i32_u ${ZERO})`),
  v128: [
    `(v128.xor (v128.const f32x4 1 1.01 1.02 1.03) (i32x4.splat ${ZERO}))`,
    `(v128.xor (v128.const i32x4 1 2 3 4) (i32x4.splat ${ZERO}))`,
  ],
};

function begin(type: string, add: string, x: number, y: number, zero: string): readonly [string, string] {
  return [`(${add} (${type}.const ${x}) ${zero})`, `(${add} (${type}.const ${y}) ${zero})`];
}

/** An i32 out of `$x`, in which nobody can see the bits of a NaN. */
const END: Readonly<Record<ValueType, string>> = {
  i32: '(local.get $x)',
  i64: '(i32.wrap_i64 (local.get $x))',
  f32: '(f32.lt (local.get $x) (f32.const 3))',
  f64: '(f64.lt (local.get $x) (f64.const 3))',
  v128: '(v128.any_true (f32x4.lt (local.get $x) (v128.const f32x4 3 3 3 3)))',
};

export function microPrograms(): readonly { readonly form: Form; readonly micro: Micro }[] {
  const forms = (['chain', 'abreast'] as const).flatMap((form) =>
    RECIPES.filter(({ only }) => only === undefined || only === form).map((recipe) => ({
      form,
      micro: chained(recipe, form === 'chain' ? 1 : ABREAST),
    })),
  );
  return [...forms, ...LOOPS.map((loop) => ({ form: 'loop' as const, micro: looped(loop) }))];
}

function chained(recipe: Recipe, width: number): Micro {
  const { type, cost, name, count = 1, beside = {}, fields = '', before = '', next } = recipe;
  const [x, y] = START[type];
  const chains = Array.from({ length: width }, (_, chain) => chain);
  const steps = Array.from({ length: STEPS }, (_, step) => {
    const chain = step % width;
    const fill = (text: string): string =>
      text
        .replaceAll('$x', `(local.get $x${chain})`)
        .replaceAll('$y', '(local.get $y)')
        .replaceAll('$i', `$i${chain}`)
        .replaceAll('@', String(16 * (step + 1)));
    return `${fill(before)}(local.set $x${chain} ${fill(next)})`;
  });
  const ends = chains.map((chain) => `(i32.add (local.get $i${chain}) ${END[type].replaceAll('$x', `$x${chain}`)})`);
  const text = `${fields} (memory 17) (func (export "run") (param $n i32) (result i32) (local $y ${type})
    ${chains.map((chain) => `(local $x${chain} ${type}) (local $i${chain} i32)`).join('')}
    ${chains.map((chain) => `(local.set $x${chain} ${x}) (local.set $i${chain} ${ZERO})`).join('')} (local.set $y ${y})
    (loop $l ${steps.join('\n')}
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    ${ends.reduce((sum, end) => `(i32.add ${sum} ${end})`)})`;
  const total = Object.fromEntries(Object.entries(beside).map(([key, value]) => [key, value * STEPS]));
  return { name, cost, times: count * STEPS, beside: total, wasm: assembled(text), memoryPagesMax: 17, rounds: ROUNDS };
}

function looped({ cost, name, count, rounds = 5 * ROUNDS, beside = {}, fields = '', body }: Loop): Micro {
  const text = `${fields} (memory 17) (func (export "run") (param $n i32) (result i32) (local $x i32) (local $i i32)
    (loop $l ${body} (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $x))`;
  return { name, cost, times: count, beside, wasm: assembled(text), memoryPagesMax: 1_100, rounds };
}

/** Throws where the text is not a module. */
export function assembled(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(`(module ${text})`);
  module.setFeatures(binaryen.Features.All);
  if (module.validate() === 0) throw new Error(`not a module: ${text.slice(0, 400)}`);
  const wasm = Uint8Array.from(module.emitBinary());
  module.dispose();
  return wasm;
}
