/** spectrum: finds what was put into the noise, and only that; in any pieces. Its vectors are NumPy's. */
import { describe, expect, it } from 'vitest';
import { concatBytes, uint32Bytes } from '../../node/protocol/bytes.ts';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { decodeTable, formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { radioSamples } from '../bench/native/inputs.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('spectrum');
const { manifest } = kernel;

async function search(file: Uint8Array, args: ArgumentInputs, taskSize: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const outputs = Array.from(splitTasks(manifest, values, { file, taskSize }).inputs, (input) =>
    kernel.run(parameters, input),
  );
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  const result = await joinOutputs({ manifest, values, outputs, taskSize, reduce });
  const rows = decodeTable(result.bytes, manifest.result.columns!) as number[][];
  return {
    result,
    parts: outputs.length,
    signals: rows.map(([time, frequency, drift, strength]) => ({ time, frequency, drift, strength })),
  };
}

describe('spectrum', () => {
  it('finds a drifting tone far below the noise, at its frequency and drift, in the part of the file where it is', async () => {
    const quiet = radioSamples(8192, [], 3);
    // The noise has a power of 800, the tone one of 5.3: 22 dB less.
    const tone = radioSamples(8192, [{ bin: 2000, drift: 6, amplitude: 2.3 }], 4);
    const file = concatBytes(quiet, tone, quiet);
    const { signals, parts } = await search(file, { sampleRate: 8192, drifts: 10 }, 16_384);
    expect(parts).toBe(3);
    expect(signals).toHaveLength(1);
    expect(signals[0]!.time).toBe(1);
    // 1 Hz and 1 Hz/s to a bin; in the middle it has drifted by 3.
    expect(Math.abs(signals[0]!.frequency! - 2003)).toBeLessThanOrEqual(1);
    expect(Math.abs(signals[0]!.drift! - 6)).toBeLessThanOrEqual(1);
    expect((await search(file, { sampleRate: 8192, drifts: 0 }, 16_384)).signals).toEqual([]);
  });

  it('hardly ever finds anything in noise alone', async () => {
    const noise = radioSamples(65_536, [], 5);
    expect((await search(noise, { drifts: 4 }, 16_384)).signals).toEqual([]);
    // Eight parts of 4096 bins, one drift: e^-t of them are above t.
    const above = (await search(noise, { drifts: 0, threshold: 8, top: 100 }, 16_384)).signals.length;
    const expected = 65_536 * Math.exp(-8);
    expect(above).toBeGreaterThan(expected / 2);
    expect(above).toBeLessThan(expected * 2);
  });

  it('keeps the strongest, in order', async () => {
    const tones = [0.5, 0.8, 1.1, 1.4].map((amplitude, index) => ({
      bin: 300 * index - 450,
      drift: 0,
      amplitude: 8 * amplitude,
    }));
    const { signals, result } = await search(radioSamples(4096, tones), { top: 3, drifts: 2 }, 8192);
    const strengths = signals.map(({ strength }) => strength!);
    expect(strengths).toHaveLength(3);
    expect(strengths).toEqual([...strengths].sort((a, b) => b - a));
    expect(Math.round(signals[0]!.frequency! / (1e6 / 4096))).toBe(450);
    expect(formatResult(result).split('\n')[0]!.trim()).toMatch(
      /^time \(s\) +frequency \(Hz\) +drift \(Hz\/s\) +strength$/,
    );
  });

  it('silence has no signals, and half a sample is refused', () => {
    const parameters = encodeParameters(manifest, resolveArguments(manifest, { drifts: 1 }));
    expect(kernel.run(parameters, new Uint8Array(8 + 200))).toEqual(new Uint8Array(0));
    expect(() => kernel.run(parameters, new Uint8Array(8 + 201))).toThrow(KernelFailure);
    expect(() => kernel.run(parameters, new Uint8Array(8))).toThrow(KernelFailure);
    expect(() => splitTasks(manifest, resolveArguments(manifest, {}), { file: new Uint8Array(7) })).toThrow(
      /not whole records of 2 bytes/,
    );
  });

  it('has fuel and memory for the largest task', () => {
    const { limits } = manifest;
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, limits)));
    const samples = radioSamples(262_144, [], 1);
    const fuelOf = (drifts: number) => {
      const parameters = encodeParameters(manifest, resolveArguments(manifest, { drifts, threshold: 1, top: 100 }));
      const input = concatBytes(uint32Bytes(0), uint32Bytes(0), samples);
      expect(input.length).toBe(limits.inputBytesPerTaskMax);
      const result = runTask(module, parameters, input, limits.stepQuantum, {
        fuelMax: limits.fuelPerTaskMax,
        outputBytesMax: limits.outputBytesPerTaskMax,
      });
      expect(result.trap).toBe(TRAP.none);
      return result.fuel;
    };
    const perDrift = (fuelOf(1) - fuelOf(0)) / 2;
    expect(perDrift * 2001).toBeLessThan(limits.fuelPerTaskMax * 0.9);
  });
});
