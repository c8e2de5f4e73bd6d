/** The kernels built with this package: one folder each, with `kernel.wasm` and `kernel.json`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelLibrary } from '../../sdk/jobs/catalogue.ts';
import { parseManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';

/** `load` rejects with a ShoalError `missing-file` or an SdkError `manifest-invalid`. */
export function kernelsIn(folder: string): KernelLibrary {
  return {
    names: () => builtInKernels(folder),
    async load(name) {
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
    },
  };
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
