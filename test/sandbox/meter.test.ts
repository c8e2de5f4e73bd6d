import { describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { KernelRefusedError, meter } from '../../node/sandbox/index.ts';
import { assemble, type KernelParts, kernel, outputI64 } from './kernels.ts';
import { FUEL, MODES, meteredExports, runKernel as runIn, words64 } from './run.ts';

const RECURSION = `(func $down (param $n i32) (result i32)
  (i64.store (i32.const 61440) (i64.add (i64.load (i32.const 61440)) (i64.const 1)))
  (i32.add (i32.const 1) (call $down (i32.add (local.get $n) (i32.const 1)))))`;

describe.each(MODES)('%s placement', (mode) => {
  const runKernel = (parts: KernelParts, fuelMax = FUEL, memoryPagesMax = 16) =>
    runIn(parts, fuelMax, memoryPagesMax, mode);

  describe('fuel', () => {
    it('is what a hand count says', () => {
      const { exports, fuelOf } = meteredExports(
        assemble(`(module
        (memory 1)
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "divide") (param f64) (result f64) (f64.div (local.get 0) (f64.const 3)))
        (func (export "count") (param i32)
          (loop $more (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "choose") (param i32) (result i32)
          (if (result i32) (local.get 0) (then (i32.const 7)) (else (i32.load (i32.const 8)))))
        (func $three (local i32 i32 i32 i32 i32) (drop (i32.const 1)))
        (func (export "call") (call $three) (call $three))
        (func (export "early") (param i32) (br_if 0 (local.get 0)) (drop (i32.const 1)) (return)))`),
        mode,
      );
      const call = (name: string, ...values: readonly number[]) =>
        fuelOf(() => exports[name]!(...(values as readonly never[])));
      // Two on entry, two local.get, one i32.add.
      expect(call('add', 1, 2)).toBe(2 + 3);
      expect(call('divide', 1)).toBe(2 + 1 + 1 + 4);
      // Each round: local.get, i32.const, i32.sub, local.tee, br_if.
      expect(call('count', 1)).toBe(2 + 5);
      expect(call('count', 1_000)).toBe(2 + 5 * 1_000);
      // local.get and if; then one constant, or a constant and a load of weight 2.
      expect(call('choose', 1)).toBe(2 + 2 + 1);
      expect(call('choose', 0)).toBe(2 + 2 + 3);
      // Two calls of weight 4; the callee: entry 2, five locals 2, constant and drop 2.
      expect(call('call')).toBe(2 + 2 * (4 + 6));
      expect(call('early', 1)).toBe(2 + 2);
      // The block behind br_if: constant, drop, and the return.
      expect(call('early', 0)).toBe(2 + 2 + 3);
    });

    it('charges bulk operations by length, before they run', () => {
      const { exports, fuelOf } = meteredExports(
        assemble(`(module
        (memory 1) (table 8 funcref) (elem $e func $f) (func $f)
        (data $d "0123456789abcdef")
        (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
        (func (export "copy") (param i32) (memory.copy (i32.const 0) (i32.const 1) (local.get 0)))
        (func (export "init") (param i32) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "table") (param i32) (table.copy (i32.const 0) (i32.const 1) (local.get 0))))`),
        mode,
      );
      const call = (name: string, length: number) => fuelOf(() => exports[name]!(length as never));
      const fixed = 2 + 3 + 8;
      for (const name of ['fill', 'copy']) {
        expect([0, 1, 8, 9, 60_000].map((length) => call(name, length))).toEqual(
          [0, 1, 1, 2, 7_500].map((units) => fixed + units),
        );
      }
      expect(call('init', 16)).toBe(fixed + 2);
      expect(call('table', 7)).toBe(fixed + 14);
      // 4 GiB cost more than there is: out of fuel comes before the access out of bounds.
      const bounded = runKernel({ init: '(memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (i32.const 0)' });
      expect(bounded).toMatchObject({ trap: TRAP.outOfFuel, fuel: FUEL });
      const tooFar = runKernel({ init: '(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7)) (i32.const 0)' });
      expect(tooFar.trap).toBe(TRAP.trap);
    });

    it.each([
      ['a loop', { init: '(loop $l (br $l)) (i32.const 0)' }],
      ['a loop by br_table', { init: '(loop $l (br_table $l $l (i32.const 0))) (i32.const 0)' }],
      ['steps without end', { init: '(i32.const 1)', step: '(i32.const 1)' }],
      [
        'exponential recursion',
        {
          fields: `(func $f (param i32) (if (local.get 0) (then
          (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))`,
          init: '(call $f (i32.const 60)) (i32.const 0)',
        },
      ],
      ['a start function', { fields: '(start $s) (func $s (loop $l (br $l)))' }],
      ['_start', { fields: '(func (export "_start") (loop $l (br $l)))' }],
      ['_initialize', { fields: '(func (export "_initialize") (loop $l (br $l)))' }],
    ])('ends %s at exactly the budget', (_, parts) => {
      expect(runKernel(parts)).toEqual({ trap: TRAP.outOfFuel, fuel: FUEL, output: new Uint8Array(0) });
    });

    it('is enough when it is exactly enough, and too little one below', () => {
      const parts = { init: `${outputI64('(i64.const 5)')} (i32.const 3)`, step: '(i32.const 0)' };
      const { fuel } = runKernel(parts);
      expect(runKernel(parts, fuel)).toMatchObject({ trap: TRAP.none, fuel });
      expect(runKernel(parts, fuel - 1)).toMatchObject({ trap: TRAP.outOfFuel, fuel: fuel - 1 });
    });

    it('meters the start function, which then has run', () => {
      const start = (work: string) => ({
        fields: `(global $seen (mut i64) (i64.const 0)) (start $s) (func $s ${work} (global.set $seen (i64.const 9)))`,
        init: `${outputI64('(global.get $seen)')} (i32.const 0)`,
      });
      const short = runKernel(start(''));
      expect(words64(short)).toEqual(['9']);
      expect(runKernel(start('(drop (i32.const 1))')).fuel).toBe(short.fuel + 2);
    });

    it('ends calls one after the other at exactly the budget, soon after it is empty', () => {
      const leaf = `(func $leaf (global.set $ran (i32.add (global.get $ran) (i32.const 1))) ${'(drop (i32.const 1))'.repeat(1_000)})`;
      const parts = {
        fields: `(global $ran (export "ran") (mut i32) (i32.const 0)) ${leaf}`,
        init: `${'(call $leaf)'.repeat(500)} (i32.const 0)`,
      };
      const budget = 20_000;
      expect(runKernel(parts, budget)).toMatchObject({ trap: TRAP.outOfFuel, fuel: budget });
      const { exports } = meteredExports(kernel(parts), mode);
      (exports['shoal:fuel'] as unknown as WebAssembly.Global).value = BigInt(budget);
      expect(() => exports.shoal_init!(...([0, 0, 0, 0] as unknown as readonly never[]))).toThrow(
        WebAssembly.RuntimeError,
      );
      const { value } = exports.ran as unknown as WebAssembly.Global;
      // Ten calls are paid; a sixth of 16 KiB is the length of the leaf.
      expect(value).toBeGreaterThanOrEqual(9);
      expect(value).toBeLessThanOrEqual(10 + 6);
    });

    it('is not charged for code that cannot run', () => {
      const dead = '(return (i32.const 0)) (drop (i32.div_s (i32.const 1) (i32.const 0))) (block (loop (br 0)))';
      expect(runKernel({ init: `${dead} (i32.const 0)` }).fuel).toBe(
        runKernel({ init: '(return (i32.const 0))' }).fuel,
      );
    });
  });

  describe('limits', () => {
    it('lets memory grow to the limit and then answers -1', () => {
      const grow = (amounts: readonly number[]) =>
        amounts.map(
          (pages, index) =>
            `(i64.store (i32.const ${61440 + 8 * index})
            (i64.extend_i32_s (memory.grow (i32.const ${pages}))))`,
        );
      const amounts = [2, 1, 5, -1, 0, 1];
      const init = `${grow(amounts).join('')} (global.set $out_length (i32.const 48)) (i32.const 0)`;
      const none = 'ffffffffffffffff';
      expect(words64(runKernel({ init, memory: '1' }, FUEL, 4))).toEqual(['1', '3', none, none, '4', none]);
      expect(words64(runKernel({ init, memory: '1 3' }, FUEL, 16))).toEqual(['1', none, none, none, '3', none]);
      expect(words64(runKernel({ init, memory: '1 3' }, FUEL, 1))).toEqual([none, none, none, none, '1', none]);
    });

    it('charges for growth by the page, unless it is refused', () => {
      const grow = (pages: number) =>
        runKernel({ init: `(drop (memory.grow (i32.const ${pages}))) (i32.const 0)` }).fuel;
      expect(grow(3) - grow(0)).toBe(3 * 4_096);
      expect(grow(100)).toBe(grow(0));
    });

    it('stops a kernel that takes memory without end', () => {
      const init = '(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (i32.const 0)';
      expect(runKernel({ init }, FUEL, 8)).toMatchObject({ trap: TRAP.outOfFuel, fuel: FUEL });
    });

    it('refuses a kernel that begins with more memory than the job allows', () => {
      const bytes = kernel({ memory: '3' });
      expect(() => meter(bytes, { memoryPagesMax: 2, mode })).toThrow(KernelRefusedError);
      expect(() => meter(bytes, { memoryPagesMax: 3, mode })).not.toThrow();
    });

    it('traps recursion without end, at the same depth and fuel every time', () => {
      const parts = { fields: RECURSION, init: '(call $down (i32.const 0))' };
      const first = runKernel(parts);
      expect(first.trap).toBe(TRAP.trap);
      expect(first.fuel).toBeGreaterThan(1_000);
      for (let round = 0; round < 20; round++) expect(runKernel(parts)).toEqual(first);
    });

    it.each([0, 10, 1_000, 20_000, 40_000])('reaches its own depth limit before the engine with %d locals', (count) => {
      const locals = count === 0 ? '' : `(local ${'i64 '.repeat(count)})`;
      const fields = `(func $down (param $n i32) (result i32) ${locals}
      (i32.add (i32.const 1) (call $down (local.get $n))))`;
      const result = runKernel({ fields, init: '(call $down (i32.const 0))' });
      expect(result.trap).toBe(TRAP.trap);
    });

    it('counts operands that wait on the stack', () => {
      // 300 operands below the call: a frame of its own size, without a single local.
      const fields = `(func $down (result i32) ${'(i32.const 1)'.repeat(300)} (call $down) ${'(i32.add)'.repeat(300)})`;
      const result = runKernel({ fields, init: '(call $down)' });
      expect(result.trap).toBe(TRAP.trap);
      expect(result.fuel).toBeLessThan(100 * 610);
    });

    it('lets recursion through that stays within the limit, again and again', () => {
      const fields = `(func $down (param $n i32) (result i32) (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
      (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1)))))`;
      const init = `${'(drop (call $down (i32.const 900)))'.repeat(50)}
      ${outputI64('(i64.extend_i32_u (call $down (i32.const 900)))')} (i32.const 0)`;
      expect(words64(runKernel({ fields, init }))).toEqual([(900).toString(16)]);
    });

    it('takes the depth back however a function is left', () => {
      const fields = `(func $leaf)
      (func $leave (param $how i32) (result i32)
        (call $leaf)
        (block $a (block $b (block $c (br_table $a $b $c 3 (local.get $how)))
          (return (i32.const 2))) (br 1 (i32.const 1)))
        (i32.const 0))`;
      const body = [0, 1, 2].map((how) => `(drop (call $leave (i32.const ${how})))`).join('');
      const init = `(local $n i32) (loop $l ${body}
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000)))) (i32.const 0)`;
      const valid = fields.replace('(br_table $a $b $c 3', '(br_table $a $b $c');
      expect(runKernel({ fields: valid, init }).trap).toBe(TRAP.none);
    });
  });

  describe('the metered module', () => {
    const text = `(module (memory (export "memory") 1) (table 1 funcref) (elem (i32.const 0) $swap)
    (global (export "seven") i32 (i32.const 7)) (data (i32.const 5) "xyz")
    (func $swap (export "swap") (param i32 i64) (result i64 i32) (call $again (local.get 0) (local.get 1)))
    (func $again (param i32 i64) (result i64 i32) (local.get 1) (local.get 0)))`;

    it('is the same each time, and valid', () => {
      const bytes = assemble(text);
      const metered = meter(bytes, { memoryPagesMax: 2, mode });
      expect(meter(bytes, { memoryPagesMax: 2, mode })).toEqual(metered);
      expect(WebAssembly.validate(metered as Uint8Array<ArrayBuffer>)).toBe(true);
    });

    it('keeps exports, data and several results, and adds its own exports', () => {
      const { exports } = meteredExports(assemble(text));
      expect(Object.keys(exports)).toEqual([
        'memory',
        'seven',
        'swap',
        'shoal:fuel',
        'shoal:host-failure',
        'shoal:save',
        'shoal:restore',
      ]);
      (exports['shoal:fuel'] as unknown as WebAssembly.Global).value = 100n;
      expect(exports.swap!(...([3, 4n] as unknown as readonly never[]))).toEqual([4n, 3]);
      const { buffer } = exports.memory as unknown as WebAssembly.Memory;
      expect([...new Uint8Array(buffer, 5, 3)]).toEqual([120, 121, 122]);
    });

    it('cannot be metered again: its exports are reserved', () => {
      const metered = meter(assemble(text), { memoryPagesMax: 2, mode });
      expect(() => meter(metered, { memoryPagesMax: 2, mode })).toThrow(/reserved/);
    });
  });

  describe('how a task can end', () => {
    it.each<[string, Parameters<typeof runKernel>[0], number]>([
      ['a division by zero', { init: '(i32.div_u (i32.const 1) (global.get $out_length))' }, TRAP.trap],
      ['unreachable', { init: '(unreachable)' }, TRAP.trap],
      [
        'a call through an empty table',
        { fields: '(table 2 funcref)', init: '(call_indirect (result i32) (i32.const 1))' },
        TRAP.trap,
      ],
      ['an error of init', { init: '(i32.const -3)' }, TRAP.kernelError],
      ['an error of step', { init: '(i32.const 2)', step: '(i32.const -1)' }, TRAP.kernelError],
      ['too much output', { init: '(global.set $out_length (i32.const 4097)) (i32.const 0)' }, TRAP.outputTooLarge],
      ['an absurd length', { init: '(global.set $out_length (i32.const -1)) (i32.const 0)' }, TRAP.outputTooLarge],
      ['no trouble', {}, TRAP.none],
    ])('%s', (_, parts, trap) => {
      const result = runKernel(parts);
      expect(result.trap).toBe(trap);
      expect(result.fuel).toBeGreaterThan(0);
      expect(result.fuel).toBeLessThan(FUEL);
      expect(result.output).toEqual(new Uint8Array(0));
    });
  });
});
