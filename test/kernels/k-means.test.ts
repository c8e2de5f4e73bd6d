/** k-means: steps that find clusters, the same sums however points are cut, and its bounds. Its vectors are SciPy's. */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../node/protocol/bytes.ts';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runReduce, runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { handwrittenDigits, pointsFile, random } from '../bench/native/inputs.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('k-means');
const { manifest } = kernel;

async function step(file: Uint8Array, args: ArgumentInputs, taskSize?: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const inputs = splitTasks(manifest, values, { file, taskSize }).inputs;
  const outputs = Array.from(inputs, (input) => kernel.run(parameters, input));
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  return joinOutputs({ manifest, values, outputs, taskSize, reduce });
}

interface Cluster {
  readonly points: number;
  readonly squares: number;
  readonly sums: readonly number[];
}

function clustersOf(bytes: Uint8Array, dimensions: number): Cluster[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = 32 + dimensions * 8;
  return Array.from({ length: bytes.length / size }, (_, row) => ({
    points: Number(view.getBigUint64(row * size + 4, true)),
    squares: Number(view.getBigUint64(row * size + 20, true)),
    sums: Array.from({ length: dimensions }, (_, d) => Number(view.getBigUint64(row * size + 32 + d * 8, true))),
  }));
}

function nextCentroids(before: readonly ArrayLike<number>[], clusters: readonly Cluster[]): number[][] {
  return clusters.map(({ points, sums }, cluster) =>
    points === 0 ? Array.from(before[cluster]!) : sums.map((sum) => Math.floor((8 * sum) / points + 0.5)),
  );
}

describe('k-means', () => {
  it('finds three clouds of points, and then stays', async () => {
    const next = random(3);
    const centres = [
      [40, 40],
      [200, 60],
      [120, 210],
    ];
    const points = Array.from({ length: 600 }, (_, i) =>
      Uint8Array.from(centres[i % 3]!, (centre) => centre + Math.floor((next() - 0.5) * 40)),
    );
    let centroids = points.slice(0, 3).map((point) => Array.from(point, (value) => value * 8));
    let spread = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10; i++) {
      const clusters = clustersOf(
        (await step(pointsFile(centroids, points), { clusters: 3, dimensions: 2 }, 300)).bytes,
        2,
      );
      const now = clusters.reduce((sum, { squares }) => sum + squares, 0);
      expect(now).toBeLessThanOrEqual(spread);
      spread = now;
      centroids = nextCentroids(centroids, clusters);
      expect(clusters.reduce((sum, cluster) => sum + cluster.points, 0)).toBe(600);
    }
    for (const centre of centres) {
      expect(centroids.some((found) => Math.hypot(found[0]! / 8 - centre[0]!, found[1]! / 8 - centre[1]!) < 4)).toBe(
        true,
      );
    }
  });

  it('groups handwritten digits: clusters of mostly one digit', async () => {
    const digits = (await handwrittenDigits()).slice(0, 1500);
    const points = digits.map(({ pixels }) => pixels);
    let centroids = points.slice(0, 24).map((point) => Array.from(point, (value) => value * 8));
    for (let i = 0; i < 6; i++) {
      const { bytes } = await step(pointsFile(centroids, points), { clusters: 24, dimensions: 784 });
      centroids = nextCentroids(centroids, clustersOf(bytes, 784));
    }
    const nearest = points.map((point) => {
      const distances = centroids.map((centroid) => point.reduce((sum, v, d) => sum + (8 * v - centroid[d]!) ** 2, 0));
      return distances.indexOf(Math.min(...distances));
    });
    const votes = centroids.map((_, cluster) => {
      const labels = digits.filter((_, i) => nearest[i] === cluster).map(({ label }) => label);
      return Math.max(0, ...Array.from({ length: 10 }, (_, label) => labels.filter((other) => other === label).length));
    });
    expect(votes.reduce((sum, n) => sum + n, 0) / digits.length).toBeGreaterThan(0.6);
  });

  it('gives the same sums however the points are cut, and shows clusters', async () => {
    const points = (await handwrittenDigits()).slice(0, 100).map(({ pixels }) => pixels);
    const file = pointsFile([new Uint16Array(784), new Uint16Array(784).fill(900)], points);
    const whole = await step(file, { clusters: 2, dimensions: 784 });
    for (const taskSize of [1, 784 * 7, 50_000]) {
      const cut = await step(file, { clusters: 2, dimensions: 784 }, taskSize);
      expect(Buffer.from(cut.bytes)).toEqual(Buffer.from(whole.bytes));
    }
    expect(formatResult(whole).split('\n')[0]).toMatch(/^cluster +points +mean squared distance$/);
  });

  it('refuses files and parameters that do not fit', async () => {
    const point = new Uint8Array(3);
    const run = (args: ArgumentInputs, file: Uint8Array) => step(file, args);
    await expect(run({ clusters: 2, dimensions: 3 }, pointsFile([new Uint16Array(3)], [point]))).rejects.toThrow(
      KernelFailure,
    );
    await expect(run({ clusters: 1, dimensions: 2 }, pointsFile([new Uint16Array(2)], [point]))).rejects.toThrow(
      /whole records of 2/,
    );
    const far = pointsFile([new Uint16Array(3).fill(2041)], [point]);
    await expect(run({ clusters: 1, dimensions: 3 }, far)).rejects.toThrow(KernelFailure);
    await expect(
      run({ clusters: 33, dimensions: 2000 }, pointsFile([new Uint16Array(66_000)], [new Uint8Array(2000)])),
    ).rejects.toThrow(KernelFailure);
  });

  it('has fuel, memory and output for the largest task and merge', () => {
    const { limits } = manifest;
    const compile = (memoryPagesMax: number) =>
      new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax })));
    for (const [clusters, dimensions] of [
      [4096, 16],
      [32, 2048],
    ] as const) {
      const parameters = encodeParameters(manifest, resolveArguments(manifest, { clusters, dimensions }));
      const room = limits.inputBytesPerTaskMax - 4 - clusters * dimensions * 2;
      const points = new Uint8Array(room - (room % dimensions)).map((_, i) => i * 7);
      const file = pointsFile([new Uint16Array(clusters * dimensions).map((_, i) => (i * 31) % 2041)], [points]);
      const result = runTask(compile(limits.memoryPagesMax), parameters, file, limits.stepQuantum, {
        fuelMax: limits.fuelPerTaskMax,
        outputBytesMax: limits.outputBytesPerTaskMax,
      });
      expect(result.trap).toBe(TRAP.none);
      const parts = Array.from({ length: 32 }, () => result.output);
      const merged = runReduce(compile(limits.reduce!.memoryPagesMax), parameters, parts, limits.reduce!);
      expect(merged.trap).toBe(TRAP.none);
      expect(concatBytes(merged.output)).toHaveLength(result.output.length);
    }
  });
});
