/**
 * The kernels that can be chosen by name, each with what it may touch, and the one door through which a kernel of any
 * origin becomes part of a job. `R` is the sandbox's report of a kernel, of which only one fact matters here.
 */
import type { Cid } from '../../protocol/ids.ts';
import { cidOf } from '../../protocol/wire/block.ts';
import { SdkError } from '../error.ts';
import type { KernelManifest } from '../manifest.ts';

export interface Report {
  /** Whether outputs can be merged by the kernel itself. */
  readonly hasReduce: boolean;
}

export interface LoadedKernel {
  readonly wasm: Uint8Array;
  readonly manifest: KernelManifest;
}

export interface KernelEntry<R extends Report> {
  readonly manifest: KernelManifest;
  readonly report: R;
  /** Names the module by its content, here and in every job that uses it. */
  readonly cid: Cid;
}

/** One built in, or bytes and manifest that were handed in. */
export type KernelChoice = { readonly name: string } | { readonly bytes: Uint8Array; readonly manifest: unknown };

/** Kernels that came with this peer. */
export interface KernelLibrary {
  names(): Promise<readonly string[]>;
  /** Rejects where there is none of that name, or it cannot be read. */
  load(name: string): Promise<LoadedKernel>;
}

/** Looks at a module without running it, as of this ABI or as what it seems to be. Rejects with an Error that says why it is refused. */
export type Inspect<R extends Report> = (wasm: Uint8Array, abi?: number) => Promise<R>;

export class KernelCatalogue<R extends Report = Report> {
  readonly #library: KernelLibrary;
  readonly #inspect: Inspect<R>;
  #entries: Promise<readonly KernelEntry<R>[]> | undefined;

  constructor(library: KernelLibrary, inspect: Inspect<R>) {
    this.#library = library;
    this.#inspect = inspect;
  }

  /** Looked at once, then remembered. Rejects as the library and `inspect` do; the next call tries again. */
  builtIn(): Promise<readonly KernelEntry<R>[]> {
    this.#entries ??= this.#read().catch((error: unknown) => {
      this.#entries = undefined;
      throw error;
    });
    return this.#entries;
  }

  /** What a module somebody hands in may touch. */
  async inspect(wasm: Uint8Array, abi?: number): Promise<Pick<KernelEntry<R>, 'report' | 'cid'>> {
    return { report: await this.#inspect(wasm, abi), cid: cidOf(wasm, 'raw') };
  }

  /** A kernel that can be run. Rejects as the library and `inspect` do, or with an SdkError. */
  async load(choice: KernelChoice): Promise<LoadedKernel> {
    const loaded = 'name' in choice ? await this.#library.load(choice.name) : await fromParts(choice);
    checkReduce(loaded.manifest, await this.#inspect(loaded.wasm, loaded.manifest.abi));
    return loaded;
  }

  async #read(): Promise<readonly KernelEntry<R>[]> {
    const entries: KernelEntry<R>[] = [];
    for (const name of await this.#library.names()) {
      const { wasm, manifest } = await this.#library.load(name);
      const entry = { manifest, ...(await this.inspect(wasm, manifest.abi)) };
      checkReduce(manifest, entry.report);
      entries.push(entry);
    }
    return entries;
  }
}

/** The schema is only needed by who submits: a page loads it then. */
async function fromParts({ bytes, manifest }: Extract<KernelChoice, { bytes: unknown }>): Promise<LoadedKernel> {
  const { checkManifest } = await import('../manifest.ts');
  return { wasm: bytes, manifest: checkManifest(manifest) };
}

function checkReduce({ name, result }: KernelManifest, { hasReduce }: Report): void {
  if (result.join !== 'reduce' || hasReduce) return;
  throw new SdkError(
    'kernel-refused',
    `kernel ${name}: its manifest joins results by "reduce", but it does not export shoal_reduce`,
  );
}
