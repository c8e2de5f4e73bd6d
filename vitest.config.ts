import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/priority.ts', 'test/support/sandbox-code.ts'],
    setupFiles: ['node/runtime/polyfills.ts'],
    // Ends a hang, and nothing that is merely slow on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // More than two cores have: tests with real peers and browsers wait most of the time, for timers and for each other.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['node/protocol/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { 'node/protocol/**': { lines: 95 } },
    },
  },
});
