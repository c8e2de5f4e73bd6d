/**
 * Function imports in the rewriter, whichever functions a policy allows: calls, tables, exports and start functions
 * reach the host with the same values as in the unmetered module, and the host and the module share one account of fuel.
 */
import { describe, expect, it } from 'vitest';
import { STACK_SLOTS_MAX } from '../../node/sandbox/function-rewriter.ts';
import { HOST_SLOTS } from '../../node/sandbox/gates.ts';
import { meter } from '../../node/sandbox/meter.ts';
import type { ImportPolicy } from '../../node/sandbox/module.ts';
import { assemble as assembleWith, WITHOUT_GC } from './kernels.ts';
import { compile, MODES, type Mode } from './run.ts';

const assemble = (text: string): Uint8Array => assembleWith(text, WITHOUT_GC);

const ANY: ImportPolicy = () => undefined;

/** Everything a module can do with an import; `run` returns what it heard. */
const EVERY_WAY = `(module
  (type $pair (func (param i64 f64) (result i64)))
  (import "host" "add" (func $add (type $pair)))
  (import "host" "note" (func $note (param i32)))
  (memory (export "memory") 1)
  (global $from_start (mut i64) (i64.const 0))
  (table $t 8 funcref)
  (elem (table $t) (i32.const 1) func $add $own $note)
  (elem $passive func $own $add)
  (elem (table $t) (i32.const 5) funcref (ref.func $add) (ref.null func))
  (export "again" (func $add))
  (start $start)
  (func $start (global.set $from_start (call $add (i64.const 100) (f64.const 1))))
  (func $own (type $pair) (i64.sub (local.get 0) (i64.trunc_f64_s (local.get 1))))
  (func $through (param $at i32) (param $value i64) (result i64)
    (call_indirect (type $pair) (local.get $value) (f64.const 3) (local.get $at)))
  (func (export "run") (param $a i64) (result i64)
    (local $i i32)
    (table.init $t $passive (i32.const 6) (i32.const 0) (i32.const 2))
    (loop $l
      (call $note (local.get $i))
      (local.set $a (call $add (local.get $a) (f64.const 2)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (local.set $a (call $through (i32.const 1) (local.get $a)))
    (local.set $a (call $through (i32.const 2) (local.get $a)))
    (local.set $a (call $through (i32.const 5) (local.get $a)))
    (local.set $a (call $through (i32.const 7) (local.get $a)))
    (i64.add (local.get $a) (global.get $from_start))))`;

interface Heard {
  readonly results: readonly bigint[];
  readonly notes: readonly number[];
  readonly sums: readonly (readonly [bigint, number])[];
  /** As the host saw it in each call; empty in a module that is not metered. */
  readonly fuelSeen: readonly bigint[];
  readonly fuelLeft: bigint | undefined;
}

function listen(module: WebAssembly.Module, fuelMax: bigint, chargeOf = 0n): Heard {
  const notes: number[] = [];
  const sums: [bigint, number][] = [];
  const fuelSeen: bigint[] = [];
  let fuel: WebAssembly.Global<'i64'> | undefined;
  const host = {
    note: (value: number) => notes.push(value),
    add: (value: bigint, factor: number) => {
      if (fuel !== undefined) {
        fuelSeen.push(fuel.value);
        fuel.value -= chargeOf;
      }
      sums.push([value, factor]);
      return value + BigInt(factor);
    },
  };
  const { exports } = new WebAssembly.Instance(module, { host });
  fuel = exports['shoal:fuel'] as typeof fuel;
  if (fuel !== undefined) {
    fuel.value = fuelMax;
    (exports['shoal:start'] as () => void)();
  }
  const results = [(exports.run as (a: bigint) => bigint)(7n)];
  results.push((exports.again as (a: bigint, b: number) => bigint)(40n, 2));
  return { results, notes, sums, fuelSeen, fuelLeft: fuel?.value };
}

const metered = (text: string, mode: Mode): WebAssembly.Module =>
  compile(meter(assemble(text), { memoryPagesMax: 4, mode, allowImport: ANY }));

describe('a module with imported functions', () => {
  it.each(MODES)('hears from the host what the unmetered one hears, metered %s', (mode) => {
    const plain = listen(compile(assemble(EVERY_WAY)), 0n);
    const { results, notes, sums, fuelSeen } = listen(metered(EVERY_WAY, mode), 1_000_000n);
    expect({ results, notes, sums }).toEqual({ results: plain.results, notes: plain.notes, sums: plain.sums });
    expect(results).toEqual([7n + 3n * 2n + 3n - 3n + 3n + 3n + 101n, 42n]);
    expect(fuelSeen).toHaveLength(sums.length);
  });

  it('costs the same in both placements', () => {
    const [simple, merged] = MODES.map((mode) => listen(metered(EVERY_WAY, mode), 1_000_000n));
    expect(merged!.fuelLeft).toBe(simple!.fuelLeft);
  });

  it.each(MODES)('pays what the host charges, metered %s', (mode) => {
    const free = listen(metered(EVERY_WAY, mode), 1_000_000n);
    const charged = listen(metered(EVERY_WAY, mode), 1_000_000n, 1_000n);
    expect(free.fuelLeft! - charged.fuelLeft!).toBe(1_000n * BigInt(charged.sums.length));
    expect(free.fuelSeen.every((fuel, index) => index === 0 || fuel <= free.fuelSeen[index - 1]!)).toBe(true);
  });

  it.each(MODES)('is stopped by what the host charges, metered %s', (mode) => {
    const endless = `(module (import "host" "add" (func $add (param i64 f64) (result i64)))
      (export "again" (func $add))
      (start $s) (func $s) (func (export "run") (param i64) (result i64)
        (loop $l (drop (call $add (i64.const 0) (f64.const 0))) (br $l)) (i64.const 0)))`;
    expect(() => listen(metered(endless, mode), 1_000_000n, 300_000n)).toThrow(WebAssembly.RuntimeError);
  });

  it.each(MODES)('keeps room on the stack for the host, metered %s', (mode) => {
    const text = (at: string): string => `(module (import "host" "note" (func $note (param i32)))
      (func $down (export "down") (param $n i32) (result i32)
        (if (i32.eqz (local.get $n)) (then ${at} (return (i32.const 0))))
        (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1))))))`;
    const deepest = (at: string): number => {
      const module = metered(text(at), mode);
      let [low, high] = [0, 4_000];
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        const { exports } = new WebAssembly.Instance(module, { host: { note: () => undefined } });
        (exports['shoal:fuel'] as WebAssembly.Global<'i64'>).value = 1_000_000n;
        try {
          (exports.down as (n: number) => number)(middle);
          low = middle;
        } catch {
          high = middle - 1;
        }
      }
      return low;
    };
    const [alone, calling] = [deepest('(nop)'), deepest('(call $note (i32.const 1))')];
    const frames = (HOST_SLOTS / STACK_SLOTS_MAX) * alone;
    expect(alone - calling).toBeGreaterThan(frames - 2);
    expect(alone - calling).toBeLessThan(frames + 2);
  });

  it('is asked for every import, with its type', () => {
    const seen: string[] = [];
    const allowImport: ImportPolicy = ({ module, name, type }) =>
      seen.push(`${module}.${name}/${type.parameters.length}`);
    meter(assemble(EVERY_WAY), { memoryPagesMax: 4, allowImport });
    expect(seen).toEqual(['host.add/2', 'host.note/1']);
  });

  it.each([
    ['a memory', '(module (import "env" "memory" (memory 1)))', 'env.memory'],
    ['a global', '(module (import "env" "base" (global i32)))', 'env.base'],
    ['a table', '(module (import "env" "table" (table 1 funcref)))', 'env.table'],
  ])('may not import %s', (_, text, name) => {
    expect(() => meter(assemble(text), { memoryPagesMax: 4, allowImport: ANY })).toThrow(
      expect.objectContaining({ code: 'forbidden-import', message: expect.stringContaining(name) }),
    );
  });

  it('has no imports unless somebody allows them', () => {
    expect(() => meter(assemble(EVERY_WAY), { memoryPagesMax: 4 })).toThrow(
      expect.objectContaining({ code: 'forbidden-import', message: expect.stringContaining('host.add') }),
    );
  });
});
