/** Small loops are unrolled in the merged placement: the same results for the same fuel, with fewer looks at the fuel. */
import { describe, expect, it } from 'vitest';
import { meter } from '../../node/sandbox/meter.ts';
import { assemble } from './kernels.ts';
import { compile, MODES, meteredExports } from './run.ts';

const DOWN = '(local.tee 0 (i32.sub (local.get 0) (i32.const 1)))';
const NOTE = '(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 31)) (local.get 0)))';

/** Bodies of a function of `$n`, local 0, that begin with what is noted in local 1. */
const SHAPES: Readonly<Record<string, string>> = {
  'a branch at the end': `(loop $l ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))) (local.get 1)`,
  'a condition at the top': `(loop $l (if (i32.gt_s (local.get 0) (i32.const 0))
    (then ${NOTE} (drop ${DOWN}) (br $l)))) (local.get 1)`,
  'left from the middle': `(block $out (loop $l (br_if $out (i32.le_s (local.get 0) (i32.const 0)))
    ${NOTE} (drop ${DOWN}) (br $l))) (local.get 1)`,
  'left by falling out of its end': `(loop $l ${NOTE} (if (i32.gt_s ${DOWN} (i32.const 0)) (then (br $l)) (else ${NOTE})))
    (local.get 1)`,
  'begun again from two places': `(loop $l ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 5)))
    (if (i32.and (local.get 0) (i32.const 1)) (then ${NOTE})) (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))) (local.get 1)`,
  'with a result': `(i32.add (local.get 1) (loop $l (result i32) ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))
    (i32.mul (local.get 0) (i32.const 7))))`,
  'with two results': `(i32.add (loop $l (result i32 i32) ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))
    (local.get 0) (local.get 1)))`,
  'left with a value': `(block $out (result i32) (loop $l ${NOTE}
    (drop (br_if $out (i32.add (local.get 1) (i32.const 3)) (i32.le_s ${DOWN} (i32.const 0)))) (br $l)) (i32.const 9))`,
  'left by a return': `(loop $l ${NOTE} (if (i32.le_s ${DOWN} (i32.const 0)) (then (return (i32.const 77)))) (br $l))
    (i32.const 0)`,
  'a table of labels': `(block $out (loop $l ${NOTE} (block $next (br_table $l $next $out (i32.and ${DOWN} (i32.const 3))))
    ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0))))) (local.get 1)`,
  'in another loop, which it begins again': `(loop $outer (local.set 2 (i32.const 6)) (loop $l ${NOTE}
    (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
    (br_if $outer (i32.and (i32.lt_s (local.get 2) (i32.const 3)) (i32.gt_s ${DOWN} (i32.const 0))))
    (br_if $l (i32.gt_s (local.get 2) (i32.const 0))))) (local.get 1)`,
  'one after the other': `(loop $l ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 3))))
    (loop $l ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))) (local.get 1)`,
  'around code that cannot be reached': `(loop $l ${NOTE} (br_if $l (i32.gt_s ${DOWN} (i32.const 0)))
    (return (local.get 1)) (loop $m (br_if $l (i32.const 1)) (br $m))) (i32.const 0)`,
  'in code that cannot be reached': `(return (local.get 0)) (loop $l ${NOTE} (br_if $l ${DOWN})) (local.get 1)`,
};

function module(body: string): Uint8Array {
  return assemble(
    `(module (memory (export "memory") 1) (func (export "run") (param i32) (result i32) (local i32 i32) ${body}))`,
  );
}

describe.each(Object.entries(SHAPES))('a loop %s', (_name, body) => {
  const bytes = module(body);
  const plain = new WebAssembly.Instance(compile(bytes)).exports.run as (n: number) => number;

  it('computes the same for the same fuel, which is just enough, whatever the number of rounds', () => {
    for (let rounds = 0; rounds <= 13; rounds++) {
      const [simple, merged] = MODES.map((mode) => {
        const { exports, fuelOf } = meteredExports(bytes, mode);
        return fuelOf(() => expect(exports.run!(rounds as never)).toBe(plain(rounds)));
      });
      expect(merged).toBe(simple);
    }
  });

  it('is unrolled, unless it never runs', () => {
    const [simple, merged] = MODES.map((mode) => meter(bytes, { memoryPagesMax: 1, mode }).length);
    if (body.startsWith('(return')) expect(merged! - simple!).toBeLessThan(60);
    else expect(merged! - simple!).toBeGreaterThan(60);
  });
});

/** Enough to begin a function, but not for a round. */
const SMALL = 8;

/** How often an endless loop of this text, which counts its rounds in memory, ran on so little fuel. */
function roundsWithout(fuel: number, text: string): number {
  const count = '(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))';
  const bytes = assemble(`(module (memory (export "memory") 1) (func $count ${count})
    (func (export "run") (loop $l ${text.replace('COUNT', count)} (br $l))))`);
  const { exports } = new WebAssembly.Instance(compile(meter(bytes, { memoryPagesMax: 1, mode: 'merged' })));
  (exports['shoal:fuel'] as WebAssembly.Global).value = BigInt(fuel);
  expect(exports.run as () => void).toThrow(WebAssembly.RuntimeError);
  expect((exports['shoal:fuel'] as WebAssembly.Global).value).toBeLessThan(0n);
  return new DataView((exports.memory as WebAssembly.Memory).buffer).getInt32(0, true);
}

describe('how long a loop goes on without fuel', () => {
  it('is four rounds where it is small', () => {
    expect(roundsWithout(SMALL, 'COUNT')).toBe(4);
    // A round that begins with a block is looked at like all others.
    expect(roundsWithout(SMALL, '(block COUNT)')).toBe(4);
  });

  it('is one round where it calls, or is large', () => {
    expect(roundsWithout(SMALL, '(call $count)')).toBe(1);
    expect(roundsWithout(SMALL, `COUNT ${'(drop (i32.const 1))'.repeat(200)}`)).toBe(1);
    expect(roundsWithout(SMALL, `(block COUNT ${'(drop (i32.const 1))'.repeat(200)})`)).toBe(1);
  });
});

describe('what unrolling may add', () => {
  // Three more rounds of each add 720 bytes.
  const loop = `(loop $l ${'(nop)'.repeat(230)} (br_if $l (local.get 0)))`;
  const bytesOf = (functions: number, loops: number) => {
    const text = `(module (memory 1) ${`(func (param i32) ${loop.repeat(loops)})`.repeat(functions)})`;
    const bytes = assemble(text);
    const [simple, merged] = MODES.map((mode) => meter(bytes, { memoryPagesMax: 1, mode }).length);
    return merged! - simple!;
  };

  it('is bounded in one function', () => {
    const [few, many] = [bytesOf(1, 60), bytesOf(1, 300)];
    expect(few).toBeGreaterThan(60 * 700);
    expect(many).toBeGreaterThan(64 * 1024);
    expect(many).toBeLessThan(80 * 1024);
  });

  it('is bounded in a module', () => {
    const added = bytesOf(20, 90);
    expect(added).toBeGreaterThan(1024 * 1024);
    expect(added).toBeLessThan(1.2 * 1024 * 1024);
  });
});
