/** The tables of weights: what they must be, and that one that jobs have named never changes. */
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import { BLOCK_BYTES_MAX, MEMORY_PAGES_MAX } from '../../node/protocol/limits.ts';
import { ByteReader } from '../../node/sandbox/bytes.ts';
import { newDecoded, readInstruction } from '../../node/sandbox/instructions.ts';
import { METERED_BYTES_MAX } from '../../node/sandbox/limits.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { COST_CLASSES, WEIGHTS_VERSION, type Weights, weightsOf } from '../../node/sandbox/weights.ts';
import { assemble } from './kernels.ts';
import { compile, MODES } from './run.ts';

/** Opcode and weight of every instruction that is allowed. */
function pricesOf({ classes }: Weights): readonly string[] {
  const codes = Array.from({ length: 256 }, (_, code) => [[code], [0xfc, code], [0xfd, code]]).flat();
  return codes.flatMap((code) => {
    const [prefix, last = 0] = code;
    const bytes = code.length === 1 ? [prefix!] : [prefix!, (last & 0x7f) | 0x80, last >> 7];
    const decoded = newDecoded();
    try {
      readInstruction(new ByteReader(Uint8Array.from([...bytes, ...new Array(32).fill(0)]), 0, 32), decoded);
    } catch (error) {
      if (error instanceof KernelRefusedError) return [];
      throw error;
    }
    return [`${code.join('.')} ${classes[decoded.instruction.cost]}`];
  });
}

const PINS: Readonly<Record<number, string>> = {
  1: '19a030fed18f5b814779dec88796eee9186d59a0fe5ca89db8670de80322ecdd',
  2: 'fec0265bb9dfc4bc6b40a3ba0e7de8387e3dc45763e64e95c5531d2b4056d9e6',
};

describe.each(Object.entries(PINS))('weights of version %s', (version, pin) => {
  const weights = weightsOf(Number(version))!;

  it('are what they were when the first job named them', () => {
    const { functionEntry, localsPerFuel, bulkBytesPerFuel, tableElement, page } = weights;
    const others = [functionEntry, localsPerFuel, bulkBytesPerFuel, tableElement, page];
    const text = [...pricesOf(weights), others.join()].join('\n');
    expect(toHex(sha256(new TextEncoder().encode(text)))).toBe(pin);
  });

  it('are whole numbers, and nothing that runs is free', () => {
    for (const name of COST_CLASSES) {
      expect(Number.isInteger(weights.classes[name]), name).toBe(true);
      if (name === 'structure') expect(weights.classes[name]).toBe(0);
      else expect(weights.classes[name], name).toBeGreaterThanOrEqual(1);
    }
    for (const value of [weights.localsPerFuel, weights.bulkBytesPerFuel, weights.tableElement, weights.page]) {
      expect(Number.isInteger(value) && value >= 1).toBe(true);
    }
    expect(weights.functionEntry).toBeGreaterThanOrEqual(1);
  });

  it('cannot make a charge that is no exact number, nor fuel that wraps', () => {
    const dearest = Math.max(...Object.values(weights.classes), weights.functionEntry);
    // As many instructions as a kernel has bytes, all in one block.
    expect(METERED_BYTES_MAX * dearest).toBeLessThan(2 ** 53);
    // What one operation may be charged for: 2^32 - 1 bytes or elements, or all pages there may be.
    const operation =
      2 ** 32 * Math.max(weights.tableElement, 1 / weights.bulkBytesPerFuel) + MEMORY_PAGES_MAX * weights.page;
    expect(operation).toBeLessThan(2 ** 53);
    // Fuel left is an i64: both together are far from its end, even below zero.
    expect(METERED_BYTES_MAX * dearest + operation).toBeLessThan(2 ** 62);
    expect(BLOCK_BYTES_MAX).toBeLessThan(METERED_BYTES_MAX);
  });

  it.each(MODES)('are what the %s placement counts with', (mode) => {
    const bytes = assemble(`(module (memory 1)
      (func (export "run") (param i32) (local i32 i32 i32)
        (loop $l
          (i32.store (i32.const 8) (i32.mul (i32.load (i32.const 8)) (local.get 0)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 100))))`);
    const { exports } = new WebAssembly.Instance(compile(meter(bytes, { memoryPagesMax: 1, mode, weights })), {});
    const fuel = exports['shoal:fuel'] as WebAssembly.Global;
    fuel.value = 2n ** 40n;
    (exports.run as (rounds: number) => void)(10);
    const { operand, store, multiply, load, branch, integer, bulk, 'local-write': write } = weights.classes;
    const round = 5 * operand + store + multiply + load + branch + write + integer;
    const once = weights.functionEntry + Math.ceil(3 / weights.localsPerFuel) + 3 * operand + bulk;
    const filled = Math.ceil(100 / weights.bulkBytesPerFuel);
    expect(Number(2n ** 40n - (fuel.value as bigint))).toBe(once + 10 * round + filled);
  });
});

it('new jobs use the newest', () => {
  expect(WEIGHTS_VERSION).toBe(Math.max(...Object.keys(PINS).map(Number)));
  expect(weightsOf(WEIGHTS_VERSION + 1)).toBeUndefined();
});
