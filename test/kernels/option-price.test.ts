/** option-price against published prices, against itself in any pieces, and at its bounds. */
import { describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('option-price');
const { manifest } = kernel;

function parametersOf(args: ArgumentInputs): Uint8Array {
  return encodeParameters(manifest, resolveArguments(manifest, args));
}

function range(from: bigint, to: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([from, to]).buffer);
}

function row(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { paths: view.getBigUint64(0, true), price: view.getFloat64(8, true), error: view.getFloat64(16, true) };
}

async function priceInTasks(args: ArgumentInputs, taskSize?: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const outputs = Array.from(splitTasks(manifest, values, { taskSize }).inputs, (input) =>
    kernel.run(parameters, input),
  );
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  return joinOutputs({ manifest, values, outputs, taskSize, reduce });
}

describe('option-price', () => {
  // Hull, Options, Futures and Other Derivatives; Haug, The Complete Guide to Option Pricing Formulas.
  it.each([
    [{ spot: 42, strike: 40, rate: 0.1, volatility: 0.2, years: 0.5, kind: 0 }, 4.76],
    [{ spot: 42, strike: 40, rate: 0.1, volatility: 0.2, years: 0.5, kind: 1 }, 0.81],
    [{ spot: 60, strike: 65, rate: 0.08, volatility: 0.3, years: 0.25, kind: 0 }, 2.1334],
    [{ spot: 100, strike: 95, rate: 0.1, dividends: 0.05, volatility: 0.2, years: 0.5, kind: 1 }, 2.4648],
  ])('converges on a published price: %j', async (args, published) => {
    const { price, error } = row((await priceInTasks({ ...args, paths: 2_000_000 })).bytes);
    expect(error).toBeLessThan(0.005);
    // Two of them are printed with two decimals only.
    expect(Math.abs(price - published)).toBeLessThan(4 * error + 0.005);
  });

  it('comes four times as near with sixteen times as many paths', async () => {
    const few = row((await priceInTasks({ paths: 20_000 })).bytes);
    const many = row((await priceInTasks({ paths: 320_000 })).bytes);
    expect(few.error / many.error).toBeGreaterThan(3.8);
    expect(few.error / many.error).toBeLessThan(4.2);
    expect(Math.abs(many.price - 10.450584)).toBeLessThan(4 * many.error);
  });

  it('gives one row, to the last bit, however the paths are cut', async () => {
    for (const kind of [0, 3]) {
      const args = { kind, dates: 7, first: 5, paths: 10_002 };
      const whole = kernel.run(parametersOf(args), range(5n, 10_002n));
      for (const taskSize of [1234, 333, 4000]) {
        expect(Buffer.from((await priceInTasks(args, taskSize)).bytes)).toEqual(Buffer.from(whole));
      }
    }
  });

  it('an Asian option over one date is the European one', () => {
    const paths = range(0n, 5000n);
    for (const [asian, european] of [
      [2, 0],
      [3, 1],
    ]) {
      const one = kernel.run(parametersOf({ kind: asian!, dates: 1 }), paths);
      expect(Buffer.from(one)).toEqual(Buffer.from(kernel.run(parametersOf({ kind: european!, dates: 1 }), paths)));
    }
  });

  it('other seeds draw other paths', () => {
    const prices = [1n, 2n, 1n << 40n].map((seed) => row(kernel.run(parametersOf({ seed }), range(0n, 1000n))).price);
    expect(new Set(prices).size).toBe(3);
  });

  it('shows paths, price and standard error, and keeps its sums to itself', async () => {
    const lines = formatResult(await priceInTasks({ paths: 1000 })).split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^paths +price +standard error$/);
    expect(lines[1]!.trim().split(/ +/)).toHaveLength(3);
  });

  it('refuses what it cannot price', () => {
    const good = parametersOf({});
    for (const bad of [range(5n, 5n), range(5n, 4n), range(0n, 1_000_000_001n)]) {
      expect(() => kernel.run(good, bad)).toThrow(KernelFailure);
    }
    // Payoffs of more than 4096 times the strike do not fit the sums.
    const wild = parametersOf({ spot: 1e9, strike: 1 });
    expect(() => kernel.run(wild, range(0n, 100n))).toThrow(/shoal_step returned -3/);
    const bad = Uint8Array.from(good);
    new DataView(bad.buffer).setFloat64(0, Number.NaN, true);
    expect(() => kernel.run(bad, range(0n, 100n))).toThrow(/shoal_init returned -1/);
    expect(() => kernel.reduce(good, [new Uint8Array(57)])).toThrow(KernelFailure);
    expect(() => kernel.reduce(good, [new Uint8Array(55)])).toThrow(WebAssembly.RuntimeError);
  });

  it('has fuel for the largest task', () => {
    const { limits } = manifest;
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, limits)));
    const result = runTask(module, parametersOf({ kind: 2, dates: 366 }), range(0n, 4096n), limits.stepQuantum, {
      fuelMax: limits.fuelPerTaskMax,
      outputBytesMax: limits.outputBytesPerTaskMax,
    });
    expect(result.trap).toBe(TRAP.none);
    // A task of the default size over the most dates.
    expect((result.fuel / 4096) * 1_000_000).toBeLessThan(limits.fuelPerTaskMax);
    // And the largest size, for a European option.
    const european = runTask(module, parametersOf({}), range(0n, 65_536n), limits.stepQuantum, {
      fuelMax: limits.fuelPerTaskMax,
      outputBytesMax: limits.outputBytesPerTaskMax,
    });
    expect((european.fuel / 65_536) * 1e9).toBeLessThan(limits.fuelPerTaskMax);
  });
});
