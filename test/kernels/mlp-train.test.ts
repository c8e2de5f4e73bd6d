/** mlp-train: learns to read handwritten digits, step by step; and its bounds. Its vectors are NumPy's. */
import { beforeAll, describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runReduce, runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { type Digit, digitsFile, handwrittenDigits, startWeights } from '../bench/native/inputs.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('mlp-train');
const { manifest } = kernel;
const HIDDEN = 16;

async function step(file: Uint8Array, args: ArgumentInputs, taskSize?: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const inputs = splitTasks(manifest, values, { file, taskSize }).inputs;
  const outputs = Array.from(inputs, (input) => kernel.run(parameters, input));
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  return { tasks: outputs.length, result: await joinOutputs({ manifest, values, outputs, taskSize, reduce }) };
}

function read(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const examples = Number(view.getBigUint64(0, true));
  const right = view.getFloat64(8, true);
  const loss = view.getFloat64(16, true);
  const gradient = Float64Array.from({ length: view.getUint32(40, true) / 8 }, (_, i) => {
    return Number(view.getBigInt64(44 + i * 8, true)) / 2 ** 24 / examples;
  });
  return { examples, right, loss, gradient };
}

describe('mlp-train', () => {
  let digits: Digit[];
  beforeAll(async () => {
    digits = await handwrittenDigits();
  });

  it('learns to read handwritten digits it has not seen', async () => {
    let weights = startWeights(HIDDEN);
    const unseen = digits.slice(9000);
    const test = async () => read((await step(digitsFile(weights, unseen), { hidden: HIDDEN })).result.bytes);
    const before = await test();
    expect(before.right).toBeLessThan(0.25);
    for (let i = 0; i < 80; i++) {
      const batch = digits.slice(i * 100, i * 100 + 100);
      const { gradient } = read((await step(digitsFile(weights, batch), { hidden: HIDDEN })).result.bytes);
      weights = weights.map((weight, index) => weight - 0.5 * gradient[index]!);
    }
    const after = await test();
    expect(after.examples).toBe(1000);
    expect(after.right).toBeGreaterThan(0.85);
    expect(after.loss).toBeLessThan(before.loss / 3);
  });

  it('gives the slope of the loss', async () => {
    const weights = startWeights(HIDDEN);
    const some = digits.slice(0, 40);
    const lossOf = async (changed: Float32Array) =>
      read((await step(digitsFile(changed, some), { hidden: HIDDEN })).result.bytes);
    const { gradient } = await lossOf(weights);
    // The steepest weight of each part: both layers and their biases.
    for (const [from, to] of [
      [0, 784 * HIDDEN],
      [784 * HIDDEN, 785 * HIDDEN],
      [785 * HIDDEN, 795 * HIDDEN],
      [795 * HIDDEN, 795 * HIDDEN + 10],
    ] as const) {
      const part = Array.from(gradient.subarray(from, to), Math.abs);
      const index = from + part.indexOf(Math.max(...part));
      const moved = (by: number) => lossOf(weights.map((weight, i) => (i === index ? weight + by : weight)));
      const slope = ((await moved(0.002)).loss - (await moved(-0.002)).loss) / 0.004;
      expect(Math.abs(slope / gradient[index]! - 1)).toBeLessThan(0.05);
    }
  });

  it('adds up over tasks: all examples, and nearly the same gradient', async () => {
    const file = digitsFile(startWeights(HIDDEN), digits.slice(0, 100));
    const one = await step(file, { hidden: HIDDEN });
    const many = await step(file, { hidden: HIDDEN }, 785 * 9);
    expect([one.tasks, many.tasks]).toEqual([1, 12]);
    const [whole, summed] = [read(one.result.bytes), read(many.result.bytes)];
    expect(summed.examples).toBe(100);
    expect(summed.right).toBe(whole.right);
    expect(Math.abs(summed.loss - whole.loss)).toBeLessThan(1e-6);
    expect(Math.max(...summed.gradient.map((value, i) => Math.abs(value - whole.gradient[i]!)))).toBeLessThan(1e-5);
    expect(formatResult(one.result).split('\n')[0]).toMatch(/^examples +right +mean loss$/);
  });

  it('refuses other weights, labels that are none, and weights that are not numbers', async () => {
    const some = digits.slice(0, 3);
    const args = { hidden: HIDDEN };
    await expect(step(digitsFile(startWeights(8), some), args)).rejects.toThrow(KernelFailure);
    await expect(step(digitsFile(startWeights(HIDDEN), [{ ...some[0]!, label: 10 }]), args)).rejects.toThrow(
      /returned -2/,
    );
    await expect(step(digitsFile(startWeights(6), some), { hidden: 6 })).rejects.toThrow(/shoal_init returned -1/);
    const broken = startWeights(HIDDEN).fill(Number.NaN);
    await expect(step(digitsFile(broken, some), args)).rejects.toThrow(/shoal_step returned -3/);
    await expect(step(digitsFile(startWeights(HIDDEN), some).subarray(0, -1), args)).rejects.toThrow(
      /whole records of 785/,
    );
  });

  it('has fuel, memory and output for the largest task and merge', () => {
    const { limits } = manifest;
    const compile = (memoryPagesMax: number) =>
      new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax })));
    const values = resolveArguments(manifest, { hidden: 64 });
    const parameters = encodeParameters(manifest, values);
    const file = digitsFile(startWeights(64), digits.slice(0, 1200));
    const [input] = splitTasks(manifest, values, { file, taskSize: 840_000 }).inputs;
    const result = runTask(compile(limits.memoryPagesMax), parameters, input!, limits.stepQuantum, {
      fuelMax: limits.fuelPerTaskMax,
      outputBytesMax: limits.outputBytesPerTaskMax,
    });
    expect(result.trap).toBe(TRAP.none);
    const parts = Array.from({ length: 32 }, () => result.output);
    expect(runReduce(compile(limits.reduce!.memoryPagesMax), parameters, parts, limits.reduce!).trap).toBe(TRAP.none);
  });
});
