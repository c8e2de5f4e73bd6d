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

  it('are canonical however far they travel through locals before somebody looks', () => {
    const nan = '(f64.div (f64.const -0) (f64.const 0))';
    const run = (text: string) =>
      words64(runKernel({ init: `(local $a f64) (local $b f64) (local $c f64) ${text}` }))[0];
    const store = (text: string) => store64([text]);
    expect(
      run(
        `(local.set $a ${nan}) (local.set $b (local.get $a)) (local.set $c (local.get $b)) ${store('(local.get $c)')}`,
      ),
    ).toBe(F64);
    expect(run(`(local.set $b (local.tee $a ${nan})) ${store('(local.get $b)')}`)).toBe(F64);
    // The read stands before the write and is reached in the loop's second round.
    expect(
      run(`(local $i i32) (loop $l ${store('(local.get $a)').replace('(i32.const 0)', '')} (local.set $a ${nan})
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2)))) (i32.const 0)`),
    ).toBe(F64);
    expect(
      run(
        `(if (i32.const 1) (then (local.set $a ${nan})) (else (local.set $a (f64.const 1)))) ${store('(local.get $a)')}`,
      ),
    ).toBe(F64);
    expect(run(`(local.set $a ${nan}) ${store('(f64.copysign (f64.const 1) (local.get $a))')}`)).toBe(
      '3ff0000000000000',
    );
  });

  it('are canonical when a vector is read with lanes of another shape', () => {
    const run = (look: string) => {
      const init = `(local $v v128) (local.set $v (f64x2.div (v128.const f64x2 -0 0) (v128.const f64x2 0 0)))
        (v128.store (i32.const 61440) ${look}) (global.set $out_length (i32.const 16)) (i32.const 0)`;
      return words64(runKernel({ init }));
    };
    expect(run('(local.get $v)')).toEqual([F64, F64]);
    // As f32 lanes the canonical f64 is (0, a NaN of its own): what is seen depends on its bits.
    expect(run('(f32x4.eq (local.get $v) (v128.const f32x4 0 0 0 0))')).toEqual(['ffffffff', 'ffffffff']);
    expect(run('(v128.not (local.get $v))')).toEqual(['8007ffffffffffff', '8007ffffffffffff']);
    expect(run('(f64x2.add (local.get $v) (local.get $v))')).toEqual([F64, F64]);
  });

  it('are canonical when f32 lanes are read as an f64, which is then a number with a sign', () => {
    const init = `(local $v v128) (local.set $v (f32x4.div (v128.const f32x4 -0 0 0 -0) (v128.const f32x4 0 0 0 0)))
      (v128.store (i32.const 61440) (f64x2.gt (local.get $v) (v128.const f64x2 0 0)))
      (global.set $out_length (i32.const 16)) (i32.const 0)`;
    expect(words64(runKernel({ init }))).toEqual(['ffffffffffffffff', 'ffffffffffffffff']);
  });

  it('cost nothing where nobody looks', () => {
    const loop = (look: string) => `(module (memory 1) (func (export "run") (param f64 f64) (result i32)
      (loop $l (local.set 0 (f64.add (f64.mul (local.get 0) (local.get 0)) (local.get 1)))
        (br_if $l (f64.lt (local.get 0) (f64.const 1e9)))) ${look} (i32.const 0)))`;
    const lengthOf = (look: string) => meter(assemble(loop(look)), { memoryPagesMax: 1 }).length;
    const constants = (look: string) => {
      const bytes = Buffer.from(meter(assemble(loop(look)), { memoryPagesMax: 1 }));
      return bytes.includes(Buffer.from('000000000000f87f', 'hex'));
    };
    expect(constants('(drop (local.get 0))')).toBe(false);
    expect(constants('(f64.store (i32.const 0) (local.get 0))')).toBe(true);
    expect(lengthOf('(f64.store (i32.const 0) (local.get 0))') - lengthOf('(drop (local.get 0))')).toBeGreaterThan(15);
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

  it('are canonical at the end of random programs with loops, branches and locals', () => {
    // Nothing here changes signs or makes a NaN with a payload, so whatever NaN is left has to be the canonical one.
    const scalar = fc.integer({ min: 0, max: 3 });
    const vector = fc.integer({ min: 4, max: 5 });
    interface Grammar {
      value: string;
      lanes: string;
      statement: string;
      body: string;
    }
    const { body } = fc.letrec<Grammar>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        scalar.map((index) => `(local.get ${index})`),
        fc.constantFrom('(f64.const 0)', '(f64.const -0)', '(f64.const inf)', '(f64.const -inf)', '(f64.const 2)'),
        fc
          .tuple(fc.constantFrom('add', 'sub', 'mul', 'div', 'min'), tie('value'), tie('value'))
          .map(([name, a, b]) => `(f64.${name} ${a} ${b})`),
        tie('value').map((a) => `(f64.sqrt ${a})`),
        fc.tuple(scalar, tie('value')).map(([index, a]) => `(local.tee ${index} ${a})`),
        tie('lanes').map((a) => `(f64x2.extract_lane 1 ${a})`),
        fc
          .tuple(tie('value'), tie('value'))
          .map(([a, b]) => `(if (result f64) (f64.lt ${a} ${b}) (then ${b}) (else ${a}))`),
        fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(block (result f64) (br_if 0 ${a} (f64.eq ${b} ${b})))`),
        tie('value').map((a) => `(call $same ${a})`),
      ),
      lanes: fc.oneof(
        { maxDepth: 3 },
        vector.map((index) => `(local.get ${index})`),
        tie('value').map((a) => `(f64x2.splat ${a})`),
        fc
          .tuple(fc.constantFrom('add', 'sub', 'mul', 'div', 'max'), tie('lanes'), tie('lanes'))
          .map(([name, a, b]) => `(f64x2.${name} ${a} ${b})`),
        fc.tuple(vector, tie('lanes')).map(([index, a]) => `(local.tee ${index} ${a})`),
        tie('lanes').map((a) => `(f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero ${a}))`),
      ),
      statement: fc.oneof(
        fc.tuple(scalar, tie('value')).map(([index, a]) => `(local.set ${index} ${a})`),
        fc.tuple(vector, tie('lanes')).map(([index, a]) => `(local.set ${index} ${a})`),
        fc.tuple(tie('value'), tie('body')).map(([a, b]) => `(block $x (br_if $x (f64.gt ${a} (f64.const 0))) ${b})`),
        fc.tuple(tie('value'), tie('body')).map(([a, b]) => `(if (f64.ne ${a} ${a}) (then ${b}))`),
        tie('body').map(
          (a) => `(local.set 6 (i32.const 3)) (loop $l ${a}
            (br_if $l (i32.gt_s (local.tee 6 (i32.sub (local.get 6) (i32.const 1))) (i32.const 0))))`,
        ),
      ),
      body: fc.array(tie('statement'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(' ')),
    }));
    const looks = [0, 1, 2, 3].map((index) => `(f64.store (i32.const ${8 * index}) (local.get ${index}))`);
    const vectorLooks = [4, 5].map((index) => `(v128.store (i32.const ${16 * index - 32}) (local.get ${index}))`);
    let seen = 0;
    fc.assert(
      // Which of the locals are looked at is random too: only then is something left alone.
      fc.property(body, fc.subarray([...looks, ...vectorLooks]), (main, observed) => {
        const bytes = assemble(`(module (memory (export "memory") 1)
          (func $same (param f64) (result f64) (local.get 0))
          (func (export "run") (local f64 f64 f64 f64 v128 v128 i32) ${main} ${observed.join(' ')}))`);
        const { exports } = new WebAssembly.Instance(compile(meter(bytes, { memoryPagesMax: 1 })), {});
        (exports['shoal:fuel'] as WebAssembly.Global).value = 10n ** 9n;
        (exports.run as () => void)();
        for (const word of new BigUint64Array((exports.memory as WebAssembly.Memory).buffer, 0, 8)) {
          if ((word & 0x7fff_ffff_ffff_ffffn) <= 0x7ff0_0000_0000_0000n) continue;
          seen++;
          expect(word.toString(16)).toBe(F64);
        }
      }),
      { numRuns: 500 },
    );
    expect(seen).toBeGreaterThan(20);
  });
});
