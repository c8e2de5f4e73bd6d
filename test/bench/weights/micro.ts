/**
 * Small generated programs, each of which spends its time on one class of cost: how long an instruction takes when the
 * next one waits for it (one chain), and when eight go on side by side. Between these two stands what it costs in a
 * real program. They are run metered, like everything else: a call pays for its fuel as well.
 */
import binaryen from 'binaryen';
import type { Cost } from './counts.ts';

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

type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

interface Recipe {
  readonly cost: Cost;
  readonly name: string;
  readonly type: ValueType;
  /** Value of the next step of the chain, out of `$x` and `$y`, which stay near what they begin with. */
  readonly next: string;
  /** Instructions of the class in one step, and others. */
  readonly count?: number;
  readonly beside?: Partial<Record<Cost, number>>;
  /** Statements before the step; `$i` is an i32 and `$a` an f64 of the chain. */
  readonly before?: string;
  readonly fields?: string;
  /** Leaves out one of the two forms. */
  readonly only?: 'chain' | 'abreast';
}

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

const FLOATS = '(v128.const f32x4 1.0001 1.0002 1.0003 1.0004)';
const DOUBLES = '(v128.const f64x2 1.0001 1.0002)';
/** An i32 out of `$x`, in which nobody can see the bits of a NaN. */
const END: Readonly<Record<ValueType, string>> = {
  i32: '(local.get $x)',
  i64: '(i32.wrap_i64 (local.get $x))',
  f32: '(f32.lt (local.get $x) (f32.const 3))',
  f64: '(f64.lt (local.get $x) (f64.const 3))',
  v128: '(v128.any_true (f32x4.lt (local.get $x) (v128.const f32x4 3 3 3 3)))',
};

const one: Partial<Record<Cost, number>> = { integer: 1 };
const simdOne: Partial<Record<Cost, number>> = { 'simd-integer': 1 };

const RECIPES: readonly Recipe[] = [
  { cost: 'integer', name: 'i32.add', type: 'i32', next: '(i32.add $x $y)' },
  { cost: 'integer', name: 'i32.xor', type: 'i32', next: '(i32.xor $x (local.get $i))' },
  { cost: 'integer', name: 'i64.sub', type: 'i64', next: '(i64.sub $x $y)' },
  { cost: 'integer', name: 'i32.rotl', type: 'i32', next: '(i32.rotl $x $y)' },
  { cost: 'integer', name: 'i64.shr_u', type: 'i64', next: '(i64.add (i64.shr_u $x $y) $y)', count: 2 },
  { cost: 'integer', name: 'i32.lt_u', type: 'i32', next: '(i32.add (i32.lt_u $x $y) $y)', count: 2 },
  {
    cost: 'integer',
    name: 'i64.extend_i32_u',
    type: 'i64',
    next: '(i64.add (i64.extend_i32_u (i32.wrap_i64 $x)) $y)',
    count: 3,
  },
  { cost: 'bit-count', name: 'i32.popcnt', type: 'i32', next: '(i32.add (i32.popcnt $x) $y)', beside: one },
  { cost: 'bit-count', name: 'i64.ctz', type: 'i64', next: '(i64.add (i64.ctz $x) $y)', beside: one },
  { cost: 'multiply', name: 'i32.mul', type: 'i32', next: '(i32.mul $x $y)' },
  { cost: 'multiply', name: 'i64.mul', type: 'i64', next: '(i64.mul $x $y)' },
  {
    cost: 'divide-32',
    name: 'i32.div_u',
    type: 'i32',
    next: '(i32.add (i32.div_u (i32.const 1000000007) $x) $y)',
    beside: one,
  },
  { cost: 'divide-32', name: 'i32.rem_s', type: 'i32', next: '(i32.add (i32.rem_s $x $y) $x)', beside: one },
  {
    cost: 'divide-64',
    name: 'i64.div_u',
    type: 'i64',
    next: '(i64.add (i64.div_u (i64.const 1000000000000007) $x) $y)',
    beside: one,
  },
  { cost: 'divide-64', name: 'i64.rem_s', type: 'i64', next: '(i64.add (i64.rem_s $x $y) $x)', beside: one },
  { cost: 'select', name: 'select', type: 'i32', next: '(select (i32.add $x $y) $y $x)', beside: one },
  {
    cost: 'global',
    name: 'global.get and set',
    type: 'i32',
    fields: '(global $g (mut i32) (i32.const 5))',
    before: '(global.set $g $x)',
    next: '(i32.add (global.get $g) $y)',
    count: 2,
    beside: one,
  },
  {
    cost: 'load',
    name: 'i32.load, next waits',
    type: 'i32',
    next: '(i32.load offset=8 (i32.and $x $y))',
    beside: one,
  },
  {
    cost: 'load',
    name: 'i32.load',
    type: 'i32',
    next: '(i32.xor $x (i32.load offset=@ (local.get $i)))',
    beside: one,
  },
  {
    cost: 'load',
    name: 'i32.load8_u',
    type: 'i32',
    next: '(i32.xor $x (i32.load8_u offset=@ (local.get $i)))',
    beside: one,
  },
  {
    cost: 'load',
    name: 'f64.load',
    type: 'f64',
    next: '(f64.add $x (f64.load offset=@ (local.get $i)))',
    beside: { float: 1 },
  },
  {
    cost: 'store',
    name: 'i32.store',
    type: 'i32',
    before: '(i32.store offset=@ (local.get $i) $x)',
    next: '(i32.add $x $y)',
    beside: one,
  },
  {
    cost: 'store',
    name: 'i32.store8',
    type: 'i32',
    before: '(i32.store8 offset=@ (local.get $i) $x)',
    next: '(i32.add $x $y)',
    beside: one,
  },
  { cost: 'memory-size', name: 'memory.size', type: 'i32', next: '(i32.add $x (memory.size))', beside: one },
  { cost: 'float', name: 'f64.add', type: 'f64', next: '(f64.add $x $y)' },
  { cost: 'float', name: 'f64.mul', type: 'f64', next: '(f64.mul $x $y)' },
  { cost: 'float', name: 'f32.sub', type: 'f32', next: '(f32.sub $x $y)' },
  { cost: 'float', name: 'f64.neg', type: 'f64', next: '(f64.neg (f64.add $x $y))', count: 2 },
  {
    cost: 'float-comparison',
    name: 'f64.lt',
    type: 'f64',
    before: '(local.set $i (i32.add (local.get $i) (f64.lt $x $y)))',
    next: '(f64.add $x $y)',
    beside: { integer: 1, float: 1 },
  },
  {
    cost: 'float-minimum',
    name: 'f64.min',
    type: 'f64',
    next: '(f64.min (f64.add $x $y) $y)',
    beside: { float: 1 },
  },
  {
    cost: 'float-minimum',
    name: 'f32.max',
    type: 'f32',
    next: '(f32.max (f32.add $x $y) $y)',
    beside: { float: 1 },
  },
  {
    cost: 'float-rounding',
    name: 'f64.floor',
    type: 'f64',
    next: '(f64.add (f64.floor $x) $y)',
    beside: { float: 1 },
  },
  { cost: 'float-division', name: 'f64.div', type: 'f64', next: '(f64.div $y $x)' },
  { cost: 'float-division', name: 'f32.div', type: 'f32', next: '(f32.div $y $x)' },
  { cost: 'float-root', name: 'f64.sqrt', type: 'f64', next: '(f64.add (f64.sqrt $x) $y)', beside: { float: 1 } },
  { cost: 'float-root', name: 'f32.sqrt', type: 'f32', next: '(f32.add (f32.sqrt $x) $y)', beside: { float: 1 } },
  {
    cost: 'integer-to-float',
    name: 'f64.convert_i32_s',
    type: 'f64',
    before: '(local.set $i (i32.add (local.get $i) (i32.const 1)))',
    next: '(f64.add $x (f64.convert_i32_s (local.get $i)))',
    beside: { integer: 1, float: 1 },
  },
  {
    cost: 'float-to-integer',
    name: 'i32.trunc_f64_s',
    type: 'f64',
    before: '(local.set $i (i32.add (local.get $i) (i32.trunc_f64_s $x)))',
    next: '(f64.mul $x (f64.const 1.0000001))',
    beside: { integer: 1, float: 1 },
  },
  {
    cost: 'float-to-integer',
    name: 'i32.trunc_sat_f64_u',
    type: 'f64',
    before: '(local.set $i (i32.add (local.get $i) (i32.trunc_sat_f64_u $x)))',
    next: '(f64.mul $x (f64.const 1.0000001))',
    beside: { integer: 1, float: 1 },
  },
  {
    cost: 'float-width',
    name: 'f32.demote_f64 and back',
    type: 'f64',
    next: '(f64.add (f64.promote_f32 (f32.demote_f64 $x)) $y)',
    count: 2,
    beside: { float: 1 },
  },
  {
    cost: 'reinterpret',
    name: 'i64.reinterpret_f64 and back',
    type: 'f64',
    next: '(f64.reinterpret_i64 (i64.add (i64.reinterpret_f64 $x) (i64.const 1)))',
    count: 2,
    beside: one,
  },
  {
    cost: 'call',
    name: 'call',
    type: 'i32',
    fields: '(func $callee (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))',
    next: '(call $callee $x $y)',
    beside: one,
  },
  {
    cost: 'call-indirect',
    name: 'call_indirect',
    type: 'i32',
    fields: `(type $pair (func (param i32 i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $one $two)
      (func $one (type $pair) (i32.add (local.get 0) (local.get 1)))
      (func $two (type $pair) (i32.sub (local.get 0) (local.get 1)))`,
    next: '(call_indirect (type $pair) $x $y (i32.const 1))',
    beside: one,
  },
  {
    cost: 'bulk',
    name: 'memory.fill of 16 bytes',
    type: 'i32',
    before: '(memory.fill (i32.const 64) (i32.const 7) (i32.const 16))',
    next: '(i32.add $x $y)',
    beside: one,
  },
  {
    cost: 'simd-load',
    name: 'v128.load',
    type: 'v128',
    next: '(v128.xor $x (v128.load offset=@ (local.get $i)))',
    beside: simdOne,
  },
  {
    cost: 'simd-load',
    name: 'v128.load8x8_u',
    type: 'v128',
    next: '(v128.xor $x (v128.load8x8_u offset=@ (local.get $i)))',
    beside: simdOne,
  },
  {
    cost: 'simd-load-lane',
    name: 'v128.load32_lane',
    type: 'v128',
    next: '(v128.load32_lane offset=@ 1 (local.get $i) $x)',
  },
  {
    cost: 'simd-store',
    name: 'v128.store',
    type: 'v128',
    before: '(v128.store offset=@ (local.get $i) $x)',
    next: '(i32x4.add $x $y)',
    beside: simdOne,
  },
  {
    cost: 'simd-constant',
    name: 'v128.const',
    type: 'v128',
    next: '(i32x4.add $x (v128.const i32x4 @ 2 3 5))',
    beside: simdOne,
  },
  {
    cost: 'simd-shuffle',
    name: 'i8x16.shuffle',
    type: 'v128',
    next: '(i8x16.shuffle 1 2 19 4 5 6 23 8 9 10 11 28 13 14 15 0 $x $y)',
  },
  { cost: 'simd-shuffle', name: 'i8x16.swizzle', type: 'v128', next: '(i8x16.swizzle $x $y)' },
  {
    cost: 'simd-lane',
    name: 'i32x4.extract_lane and splat',
    type: 'v128',
    next: '(i32x4.add (i32x4.splat (i32x4.extract_lane 1 $x)) $y)',
    count: 2,
    beside: simdOne,
  },
  {
    cost: 'simd-lane',
    name: 'i32x4.replace_lane',
    type: 'v128',
    next: '(i32x4.replace_lane 2 $x (local.get $i))',
  },
  {
    cost: 'simd-test',
    name: 'i32x4.bitmask',
    type: 'v128',
    before: '(local.set $i (i32.add (local.get $i) (i32x4.bitmask $x)))',
    next: '(i32x4.add $x $y)',
    beside: { integer: 1, 'simd-integer': 1 },
  },
  {
    cost: 'simd-test',
    name: 'v128.any_true',
    type: 'v128',
    before: '(local.set $i (i32.add (local.get $i) (v128.any_true $x)))',
    next: '(i32x4.add $x $y)',
    beside: { integer: 1, 'simd-integer': 1 },
  },
  { cost: 'simd-integer', name: 'i32x4.add', type: 'v128', next: '(i32x4.add $x $y)' },
  {
    cost: 'simd-integer',
    name: 'i8x16.max_u',
    type: 'v128',
    next: '(i8x16.max_u (i8x16.sub $x $y) $y)',
    count: 2,
  },
  {
    cost: 'simd-integer',
    name: 'v128.bitselect',
    type: 'v128',
    next: '(v128.bitselect (i32x4.sub $x $y) $y $x)',
    count: 2,
  },
  { cost: 'simd-multiply', name: 'i32x4.mul', type: 'v128', next: '(i32x4.mul $x $y)' },
  { cost: 'simd-multiply', name: 'i16x8.mul', type: 'v128', next: '(i16x8.mul $x $y)' },
  { cost: 'simd-multiply', name: 'i32x4.dot_i16x8_s', type: 'v128', next: '(i32x4.dot_i16x8_s $x $y)' },
  { cost: 'simd-emulated', name: 'i64x2.mul', type: 'v128', next: '(i64x2.mul $x $y)' },
  { cost: 'simd-emulated', name: 'i8x16.shr_u', type: 'v128', next: '(i8x16.shr_u $x (local.get $i))' },
  { cost: 'simd-float', name: 'f32x4.add', type: 'v128', next: `(f32x4.add $x ${FLOATS})` },
  { cost: 'simd-float', name: 'f64x2.mul', type: 'v128', next: `(f64x2.mul $x ${DOUBLES})` },
  {
    cost: 'simd-float-minimum',
    name: 'f32x4.min',
    type: 'v128',
    next: `(f32x4.min (f32x4.add $x ${FLOATS}) ${FLOATS})`,
    beside: { 'simd-float': 1 },
  },
  {
    cost: 'simd-float-rounding',
    name: 'f64x2.floor',
    type: 'v128',
    next: `(f64x2.add (f64x2.floor $x) ${DOUBLES})`,
    beside: { 'simd-float': 1 },
  },
  { cost: 'simd-float-division', name: 'f32x4.div', type: 'v128', next: `(f32x4.div ${FLOATS} $x)` },
  { cost: 'simd-float-division', name: 'f64x2.div', type: 'v128', next: `(f64x2.div ${DOUBLES} $x)` },
  {
    cost: 'simd-float-root',
    name: 'f32x4.sqrt',
    type: 'v128',
    next: `(f32x4.add (f32x4.sqrt $x) ${FLOATS})`,
    beside: { 'simd-float': 1 },
  },
  {
    cost: 'simd-conversion',
    name: 'f32x4.convert_i32x4_s',
    type: 'v128',
    next: '(i32x4.add (f32x4.convert_i32x4_s $x) $y)',
    beside: simdOne,
  },
  {
    cost: 'simd-conversion',
    name: 'i32x4.trunc_sat_f32x4_s',
    type: 'v128',
    next: '(i32x4.add (i32x4.trunc_sat_f32x4_s $x) $y)',
    beside: simdOne,
  },
];

/** Programs whose shape is not a chain: `body` runs `$n` times, with `$i` from 0, and may keep something in `$x`. */
const LOOPS: readonly (Pick<Recipe, 'cost' | 'name' | 'beside' | 'fields'> & {
  readonly body: string;
  readonly count: number;
  readonly rounds?: number;
})[] = [
  {
    cost: 'branch',
    name: 'br_if, foreseen',
    count: 9,
    beside: { integer: 18 },
    body: Array.from(
      { length: 8 },
      (_, k) => `(block $b (br_if $b (i32.gt_u (local.get $i) (i32.const ${2_000_000_000 + k})))
        (local.set $x (i32.add (local.get $x) (i32.const ${k + 1}))))`,
    ).join(''),
  },
  {
    cost: 'branch',
    name: 'br_if, not to be foreseen',
    count: 9,
    beside: { integer: 27, multiply: 1 },
    body: `(local.set $x (i32.mul (i32.add (local.get $x) (i32.const 12345)) (i32.const 1103515245)))${Array.from(
      { length: 8 },
      (_, k) => `(block $b (br_if $b (i32.and (i32.shr_u (local.get $x) (i32.const ${16 + k})) (i32.const 1)))
        (local.set $x (i32.add (local.get $x) (i32.const ${k + 1}))))`,
    ).join('')}`,
  },
  { cost: 'branch', name: 'the end of a loop', count: 1, rounds: 5_000_000, beside: { integer: 2 }, body: '' },
  {
    cost: 'branch-table',
    name: 'br_table, foreseen',
    count: 4,
    beside: { integer: 18, branch: 3 },
    body: branchTables('(i32.const 0)', 4),
  },
  {
    cost: 'branch-table',
    name: 'br_table, not to be foreseen',
    count: 4,
    beside: { integer: 23, multiply: 1, branch: 3 },
    body: `(local.set $x (i32.mul (i32.add (local.get $x) (i32.const 12345)) (i32.const 1103515245)))${branchTables(
      '(i32.shr_u (local.get $x) (i32.const 17))',
      4,
    )}`,
  },
  {
    cost: 'bulk-byte',
    name: 'memory.copy of 64 KiB',
    count: 65_536,
    rounds: 1_000,
    body: '(memory.copy (i32.const 262144) (i32.const 0) (i32.const 65536))',
  },
  {
    cost: 'bulk-byte',
    name: 'memory.fill of 64 KiB',
    count: 65_536,
    rounds: 1_000,
    body: '(memory.fill (i32.const 262144) (local.get $i) (i32.const 65536))',
  },
  {
    cost: 'table-element',
    name: 'table.copy of 1,000 elements',
    count: 1_000,
    rounds: 1_000,
    fields: '(table 4000 funcref) (func $some) (elem (i32.const 0) $some $some)',
    body: '(table.copy (i32.const 0) (i32.const 2000) (i32.const 1000))',
  },
  {
    cost: 'memory-grow',
    name: 'memory.grow by nothing',
    count: 1,
    rounds: 5_000,
    body: '(local.set $x (i32.add (local.get $x) (memory.grow (i32.const 0))))',
  },
];

function branchTables(base: string, count: number): string {
  return Array.from(
    { length: count },
    (_, k) => `(block $c (block $b (block $a
      (br_table $a $b $c (i32.and (i32.add ${base} (i32.add (local.get $i) (i32.const ${k}))) (i32.const 1))))
      (local.set $x (i32.add (local.get $x) (i32.const 3))) (br $c))
      (local.set $x (i32.xor (local.get $x) (i32.const 5))))`,
  ).join('');
}

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

function looped({
  cost,
  name,
  count,
  rounds = 5 * ROUNDS,
  beside = {},
  fields = '',
  body,
}: (typeof LOOPS)[number]): Micro {
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
