/** The kernels that can be chosen by name, each with what it may touch. Looked at once, then remembered. */
import type { Cid } from '../../protocol/ids.ts';
import { cidOf } from '../../protocol/wire/block.ts';
import type { KernelReport } from '../../sandbox/inspect.ts';
import type { KernelManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';
import { builtInKernels, loadKernel } from './kernels.ts';

export interface KernelEntry {
  readonly manifest: KernelManifest;
  readonly report: KernelReport;
  /** Names the module by its content, here and in every job that uses it. */
  readonly cid: Cid;
}

export class KernelCatalogue {
  readonly #folder: string;
  readonly #inspect: (wasm: Uint8Array) => Promise<KernelReport>;
  #entries: Promise<readonly KernelEntry[]> | undefined;

  constructor(folder: string, inspect: (wasm: Uint8Array) => Promise<KernelReport>) {
    this.#folder = folder;
    this.#inspect = inspect;
  }

  /** Rejects as `loadKernel` does; the next call tries again. */
  builtIn(): Promise<readonly KernelEntry[]> {
    this.#entries ??= this.#read().catch((error: unknown) => {
      this.#entries = undefined;
      throw error;
    });
    return this.#entries;
  }

  /** What a module somebody hands in may touch. Rejects with a KernelRefusedError. */
  async inspect(body: unknown): Promise<{ readonly report: KernelReport; readonly cid: Cid }> {
    const wasm = await bytesOf(body);
    return { report: await this.#inspect(wasm), cid: cidOf(wasm, 'raw') };
  }

  async #read(): Promise<readonly KernelEntry[]> {
    const entries: KernelEntry[] = [];
    for (const name of await builtInKernels(this.#folder)) {
      const { wasm, manifest } = await loadKernel({ name }, this.#folder, this.#inspect);
      entries.push({ manifest, report: await this.#inspect(wasm), cid: cidOf(wasm, 'raw') });
    }
    return entries;
  }
}

const KERNEL_BYTES_MAX = 2 * 1024 * 1024;

/** A body of type application/octet-stream arrives as a stream. */
async function bytesOf(body: unknown): Promise<Uint8Array> {
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) {
    throw new ShoalError('usage', 'expected a WebAssembly module as application/octet-stream');
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > KERNEL_BYTES_MAX) throw new ShoalError('too-large', 'a kernel may have up to 2 MiB');
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
