/**
 * Builds the volunteer tab into `dist/volunteer`: a folder of static files that works wherever it is put. Addresses are
 * relative, names carry hashes, nothing is inline. The peer itself, and what only some peers need, are files of their
 * own that load beside the first view.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { kernelAssets } from './kernel-assets.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const { version } = JSON.parse(readFileSync(path('../package.json'), 'utf8')) as { readonly version: string };

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from here.
export default defineConfig({
  root: path('page/volunteer'),
  base: './',
  publicDir: false,
  plugins: [kernelAssets(path('../dist/kernels'))],
  define: { SHOAL_VERSION: JSON.stringify(version) },
  build: {
    outDir: path('../dist/volunteer'),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
});
