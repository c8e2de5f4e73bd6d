/** Kernels that store NaNs, or what looks like one, and the words that have to stand in their output. */
import { type KernelParts, outputI64 } from '../sandbox/kernels.ts';

const NAN64 = '000000000000f87f';
const NAN32X2 = '0000c07f0000c07f';

/** Each stores NaNs the engine made in its own way: with the sign set on x86, with payloads of operands. */
export const NAN_PROGRAMS: Readonly<Record<string, readonly [KernelParts, readonly string[]]>> = {
  'a sign': [
    { init: outputI64('(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))').concat('(i32.const 0)') },
    [NAN64],
  ],
  'a payload': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (f64.add (f64.const 1) (f64.reinterpret_i64 (i64.const 0xfff4567812345678))))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'f32 lanes': [
    {
      init: `(v128.store (i32.const 61440) (f32x4.div (v128.const f32x4 0 0 0 0) (v128.const f32x4 0 0 0 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    [NAN32X2, NAN32X2],
  ],
  'f64 lanes': [
    {
      init: `(v128.store (i32.const 61440) (f64x2.sqrt (v128.const f64x2 -1 -1)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    [NAN64, NAN64],
  ],
  'an integer mask': [
    {
      init: `(v128.store (i32.const 61440) (i32x4.eq (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 0 3 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['ffffffff00000000', 'ffffffff00000000'],
  ],
  'a local, a copy, and a call': [
    {
      fields: '(func $pass (param f64) (result f64) (local.get 0))',
      init: `(local $a f64) (local $b f64) (local.set $a (f64.sqrt (f64.const -1))) (local.set $b (local.get $a))
        ${outputI64('(i64.reinterpret_f64 (call $pass (local.get $b)))')} (i32.const 0)`,
    },
    [NAN64],
  ],
  'a select': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (select (f64.sub (f64.const inf) (f64.const inf)) (f64.const 0) (i32.const 1)))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'a branch': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (block (result f64) (drop (br_if 0 (f64.sqrt (f64.const -1)) (i32.const 1))) (f64.const 0)))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'f32 lanes read as an f64': [
    {
      init: `(local $v v128) (local.set $v (f32x4.div (v128.const f32x4 -0 0 0 -0) (v128.const f32x4 0 0 0 0)))
        (v128.store (i32.const 61440) (f64x2.gt (local.get $v) (v128.const f64x2 0 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['ffffffffffffffff', 'ffffffffffffffff'],
  ],
  'a global': [
    {
      fields: '(global $g (mut f64) (f64.const 0))',
      init: `(global.set $g (f64.mul (f64.const inf) (f64.const 0)))
        ${outputI64('(i64.reinterpret_f64 (global.get $g))')} (i32.const 0)`,
    },
    [NAN64],
  ],
  'a mask that leaves the sign': [
    {
      init: `(v128.store (i32.const 61440) (f64x2.mul (v128.const f64x2 1 1)
          (v128.and (f64x2.sqrt (v128.const f64x2 -1 -1)) (v128.const i64x2 0x8000000000000000 0x8000000000000000))))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['0000000000000000', '0000000000000000'],
  ],
  'a mask of a part of a lane': [
    {
      init: `(v128.store (i32.const 61440) (f32x4.mul (v128.const f32x4 1 1 1 1) (v128.and
          (f32x4.add (v128.const i32x4 0 0xffa12345 0 0) (v128.const f32x4 1 1 1 1))
          (v128.const i32x4 -1 0x00ffffff -1 -1))))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['0000803f0000c000', '0000803f0000803f'],
  ],
  'the sign of a copysign': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (f64.mul (f64.const 1) (f64.copysign (f64.const 1) (f64.sqrt (f64.const -1)))))',
      ).concat('(i32.const 0)'),
    },
    ['000000000000f03f'],
  ],
  'a lane that is read': [
    {
      init: outputI64('(i64.reinterpret_f64 (f64x2.extract_lane 1 (f64x2.sqrt (v128.const f64x2 -1 -1))))').concat(
        '(i32.const 0)',
      ),
    },
    [NAN64],
  ],
  'a local that is not set again': [
    {
      init: `(local $a f64) (local.set $a (f64.sqrt (f64.const -1)))
        (if (i32.const 0) (then (local.set $a (f64.const 1))))
        ${outputI64('(i64.reinterpret_f64 (local.get $a))')} (i32.const 0)`,
    },
    [NAN64],
  ],
  'a local of the round before': [
    {
      init: `(local $a f64) (local $i i32) (local.set $a (f64.const 1))
        (loop $l
          ${outputI64('(i64.reinterpret_f64 (local.get $a))')}
          (local.set $a (f64.sqrt (f64.const -1)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))
        (i32.const 0)`,
    },
    [NAN64],
  ],
};
