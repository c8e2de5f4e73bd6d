/**
 * An instance of a metered kernel, as the host sees it: exports to call, memory to write the input into, fuel. Between two
 * calls its state is memory and globals, which can be saved and put into another instance of the same module, or put
 * back to what they were when this one was made. `saved-globals.ts` says for which kernels that is all of the state.
 */
import { captureMemory, type MemoryImage, putMemory, putRanges } from './memory-image.ts';
import { FUEL_EXPORT, HOST_FAILURE_EXPORT, RESTORE_EXPORT, SAVE_EXPORT, START_EXPORT } from './meter.ts';
import { PAGE_BYTES } from './module.ts';
import { SandboxFailure } from './sandbox-failure.ts';

type KernelFunction = (argument?: number) => number;

/** Between two calls, and therefore complete. */
export interface InstanceState {
  readonly memory: MemoryImage;
  /** Mutable globals as words, fuel among them. */
  readonly globals: readonly bigint[];
}

export class KernelInstance {
  readonly memory: WebAssembly.Memory;
  readonly #exports: WebAssembly.Exports;
  readonly #fuel: WebAssembly.Global;

  /** Throws a SandboxFailure. */
  constructor(module: WebAssembly.Module) {
    try {
      this.#exports = new WebAssembly.Instance(module, {}).exports;
    } catch (error) {
      // Segments are checked before a kernel is accepted, so only a want of memory is left.
      throw new SandboxFailure('out-of-memory', `no instance of the kernel: ${textOf(error)}`);
    }
    this.memory = this.#exports.memory as WebAssembly.Memory;
    this.#fuel = this.#exports[FUEL_EXPORT] as WebAssembly.Global;
  }

  /** Calls an export that the inspection has found. */
  call(name: string, argument?: number): number {
    return (this.#exports[name] as KernelFunction)(argument);
  }

  /** The start function, and what a toolchain exports to be called first. */
  start(): void {
    for (const name of [START_EXPORT, '_initialize', '_start']) if (name in this.#exports) this.call(name);
  }

  /** Writes the input where the kernel wants it. */
  give(input: Uint8Array): boolean {
    const address = this.call('shoal_alloc', input.length) >>> 0;
    if (address === 0 || address + input.length > this.memory.buffer.byteLength) return false;
    new Uint8Array(this.memory.buffer, address, input.length).set(input);
    return true;
  }

  get fuel(): bigint {
    return this.#fuel.value as bigint;
  }

  set fuel(value: bigint) {
    this.#fuel.value = value;
  }

  /** This machine had no memory for a growth the limit allowed. */
  get hasHostFailure(): boolean {
    return (this.#exports[HOST_FAILURE_EXPORT] as WebAssembly.Global).value !== 0;
  }

  get isResumable(): boolean {
    return SAVE_EXPORT in this.#exports;
  }

  /** Undefined when memory and globals are not the whole state, or more than `bytesMax` bytes of memory are not zero. */
  save(bytesMax: number): InstanceState | undefined {
    if (!this.isResumable) return undefined;
    const memory = captureMemory(this.memory, bytesMax);
    if (memory === undefined) return undefined;
    return { memory, globals: this.#globals() };
  }

  /** For a fresh instance. Throws a SandboxFailure, `out-of-memory` when there is no room for the saved memory. */
  restore(state: InstanceState): void {
    try {
      putMemory(this.memory, state.memory);
    } catch (error) {
      throw new SandboxFailure('out-of-memory', `no memory for a saved state of the kernel: ${textOf(error)}`);
    }
    this.#setGlobals(state.globals);
  }

  /** Back to `initial`, which was saved when it was made. False when that is not possible: a memory does not shrink. */
  reset(initial: InstanceState): boolean {
    const all = new Uint8Array(this.memory.buffer);
    if (all.length !== initial.memory.pages * PAGE_BYTES) return false;
    all.fill(0);
    putRanges(all, initial.memory.ranges);
    this.#setGlobals(initial.globals);
    return true;
  }

  #globals(): readonly bigint[] {
    return (this.#exports[SAVE_EXPORT] as unknown as () => readonly bigint[])();
  }

  #setGlobals(words: readonly bigint[]): void {
    (this.#exports[RESTORE_EXPORT] as unknown as (...words: readonly bigint[]) => void)(...words);
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
