import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { assemble } from './kernels.ts';
import { compile, runKernel, words64 } from './run.ts';

const F64 = '7ff8000000000000';
const F32 = '7fc00000';

/** Operands whose NaN has an unusual sign and payload. */
const ODD64 = '(f64.reinterpret_i64 (i64.const 0xfff4567812345678))';
const ODD32 = '(f32.reinterpret_i32 (i32.const 0xffa12345))';

function store64(expressions: readonly string[]): string {
  const stores = expressions.map((text, index) => `(f64.store (i32.const ${61440 + 8 * index}) ${text})`);
  return `${stores.join('')} (global.set $out_length (i32.const ${8 * expressions.length})) (i32.const 0)`;
}

describe('NaNs', () => {
  it('made by f64 arithmetic are canonical', () => {
    const unary = ['ceil', 'floor', 'trunc', 'nearest', 'sqrt'].map((name) => `(f64.${name} ${ODD64})`);
    const binary = ['add', 'sub', 'mul', 'div', 'min', 'max'].flatMap((name) => [
      `(f64.${name} ${ODD64} (f64.const 1))`,
      `(f64.${name} (f64.const 1) ${ODD64})`,
    ]);
    const made = [
      '(f64.div (f64.const 0) (f64.const 0))',
      '(f64.div (f64.const -0) (f64.const 0))',
      '(f64.sqrt (f64.const -1))',
      '(f64.sub (f64.const inf) (f64.const inf))',
      '(f64.mul (f64.const inf) (f64.const 0))',
      `(f64.promote_f32 ${ODD32})`,
      '(f64.add (f64.sqrt (f64.const -1)) (f64.neg (f64.sqrt (f64.const -1))))',
    ];
    const all = [...unary, ...binary, ...made];
    expect(words64(runKernel({ init: store64(all) }))).toEqual(all.map(() => F64));
  });

  it('made by f32 arithmetic are canonical', () => {
    const unary = ['ceil', 'floor', 'trunc', 'nearest', 'sqrt'].map((name) => `(f32.${name} ${ODD32})`);
    const binary = ['add', 'sub', 'mul', 'div', 'min', 'max'].map((name) => `(f32.${name} ${ODD32} ${ODD32})`);
    const made = ['(f32.div (f32.const 0) (f32.const 0))', `(f32.demote_f64 ${ODD64})`];
    const all = [...unary, ...binary, ...made];
    const stores = all.map(
      (text, index) => `(i64.store (i32.const ${61440 + 8 * index})
      (i64.extend_i32_u (i32.reinterpret_f32 ${text})))`,
    );
    const init = `${stores.join('')} (global.set $out_length (i32.const ${8 * all.length})) (i32.const 0)`;
    expect(words64(runKernel({ init }))).toEqual(all.map(() => F32));
  });

  it('keep their bits when nothing computes with them', () => {
    const all = [
      ODD64,
      '(f64.const nan:0x123)',
      `(f64.neg ${ODD64})`,
      `(f64.copysign ${ODD64} (f64.const 1))`,
      `(select ${ODD64} (f64.const 0) (i32.const 1))`,
    ];
    expect(words64(runKernel({ init: store64(all) }))).toEqual([
      'fff4567812345678',
      '7ff0000000000123',
      '7ff4567812345678',
      '7ff4567812345678',
      'fff4567812345678',
    ]);
  });

  it('are canonical behind locals, globals, calls, blocks and branches', () => {
    const fields = `(global $g (mut f64) (f64.const 0))
      (func $bad (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0)))
      (func $pass (param f64) (result f64) (local.get 0))`;
    const all = [
      '(local.tee $x (f64.sqrt (f64.const -1)))',
      '(local.get $x)',
      `(call $bad (f64.const inf))`,
      '(call $pass (f64.sqrt (f64.const -2)))',
      '(block (result f64) (br 0 (f64.sqrt (f64.const -3))))',
      '(if (result f64) (i32.const 1) (then (f64.sqrt (f64.const -4))) (else (f64.const 0)))',
      '(f64.reinterpret_i64 (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))',
      '(global.get $g)',
      '(f64.abs (f64.sqrt (f64.const -5)))',
      '(f64.copysign (f64.const 1) (f64.neg (f64.sqrt (f64.const -6))))',
    ];
    const init = `(local $x f64) (global.set $g (f64.sqrt (f64.const -7))) ${store64(all)}`;
    expect(words64(runKernel({ fields, init }))).toEqual([...new Array(9).fill(F64), 'bff0000000000000']);
  });

  it('in vectors are canonical lane by lane, and other lanes are left alone', () => {
    const integers = '(v128.const i32x4 0xffffffff 0xffa12345 0x00000000 0x3f800000)';
    const all = [
      `(f32x4.add ${integers} (v128.const f32x4 0 0 0 0))`,
      `(f64x2.mul (v128.const i64x2 0xfff4567812345678 0x3ff0000000000000) (v128.const f64x2 1 1))`,
      '(f32x4.div (v128.const f32x4 0 1 0 4) (v128.const f32x4 0 1 1 2))',
      `(f64x2.promote_low_f32x4 ${integers})`,
      '(f32x4.demote_f64x2_zero (v128.const i64x2 0xfff4567812345678 0x3ff0000000000000))',
      // Lane masks look like NaNs and have to survive.
      '(i32x4.eq (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 0 3 0))',
      `(f32x4.pmin ${integers} ${integers})`,
    ];
    const stores = all.map((text, index) => `(v128.store (i32.const ${61440 + 16 * index}) ${text})`);
    const init = `${stores.join('')} (global.set $out_length (i32.const ${16 * all.length})) (i32.const 0)`;
    expect(words64(runKernel({ init }))).toEqual([
      ...['7fc000007fc00000', '3f80000000000000'],
      ...[F64, '3ff0000000000000'],
      ...['3f8000007fc00000', '4000000000000000'],
      ...[F64, F64],
      ...['3f8000007fc00000', '0'],
      ...['ffffffff', 'ffffffff'],
      ...['ffa12345ffffffff', '3f80000000000000'],
    ]);
  });

  it('are canonical in random arithmetic, whose other results do not change', () => {
    const leaf = fc.constantFrom(
      '(local.get 0)',
      '(local.get 1)',
      '(f64.const inf)',
      '(f64.const 0)',
      '(f64.const -1.5)',
    );
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        leaf,
        fc
          .tuple(fc.constantFrom('add', 'sub', 'mul', 'div', 'min', 'max'), tie('tree'), tie('tree'))
          .map(([name, a, b]) => `(f64.${name} ${a} ${b})`),
        fc
          .tuple(fc.constantFrom('sqrt', 'floor', 'nearest', 'abs', 'neg'), tie('tree'))
          .map(([name, a]) => `(f64.${name} ${a})`),
        tie('tree').map((a) => `(local.tee 0 ${a})`),
        tie('tree').map((a) => `(f64.promote_f32 (f32.demote_f64 ${a}))`),
        fc
          .tuple(tie('tree'), tie('tree'), tie('tree'))
          .map(([a, b, c]) => `(select ${a} ${b} (f64.lt ${c} (f64.const 1)))`),
      ),
    }));
    const input = fc.double({ noDefaultInfinity: false, noNaN: true });
    fc.assert(
      fc.property(tree, input, input, (expression, a, b) => {
        const bytes = assemble(`(module (func (export "run") (param f64 f64) (result i64)
          (local.set 0 ${expression}) (i64.reinterpret_f64 (f64.add (local.get 0) (f64.const 0)))))`);
        const [raw, metered] = [bytes, meter(bytes, { memoryPagesMax: 1 })].map((module) => {
          const { exports } = new WebAssembly.Instance(compile(module), {});
          const fuel = exports['shoal:fuel'] as WebAssembly.Global | undefined;
          if (fuel !== undefined) fuel.value = 10n ** 9n;
          return BigInt.asUintN(64, (exports.run as (a: number, b: number) => bigint)(a, b));
        });
        const isNan = (raw! & 0x7fff_ffff_ffff_ffffn) > 0x7ff0_0000_0000_0000n;
        expect(metered!.toString(16)).toBe(isNan ? F64 : raw!.toString(16));
      }),
      { numRuns: 300 },
    );
  });
});
