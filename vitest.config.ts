import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/sandbox-code.ts'],
    setupFiles: ['node/runtime/polyfills.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: real peers in child processes leave room for one more test file beside them.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['node/protocol/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { 'node/protocol/**': { lines: 95 } },
    },
  },
});
