/**
 * The smallest host a kernel can have: the step ABI and nothing else. No metering, no worker; it shows what a kernel
 * computes on its own, so that the sandbox can be compared with it.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { concatBytes, uint32Bytes } from '../../node/protocol/bytes.ts';
import { type KernelManifest, parseManifest } from '../../node/sdk/manifest.ts';

export const KERNELS = [
  'k-means',
  'lucas-lehmer',
  'mandelbrot',
  'mlp-train',
  'option-price',
  'path-trace',
  'prime-count',
  'sequence-align',
  'spectrum',
  'word-count',
] as const;
export type KernelName = (typeof KERNELS)[number];

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  shoal_abi(): number;
  shoal_alloc(n: number): number;
  shoal_init(): number;
  shoal_step(n: number): number;
  shoal_out_ptr(): number;
  shoal_out_len(): number;
  shoal_reduce?(): number;
}

export class KernelFailure extends Error {
  override readonly name = 'KernelFailure';
}

/** A built kernel: of this package by its name, or any by its folder. */
export class Kernel {
  readonly manifest: KernelManifest;
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly module: WebAssembly.Module;

  constructor(nameOrFolder: KernelName | string) {
    const folder = fileURLToPath(new URL('../../dist/kernels/', import.meta.url));
    const file = (name: string) => path.resolve(folder, nameOrFolder, name);
    if (!existsSync(file('kernel.wasm'))) throw new Error(`${nameOrFolder} is not built: run \`npm run build\` first`);
    this.wasm = Uint8Array.from(readFileSync(file('kernel.wasm')));
    this.manifest = parseManifest(readFileSync(file('kernel.json'), 'utf8'));
    this.module = new WebAssembly.Module(this.wasm);
  }

  /** Throws a KernelFailure where the kernel returns an error, a RuntimeError where it traps. */
  run(parameters: Uint8Array, input: Uint8Array, stepQuantum = this.manifest.limits.stepQuantum): Uint8Array {
    const kernel = this.#start(taskBytes(parameters, input));
    let left = nonNegative('shoal_init', kernel.shoal_init());
    while (left > 0) left = nonNegative('shoal_step', kernel.shoal_step(stepQuantum));
    return output(kernel);
  }

  /** Every value `shoal_step` returns, one step a call, with the total in front. */
  progress(parameters: Uint8Array, input: Uint8Array): number[] {
    const kernel = this.#start(taskBytes(parameters, input));
    const left = [nonNegative('shoal_init', kernel.shoal_init())];
    while ((left.at(-1) as number) > 0) left.push(nonNegative('shoal_step', kernel.shoal_step(1)));
    return left;
  }

  reduce(parameters: Uint8Array, outputs: readonly Uint8Array[]): Uint8Array {
    const parts = outputs.flatMap((part) => [uint32Bytes(part.length), part]);
    const kernel = this.#start(taskBytes(parameters, concatBytes(uint32Bytes(outputs.length), ...parts)));
    if (kernel.shoal_reduce === undefined) throw new KernelFailure('no shoal_reduce');
    nonNegative('shoal_reduce', kernel.shoal_reduce());
    return output(kernel);
  }

  #start(bytes: Uint8Array): KernelExports {
    const kernel = new WebAssembly.Instance(this.module, {}).exports as unknown as KernelExports & { _start?(): void };
    kernel._start?.();
    if (kernel.shoal_abi() !== 1) throw new KernelFailure('shoal_abi');
    const at = kernel.shoal_alloc(bytes.length);
    new Uint8Array(kernel.memory.buffer, at, bytes.length).set(bytes);
    return kernel;
  }
}

export function taskBytes(parameters: Uint8Array, input: Uint8Array): Uint8Array {
  return concatBytes(uint32Bytes(parameters.length), parameters, input);
}

function output(kernel: KernelExports): Uint8Array {
  return new Uint8Array(kernel.memory.buffer, kernel.shoal_out_ptr(), kernel.shoal_out_len()).slice();
}

function nonNegative(call: string, value: number): number {
  if (value < 0) throw new KernelFailure(`${call} returned ${value}`);
  return value;
}
