/**
 * Puts the built-in kernels into a build of the page: `kernels/index.json`, a list of names, and for each of them
 * `kernels/<name>/kernel.wasm` and `kernel.json`, unchanged. They are fetched only when somebody wants to submit.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const FILES = ['kernel.wasm', 'kernel.json'] as const;

/** `folder` holds one folder for each built kernel, as the kernels' own build leaves them. */
export function kernelAssets(folder: string): Plugin {
  return {
    name: 'shoal-kernels',
    generateBundle() {
      const names = existsSync(folder) ? readdirSync(folder).filter((name) => isKernel(join(folder, name))) : [];
      if (names.length === 0) {
        this.error(`no built kernels in ${folder}: run "node dist/kernels/build.js" before the page is built`);
      }
      for (const name of names) {
        for (const file of FILES) {
          const source = readFileSync(join(folder, name, file));
          this.emitFile({ type: 'asset', fileName: `kernels/${name}/${file}`, source });
        }
      }
      const source = JSON.stringify(names.sort());
      this.emitFile({ type: 'asset', fileName: 'kernels/index.json', source });
    },
  };
}

function isKernel(folder: string): boolean {
  return FILES.every((file) => existsSync(join(folder, file)));
}
