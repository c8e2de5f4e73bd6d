/** Shortcuts for tests that run modules on this thread. */
import { meter } from '../../node/sandbox/meter.ts';
import { runTask, type TaskResult } from '../../node/sandbox/task.ts';
import { weightsOf } from '../../node/sandbox/weights.ts';
import { type KernelParts, kernel } from './kernels.ts';

export const FUEL = 1_000_000;
/** Small numbers, so that fuel can be counted by hand; and they never change. */
export const COUNTABLE = weightsOf(1)!;
export const MODES = ['simple', 'merged'] as const;
export type Mode = (typeof MODES)[number];

export function compile(bytes: Uint8Array): WebAssembly.Module {
  return new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
}

/** Meters and runs a kernel with empty input. */
export function runKernel(parts: KernelParts, fuelMax = FUEL, memoryPagesMax = 16, mode: Mode = 'simple'): TaskResult {
  const module = compile(meter(kernel(parts), { memoryPagesMax, mode, weights: COUNTABLE }));
  const empty = new Uint8Array(0);
  return runTask(module, empty, empty, 1, { fuelMax, outputBytesMax: 4_096 });
}

/** The output as unsigned 64-bit words in hex. */
export function words64(result: TaskResult): readonly string[] {
  const view = new DataView(result.output.slice().buffer);
  return Array.from({ length: result.output.length / 8 }, (_, index) =>
    view.getBigUint64(index * 8, true).toString(16),
  );
}

/** A metered module that is no kernel: its exports, and what a call costs. */
export function meteredExports(
  bytes: Uint8Array,
  mode: Mode = 'simple',
): {
  readonly exports: Record<string, (...values: never[]) => unknown>;
  fuelOf(call: () => unknown): number;
} {
  const { exports } = new WebAssembly.Instance(
    compile(meter(bytes, { memoryPagesMax: 16, mode, weights: COUNTABLE })),
    {},
  );
  const fuel = exports['shoal:fuel'] as WebAssembly.Global;
  return {
    exports: exports as Record<string, (...values: never[]) => unknown>,
    fuelOf: (call) => {
      fuel.value = BigInt(FUEL);
      call();
      return FUEL - Number(fuel.value);
    },
  };
}
