/** prime-count against published values of π, against trial division, and against itself in any pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { decodeU64 } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('prime-count');
const NONE = new Uint8Array(0);

function range(from: bigint, to: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([from, to]).buffer);
}

function count(from: number, to: number): bigint {
  return decodeU64(kernel.run(NONE, range(BigInt(from), BigInt(to))));
}

async function inTasks(from: number, to: number, taskSize?: number): Promise<bigint> {
  const { manifest } = kernel;
  const values = resolveArguments(manifest, { from, to });
  const plan = splitTasks(manifest, values, { taskSize });
  const outputs = Array.from(plan.inputs, (input) => kernel.run(encodeParameters(manifest, values), input));
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(NONE, parts);
  return decodeU64((await joinOutputs({ manifest, values, outputs, taskSize, reduce })).bytes);
}

function isPrime(n: number): boolean {
  if (n < 4) return n > 1;
  if (n % 2 === 0) return false;
  for (let d = 3; d * d <= n; d += 2) if (n % d === 0) return false;
  return true;
}

function trialDivision(from: number, to: number): bigint {
  let primes = 0n;
  for (let n = from; n < to; n++) if (isPrime(n)) primes++;
  return primes;
}

describe('prime-count', () => {
  // OEIS A006880.
  it.each([
    [1e3, 168n],
    [1e6, 78_498n],
    [1e7, 664_579n],
    [1e8, 5_761_455n],
    [1e9, 50_847_534n],
  ])('π(%d), in one piece', (to, expected) => {
    expect(count(0, to)).toBe(expected);
  });

  it('π(10^8) in tasks of the manifest, merged', async () => {
    expect(await inTasks(0, 1e8)).toBe(5_761_455n);
  });

  it('equals trial division on every small range', () => {
    for (let from = 0; from < 40; from++) {
      for (let to = from; to < 130; to++) expect(count(from, to)).toBe(trialDivision(from, to));
    }
  });

  it('equals trial division on random ranges, in one piece and in tasks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2_000_000_000 }),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 150 }),
        async (from, width, taskSize) => {
          const expected = trialDivision(from, from + width);
          expect(count(from, from + width)).toBe(expected);
          expect(await inTasks(from, from + width, taskSize)).toBe(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('equals trial division high up, on both sizes of segment', () => {
    for (const from of [131_071 ** 2 - 500, 131_072 ** 2 - 500, 1e12 - 300, 2 ** 40 - 3, 1e14 - 1000]) {
      expect(count(from, from + 300)).toBe(trialDivision(from, from + 300));
    }
  });

  it('adds up over borders of segments: a range equals the sum of its parts', () => {
    for (const from of [0, 1e12, 99_999_990_000_000]) {
      const to = from + 3_000_000;
      const middle = from + 1_234_567;
      expect(count(from, middle) + count(middle, to)).toBe(count(from, to));
    }
  });

  it('refuses ranges it cannot count', () => {
    for (const bad of [range(5n, 4n), range(0n, 100_000_000_000_001n), range(0n, 5_000_000_000n)]) {
      expect(() => kernel.run(NONE, bad)).toThrow(KernelFailure);
    }
    expect(() => kernel.reduce(NONE, [new Uint8Array(9)])).toThrow(KernelFailure);
    expect(() => kernel.reduce(NONE, [new Uint8Array(7)])).toThrow(WebAssembly.RuntimeError);
  });
});
