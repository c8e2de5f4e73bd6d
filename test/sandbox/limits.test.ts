/** Limits of what a kernel may be, at each and one beyond, and kernels that try to get at the fuel that is passed along. */
import { describe, expect, it, vi } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import { inspect, meter } from '../../node/sandbox/index.ts';
import * as LIMITS from '../../node/sandbox/limits.ts';
import { readModule } from '../../node/sandbox/module.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { assemble, kernel } from './kernels.ts';
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

const I32 = 0x7f;
const V128 = 0x7b;
const leb = (value: number): readonly number[] => [...new ByteWriter().u32(value).finish()];
const nothing = [0x60, 0, 0];

/** Sections as `[id, count, ...items]`; every item may be a list of bytes. */
function moduleOf(...sections: readonly (readonly [number, number, readonly (readonly number[])[]])[]): Uint8Array {
  const out = new ByteWriter(1_024).put(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  for (const [id, count, items] of sections) {
    const content = new ByteWriter(1_024).u32(count);
    for (const item of items) content.append(Uint8Array.from(item));
    out.byte(id).u32(content.length).appendWriter(content);
  }
  return out.finish();
}

function codeOf(bytes: readonly number[], locals: readonly number[] = [0]): readonly number[] {
  const length = locals.length + bytes.length + 1;
  return [...leb(length), ...locals, ...bytes, 0x0b];
}

/** One function () -> () of that code. */
function withBody(bytes: readonly number[], locals?: readonly number[]): Uint8Array {
  return moduleOf([1, 1, [nothing]], [3, 1, [[0]]], [10, 1, [codeOf(bytes, locals)]]);
}

const many = <T>(count: number, item: T): readonly T[] => new Array<T>(count).fill(item);
const localsOf = (count: number, type: number): readonly number[] => [1, ...leb(count), type];
const nested = (depth: number): readonly number[] => [...many(depth, [0x02, 0x40]).flat(), ...many(depth, 0x0b)];
const typeOf = (parameters: number, results: number): readonly number[] => [
  ...[0x60, ...leb(parameters), ...many(parameters, I32)],
  ...[...leb(results), ...many(results, I32)],
];
const operands = (count: number): readonly number[] => [...many(count, [0x41, 0]).flat(), ...many(count, 0x1a)];
const table = (labels: number): readonly number[] => [0x41, 0, 0x0e, ...leb(labels), ...many(labels + 1, 0)];
/** So many functions with so many locals each. */
const manyLocals = (functions: number, locals: number): Uint8Array =>
  moduleOf(
    [1, 1, [nothing]],
    [3, functions, many(functions, [0])],
    [10, functions, many(functions, codeOf([], localsOf(locals, I32)))],
  );
/** Calls of what takes a thousand values, where nothing runs. */
const manyCalls = (calls: number): Uint8Array =>
  moduleOf(
    [1, 2, [nothing, typeOf(1_000, 0)]],
    [3, 2, [[0], [1]]],
    [10, 2, [codeOf([0x00, ...many(calls, [0x10, 1]).flat()]), codeOf([])]],
  );

/** Each with the largest that is allowed, and with one more. */
const AT_THE_LIMIT: readonly (readonly [string, (more: number) => Uint8Array, string])[] = [
  ['locals', (more) => withBody([], localsOf(LIMITS.LOCALS_MAX + more, I32)), 'too-many-locals'],
  ['locals of all functions', (more) => manyLocals(LIMITS.LOCALS_TOTAL_MAX / 40_000, 40_000 + more), 'too-many-locals'],
  ['slots of vectors', (more) => withBody([], localsOf(LIMITS.FRAME_SLOTS_MAX / 2 + more, V128)), 'function-too-large'],
  ['operands', (more) => withBody(operands(LIMITS.FRAME_SLOTS_MAX + more)), 'function-too-large'],
  ['blocks in blocks', (more) => withBody(nested(LIMITS.NESTING_MAX + more)), 'nesting-too-deep'],
  // Three bytes are its locals and its end, the rest does nothing.
  ['bytes of a function', (more) => withBody(many(LIMITS.FUNCTION_BYTES_MAX + more - 2, 0x01)), 'function-too-large'],
  ['labels of a branch', (more) => withBody(table(LIMITS.BRANCH_LABELS_MAX + more)), 'too-large'],
  ['parameters', (more) => moduleOf([1, 1, [typeOf(LIMITS.TYPE_VALUES_MAX + more, 0)]]), 'too-large'],
  ['results', (more) => moduleOf([1, 1, [typeOf(0, LIMITS.TYPE_VALUES_MAX + more)]]), 'too-large'],
  ['values moved', (more) => manyCalls(Math.floor(LIMITS.VALUES_MOVED_MAX / 1_000) + more), 'too-large'],
  ['types', (more) => moduleOf([1, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, nothing)]), 'too-large'],
  ['functions', (more) => manyLocals(LIMITS.ITEMS_MAX + more, 0), 'too-large'],
  [
    'globals',
    (more) => moduleOf([6, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [I32, 0, 0x41, 0, 0x0b])]),
    'too-large',
  ],
  [
    'data segments',
    (more) => moduleOf([11, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [1, 0])]),
    'too-large',
  ],
  [
    'element segments',
    (more) => moduleOf([9, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [1, 0, 0])]),
    'too-large',
  ],
  [
    'exports',
    (more) => {
      const names = Array.from({ length: LIMITS.EXPORTS_MAX + more }, (_, i) => new TextEncoder().encode(String(i)));
      const exports = names.map((name) => [name.length, ...name, 2, 0]);
      return moduleOf([5, 1, [[0, 1]]], [7, exports.length, exports]);
    },
    'too-large',
  ],
  [
    'bytes of a name',
    (more) => {
      const name = many(LIMITS.NAME_BYTES_MAX + more, 0x61);
      return moduleOf([5, 1, [[0, 1]]], [7, 1, [[...leb(name.length), ...name, 2, 0]]]);
    },
    'too-large',
  ],
  [
    'tables',
    (more) => moduleOf([4, LIMITS.TABLES_MAX + more, many(LIMITS.TABLES_MAX + more, [0x70, 0, 1])]),
    'too-large',
  ],
  [
    'places in tables',
    (more) => moduleOf([4, 1, [[0x70, 0, ...leb(LIMITS.TABLE_ELEMENTS_MAX + more)]]]),
    'table-too-large',
  ],
];

describe('what a kernel may have', () => {
  it.each(AT_THE_LIMIT)('%s: as many as are allowed run through this engine, one more is refused', (_, make, code) => {
    const largest = make(0);
    expect(readModule(largest).bytes.length).toBe(largest.length);
    const values = readModule(largest).types.map(({ parameters, results }) => parameters.length + results.length);
    for (const mode of MODES) {
      if (mode === 'merged' && values.some((count) => count > LIMITS.PASSED_VALUES_MAX)) continue;
      expect(WebAssembly.validate(meter(largest, { memoryPagesMax: 1, mode }) as Uint8Array<ArrayBuffer>)).toBe(true);
    }
    let refusal: unknown;
    try {
      readModule(make(1));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(KernelRefusedError);
    expect(refusal).toMatchObject({ code });
  });
});
