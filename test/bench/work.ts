/**
 * Work of any grain: squares inside the Mandelbrot set, where every pixel takes all iterations, so that a task costs
 * exactly what its side and the number of iterations say. The kernel is the built-in one, with limits that fit.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { type KernelManifest, parseManifest } from '../../node/sdk/manifest.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { CHECKOUT } from '../support/daemon.ts';

export interface Grain {
  readonly name: string;
  /** Work of one task beyond what an empty one costs. */
  readonly taskMs: number;
  /** Pixels to a side of a task's square. */
  readonly side: number;
  readonly tasksPerUnit: number;
  readonly columns: number;
  readonly rows: number;
}

export const GRAINS: readonly Grain[] = [
  { name: '10 µs', taskMs: 0.01, side: 2, tasksPerUnit: 1_024, columns: 256, rows: 256 },
  { name: '10 ms', taskMs: 10, side: 16, tasksPerUnit: 32, columns: 32, rows: 20 },
  { name: '500 ms', taskMs: 500, side: 112, tasksPerUnit: 1, columns: 8, rows: 2 },
];

export interface Kernel {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly manifest: KernelManifest;
}

export interface Work {
  readonly grain: Grain;
  readonly kernel: Kernel;
  readonly iterations: number;
  readonly tasks: number;
  readonly arguments: Readonly<Record<string, string>>;
  readonly parameters: Uint8Array;
  readonly inputs: readonly Uint8Array[];
}

export async function loadKernel(): Promise<Kernel> {
  const folder = join(CHECKOUT, 'dist', 'kernels', 'mandelbrot');
  const manifest = parseManifest(await readFile(join(folder, 'kernel.json'), 'utf8'));
  return { wasm: new Uint8Array(await readFile(join(folder, 'kernel.wasm'))), manifest };
}

export function workOf({ wasm, manifest: original }: Kernel, grain: Grain, iterations: number): Work {
  const { side, columns, rows, tasksPerUnit, taskMs } = grain;
  const limits = { ...original.limits, outputBytesPerTaskMax: side * side * 2, tasksPerUnit };
  const manifest = { ...original, limits, expected: { taskMs } };
  const args = {
    width: String(side * columns),
    height: String(side * rows),
    centreX: '-0.1',
    centreY: '0',
    span: '0.000001',
    iterations: String(iterations),
  };
  const values = resolveArguments(manifest, args);
  const inputs = [...splitTasks(manifest, values, { taskSize: side }).inputs];
  const parameters = encodeParameters(manifest, values);
  return { grain, kernel: { wasm, manifest }, iterations, tasks: inputs.length, arguments: args, parameters, inputs };
}

/** Whether every pixel of the result took all iterations. */
export function isRight({ iterations, grain, tasks }: Work, result: Uint8Array): boolean {
  const pixels = Buffer.from(result.buffer, result.byteOffset, result.byteLength);
  if (pixels.length !== tasks * grain.side ** 2 * 2) return false;
  for (let at = 0; at < pixels.length; at += 2) if (pixels.readUInt16LE(at) !== iterations) return false;
  return true;
}
