/** Limits of what a kernel may be, at each and one beyond, and kernels that try to get at the fuel that is passed along. */
import { describe, expect, it, vi } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { inspect, meter } from '../../node/sandbox/index.ts';
import * as LIMITS from '../../node/sandbox/limits.ts';
import { readModule } from '../../node/sandbox/module.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { assemble, kernel } from './kernels.ts';
import { AT_THE_LIMIT, largestOnceMetered, leb, moduleOf, tableOf } from './modules-at-limits.ts';
import { FUEL, MODES, runKernel } from './run.ts';

vi.setConfig({ testTimeout: 60_000 });

const i32s = (count: number) => 'i32 '.repeat(count);

describe('a kernel', () => {
  it('of 100 MB is refused by its size alone', () => {
    const huge = new Uint8Array(100_000_000);
    huge.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    expect(() => inspect(huge)).toThrow(expect.objectContaining({ code: 'too-large' }));
  });

  it('with as many parameters as engines allow has no room for the fuel', () => {
    const bytes = (count: number) => assemble(`(module (func (param ${i32s(count)})))`);
    const metered = (count: number, mode: (typeof MODES)[number]) =>
      meter(bytes(count), { memoryPagesMax: 1, mode }) as Uint8Array<ArrayBuffer>;
    expect(WebAssembly.validate(metered(990, 'merged'))).toBe(true);
    expect(() => metered(991, 'merged')).toThrow(expect.objectContaining({ code: 'too-large' }));
    expect(WebAssembly.validate(metered(991, 'simple'))).toBe(true);
  });

  it.each(MODES)('cannot call a function by the type it has once metered (%s)', (mode) => {
    // $victim becomes (i64, i32) -> i64 where fuel is passed along; $forged is that type as the author writes it.
    const fields = `(type $forged (func (param i64 i32) (result i64)))
      (table 1 funcref) (elem (i32.const 0) $victim) (func $victim)`;
    const init = `(drop (call_indirect (type $forged) (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 0)))
      (i32.const 0)`;
    const { trap, fuel } = runKernel({ fields, init }, FUEL, 16, mode);
    expect(trap).toBe(TRAP.trap);
    expect(fuel).toBeGreaterThan(0);
  });

  it.each(MODES)('with the last locals there are reads and writes its own (%s)', (mode) => {
    const fields = `(func $last (param i32) (result i64) (local ${'i64 '.repeat(9_000)})
      (local.set 9000 (i64.const 77)) (local.set 1 (i64.const 5)) (i64.sub (local.get 9000) (local.get 1)))`;
    const init = `(i64.store (i32.const 61440) (call $last (i32.const 1)))
      (global.set $out_length (i32.const 8)) (i32.const 0)`;
    expect(runKernel({ fields, init }, FUEL, 16, mode).output).toEqual(Uint8Array.of(72, 0, 0, 0, 0, 0, 0, 0));
    expect(kernel({ fields, init }).length).toBeGreaterThan(100);
  });
});

const memoryOf = (initial: number, maximum: number): Uint8Array =>
  moduleOf([5, 1, [[1, ...leb(initial), ...leb(maximum)]]]);

function refusalOf(bytes: Uint8Array): KernelRefusedError {
  try {
    readModule(bytes);
  } catch (error) {
    if (error instanceof KernelRefusedError) return error;
    throw error;
  }
  throw new Error('it is not refused');
}

describe('what a kernel may have', () => {
  it.each(
    AT_THE_LIMIT.map((limit) => [limit.name, limit] as const),
  )('%s: as many as are allowed run through this engine, one more is refused', (_, { make, code }) => {
    const largest = make(0);
    expect(readModule(largest).bytes.length).toBe(largest.length);
    const values = readModule(largest).types.map(({ parameters, results }) => parameters.length + results.length);
    for (const mode of MODES) {
      if (mode === 'merged' && values.some((count) => count > LIMITS.PASSED_VALUES_MAX)) continue;
      expect(WebAssembly.validate(meter(largest, { memoryPagesMax: 1, mode }) as Uint8Array<ArrayBuffer>)).toBe(true);
    }
    expect(refusalOf(make(1))).toMatchObject({ code });
  });

  it('of all functions together may become so long when metered, and no longer', () => {
    const metered = (more: number) => meter(largestOnceMetered(more), { memoryPagesMax: 1, mode: 'merged' });
    const largest = metered(0);
    expect(largest.length).toBeGreaterThan(0.95 * LIMITS.METERED_BYTES_MAX);
    expect(WebAssembly.validate(largest as Uint8Array<ArrayBuffer>)).toBe(true);
    expect(() => metered(1)).toThrow(expect.objectContaining({ code: 'too-large' }));
  });

  it.each([
    ['a table', tableOf(2, 1), 'begins with 2 and may have at most 1'],
    ['memory', memoryOf(2, 1), 'begins with 2 and may have at most 1'],
    ['more memory than there are addresses', memoryOf(65_537, 65_537), 'more than 65536 pages'],
    ['a maximum of memory beyond all addresses', memoryOf(1, 65_537), 'more than 65536 pages'],
  ])('%s that cannot be is refused before any engine is asked', (_, bytes, words) => {
    const refusal = refusalOf(bytes);
    expect(refusal).toMatchObject({ code: 'invalid' });
    expect(refusal.message).toContain(words);
  });

  it('all the memory there are addresses for is for the job to allow', () => {
    expect(readModule(memoryOf(1, 65_536)).memory).toEqual({ initial: 1, maximum: 65_536 });
  });
});
