/** Builds the page into `dist/browser`: one document, hashed assets, nothing inline, nothing from elsewhere. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from here.
export default defineConfig({
  root: path('page'),
  base: './',
  publicDir: false,
  build: {
    outDir: path('../dist/browser'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
