/**
 * What a chain of each class of cost is made of: one step, out of the value before it. `micro.ts` makes programs of them.
 */
import type { Cost } from './counts.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export interface Recipe {
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

const FLOATS = '(v128.const f32x4 1.0001 1.0002 1.0003 1.0004)';
const DOUBLES = '(v128.const f64x2 1.0001 1.0002)';

const one: Partial<Record<Cost, number>> = { integer: 1 };
const simdOne: Partial<Record<Cost, number>> = { 'simd-integer': 1 };

export const RECIPES: readonly Recipe[] = [
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
