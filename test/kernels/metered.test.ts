/** In the sandbox a kernel computes what it computes on its own: metering changes no byte, and fuel is repeatable. */
import { describe, expect, it, vi } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runReduce, runTask } from '../../node/sandbox/task.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { digitsFile, pointsFile, proteins, radioSamples, random, startWeights } from '../bench/native/inputs.ts';
import { KERNELS, Kernel, type KernelName } from './host.ts';
import { mobyDick } from './moby-dick.ts';
import { readVectors } from './vectors.ts';

// Whole jobs of heavy kernels, one after the other, on a machine that may be busy: the limit only ends a hang.
vi.setConfig({ testTimeout: 240_000 });

function sandboxed(kernel: Kernel) {
  const { limits } = kernel.manifest;
  const compile = (memoryPagesMax: number) =>
    new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax })));
  const module = compile(limits.memoryPagesMax);
  const taskLimits = { fuelMax: limits.fuelPerTaskMax, outputBytesMax: limits.outputBytesPerTaskMax };
  return {
    run: (parameters: Uint8Array, input: Uint8Array) =>
      runTask(module, parameters, input, limits.stepQuantum, taskLimits),
    reduce: (parameters: Uint8Array, outputs: readonly Uint8Array[]) => {
      if (limits.reduce === undefined) throw new Error(`${kernel.manifest.name} has no limits for a merge`);
      return runReduce(compile(limits.reduce.memoryPagesMax), parameters, outputs, limits.reduce);
    },
  };
}

/** Centroids, and half a megabyte of points of 100 dimensions. */
function colours(): Uint8Array {
  const next = random(8);
  const centroids = [100, 900, 1700].map((value) => new Uint16Array(100).fill(value));
  return pointsFile(centroids, [Uint8Array.from({ length: 500_000 }, () => Math.floor(next() * 256))]);
}

function pictures(): Uint8Array {
  const next = random(9);
  const pixels = () => Uint8Array.from({ length: 784 }, () => Math.floor(next() * 256));
  return digitsFile(
    startWeights(16),
    Array.from({ length: 250 }, (_, i) => ({ label: i % 10, pixels: pixels() })),
  );
}

const JOBS: Record<KernelName, { args: Record<string, string | number>; file?: Uint8Array; tasks: number }> = {
  'word-count': { args: { n: 3, passes: 2 }, file: new TextEncoder().encode(mobyDick()), tasks: 300 },
  'k-means': { args: { clusters: 3, dimensions: 100 }, file: colours(), tasks: 2 },
  'lucas-lehmer': { args: { from: 1000, to: 1300 }, tasks: 19 },
  mandelbrot: { args: { width: 250, height: 130, iterations: 500 }, tasks: 12 },
  'mlp-train': { args: { hidden: 16 }, file: pictures(), tasks: 2 },
  'option-price': { args: { paths: 10_000_001, first: 9_000_000 }, tasks: 2 },
  'sequence-align': { args: {}, file: proteins(200, 400), tasks: 2 },
  spectrum: { args: { drifts: 2, threshold: 8 }, file: radioSamples(100_000, [], 2), tasks: 2 },
  'path-trace': { args: { width: 70, height: 40, samples: 2 }, tasks: 6 },
  'prime-count': { args: { from: '1e9', to: '1_020_000_000' }, tasks: 5 },
};

describe.each(KERNELS)('%s in the sandbox', (name) => {
  const kernel = new Kernel(name);
  const sandbox = sandboxed(kernel);

  it.each(readVectors(kernel.manifest))('computes: $name', ({ parameters, input }) => {
    const result = sandbox.run(parameters, input);
    expect(result.trap).toBe(TRAP.none);
    expect(Buffer.compare(result.output, kernel.run(parameters, input))).toBe(0);
    expect(result.fuel).toBeGreaterThan(0);
    expect(sandbox.run(parameters, input).fuel).toBe(result.fuel);
  });

  it('computes a whole job as it does outside, within its own limits', () => {
    const { manifest } = kernel;
    const { args, file, tasks } = JOBS[name];
    const values = resolveArguments(manifest, args);
    const parameters = encodeParameters(manifest, values);
    const outputs: Uint8Array[] = [];
    for (const input of splitTasks(manifest, values, { file }).inputs) {
      const result = sandbox.run(parameters, input);
      expect(result.trap).toBe(TRAP.none);
      expect(Buffer.compare(result.output, kernel.run(parameters, input))).toBe(0);
      outputs.push(result.output);
    }
    expect(outputs.length).toBeGreaterThanOrEqual(tasks);
    if (manifest.result.join !== 'reduce') return;
    const merged = sandbox.reduce(parameters, outputs);
    expect(merged.trap).toBe(TRAP.none);
    expect(Buffer.compare(merged.output, kernel.reduce(parameters, outputs))).toBe(0);
  });

  it('ends with a trap, not with a failure of the host, on an input it refuses', () => {
    const refused = [new Uint8Array(0), new Uint8Array(3)].map((input) => sandbox.run(new Uint8Array(2), input).trap);
    for (const trap of refused) expect([TRAP.trap, TRAP.kernelError]).toContain(trap);
  });
});

describe('the limits of word-count', () => {
  it('hold for the hardest input of the size they allow: distinct words of one and two letters, five in a row', () => {
    const kernel = new Kernel('word-count');
    const { manifest } = kernel;
    const { inputBytesPerTaskMax } = manifest.limits;
    let text = '';
    for (let i = 0; text.length < inputBytesPerTaskMax - 8; i++) text += `${(i % 1296).toString(36)} `;
    const parameters = encodeParameters(manifest, resolveArguments(manifest, { n: 5 }));
    const result = sandboxed(kernel).run(parameters, new TextEncoder().encode(text));
    expect(result.trap).toBe(TRAP.none);
  });
});
