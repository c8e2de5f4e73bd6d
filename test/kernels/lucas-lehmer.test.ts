/** lucas-lehmer against the published exponents, against whole numbers of any size, and at its own bounds. */
import { describe, expect, it } from 'vitest';
import { meter } from '../../node/sandbox/meter.ts';
import { resolveArguments } from '../../node/sdk/arguments.ts';
import { formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('lucas-lehmer');
const NONE = new Uint8Array(0);

// OEIS A000043.
const EXPONENTS = [
  2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607, 1279, 2203, 2281, 3217, 4253, 4423, 9689, 9941, 11213, 19937,
];

function range(from: number, to: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(from), BigInt(to)]).buffer);
}

interface Row {
  readonly exponent: number;
  readonly isPrime: boolean;
  readonly residue: bigint;
}

function test(from: number, to: number): Row[] {
  const bytes = kernel.run(NONE, range(from, to));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 16 }, (_, row) => ({
    exponent: view.getUint32(row * 16, true),
    isPrime: view.getUint32(row * 16 + 4, true) === 1,
    residue: view.getBigUint64(row * 16 + 8, true),
  }));
}

function residueByWholeNumbers(p: number): bigint {
  const modulus = (1n << BigInt(p)) - 1n;
  let s = 4n;
  for (let i = 2; i < p; i++) s = (((s * s - 2n) % modulus) + modulus) % modulus;
  return s & 0xffffffffffffffffn;
}

describe('lucas-lehmer', () => {
  it('finds exactly the published exponents below 1300', () => {
    const found = test(0, 1300).filter(({ isPrime }) => isPrime);
    expect(found.map(({ exponent }) => exponent)).toEqual(EXPONENTS.filter((p) => p < 1300));
  });

  it.each(EXPONENTS.filter((p) => p > 1300))('finds M(%d)', (p) => {
    expect(test(p, p + 1)).toEqual([{ exponent: p, isPrime: true, residue: 0n }]);
  });

  it('gives the residues of whole numbers, for every size of transform up to 256 digits', () => {
    for (const [from, to] of [
      [2, 420],
      [1240, 1260],
      [2480, 2540],
      [4980, 5010],
    ] as const) {
      const rows = test(from, to);
      for (const { exponent, residue } of rows.filter(({ exponent }) => exponent > 2)) {
        expect([exponent, residue]).toEqual([exponent, residueByWholeNumbers(exponent)]);
      }
    }
  });

  it('gives the same rows in one task as in many', async () => {
    const { manifest } = kernel;
    const values = resolveArguments(manifest, { from: 80, to: 140 });
    const outputs = Array.from(splitTasks(manifest, values, { taskSize: 7 }).inputs, (input) =>
      kernel.run(NONE, input),
    );
    const result = await joinOutputs({ manifest, values, outputs, taskSize: 7 });
    expect(Buffer.from(result.bytes)).toEqual(Buffer.from(kernel.run(NONE, range(80, 140))));
    const lines = formatResult(result, 100).split('\n');
    expect(lines[0]).toBe('exponent  prime           residue');
    expect(lines).toContain('     107      1  0000000000000000');
  });

  it('refuses ranges it cannot test', () => {
    for (const bad of [range(5, 4), range(0, 600_001), range(0, 5000)]) {
      expect(() => kernel.run(NONE, bad)).toThrow(KernelFailure);
    }
  });

  it('has fuel and memory for the largest exponent it takes', () => {
    // 599,999 is prime. A few squarings of the longest transform say what all of them cost.
    const { fuelPerSquaring, bytes } = costOf(599_999, 20);
    expect(fuelPerSquaring).toBeGreaterThan(1e6);
    expect(fuelPerSquaring * 600_000).toBeLessThan(kernel.manifest.limits.fuelPerTaskMax);
    expect(bytes).toBeLessThan(kernel.manifest.limits.memoryPagesMax * 65_536);
  });
});

/** Fuel of one squaring, from a few steps of two each, and memory in the end. */
function costOf(exponent: number, steps: number): { readonly fuelPerSquaring: number; readonly bytes: number } {
  const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, kernel.manifest.limits)));
  const exports = new WebAssembly.Instance(module, {}).exports as unknown as {
    readonly memory: WebAssembly.Memory;
    readonly 'shoal:fuel': WebAssembly.Global;
    _start(): void;
    shoal_alloc(n: number): number;
    shoal_init(): number;
    shoal_step(n: number): number;
  };
  const fuel = exports['shoal:fuel'];
  fuel.value = 10n ** 12n;
  exports._start();
  const at = exports.shoal_alloc(20);
  new Uint8Array(exports.memory.buffer, at, 20).set(range(exponent, exponent + 1), 4);
  expect(exports.shoal_init()).toBe(Math.ceil((exponent - 2) / 2));
  const before = fuel.value as bigint;
  exports.shoal_step(steps);
  const used = Number(before - (fuel.value as bigint));
  return { fuelPerSquaring: used / steps / 2, bytes: exports.memory.buffer.byteLength };
}
