/** Where a kernel comes from: one of those built with this package, or bytes and manifest that were handed in. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelReport } from '../../sandbox/inspect.ts';
import { checkManifest, type KernelManifest, parseManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';

export interface LoadedKernel {
  readonly wasm: Uint8Array;
  readonly manifest: KernelManifest;
}

export type KernelSource = { readonly name: string } | { readonly bytes: Uint8Array; readonly manifest: unknown };

/** Rejects with a ShoalError, a KernelRefusedError or an SdkError that says what is wrong with it. */
export async function loadKernel(
  source: KernelSource,
  folder: string,
  inspect: (wasm: Uint8Array) => Promise<KernelReport>,
): Promise<LoadedKernel> {
  const { wasm, manifest } =
    'name' in source
      ? await loadBuiltIn(source.name, folder)
      : { wasm: source.bytes, manifest: checkManifest(source.manifest) };
  const report = await inspect(wasm);
  if (manifest.result.join === 'reduce' && !report.hasReduce) {
    throw new ShoalError(
      'kernel-refused',
      `kernel ${manifest.name}: its manifest joins results by "reduce", but it does not export shoal_reduce`,
    );
  }
  return { wasm, manifest };
}

export async function builtInKernels(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

async function loadBuiltIn(name: string, folder: string): Promise<LoadedKernel> {
  const known = await builtInKernels(folder);
  if (!known.includes(name)) {
    throw new ShoalError(
      'missing-file',
      `no kernel named ${name}; built in are ${known.join(', ') || 'none (run "npm run build")'}. For your own give a folder with kernel.json, or a .wasm file.`,
    );
  }
  const text = await readFile(join(folder, name, 'kernel.json'), 'utf8');
  const wasm = new Uint8Array(await readFile(join(folder, name, 'kernel.wasm')));
  return { wasm, manifest: parseManifest(text, `${name}/kernel.json`) };
}
