/**
 * Builds what the sandbox process runs into `dist/sandbox`: a file for the process, one for its threads, one they share,
 * with everything they import inside. So the process needs to read this folder and nothing else of this machine,
 * wherever a package manager has put the packages; and threads start in half the time.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from here.
export default defineConfig({
  root: path('.'),
  publicDir: false,
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: true,
    outDir: path('../../../dist/sandbox'),
    emptyOutDir: true,
    target: 'node20',
    // Stack traces of a crash are to be read.
    minify: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: { process: path('process-entry.ts'), thread: path('entry.ts') },
      output: { format: 'es', entryFileNames: '[name].mjs', chunkFileNames: 'shared.mjs' },
    },
  },
});
