/**
 * What the fuzzers of vectors share: a module whose arithmetic stands as it is, beside the same with each result made
 * canonical at once, by hand; the metered first one has to leave the same memory as the second one.
 */
import { assemble } from '../sandbox/kernels.ts';
import type { Rewriter } from './compare.ts';

export type LaneShape = 'f32x4' | 'f64x2';

/** Functions that make a vector canonical, by the plainest instructions there are. */
const CANONICAL = (
  [
    ['$f64', 'f64x2', 'i64x2 0x7ff8000000000000 0x7ff8000000000000'],
    ['$f32', 'f32x4', 'i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000'],
  ] as const
)
  .map(
    ([name, shape, nan]) => `(func ${name} (param v128) (result v128)
      (v128.bitselect (local.get 0) (v128.const ${nan}) (${shape}.eq (local.get 0) (local.get 0))))`,
  )
  .join('\n');

/** Arithmetic, as it is or made canonical. */
export function made(shape: LaneShape, text: string, canonical: boolean): string {
  return canonical ? `(call $${shape.slice(0, 3)} ${text})` : text;
}

/** A module with a page of memory, and what is said of it: `run` among other things. */
export function vectorModule(fields: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(assemble(`(module (memory (export "memory") 1) ${CANONICAL} ${fields})`));
}

/** What differs in the first bytes of memory; undefined if nothing does. */
export function compareMemory(
  module: (canonical: boolean) => Uint8Array<ArrayBuffer>,
  length: number,
  { meter }: Rewriter,
  mode: 'simple' | 'merged',
): string | undefined {
  const metered = meter(module(false), { memoryPagesMax: 1, mode });
  const [actual, expected] = [memoryOf(Uint8Array.from(metered), length), memoryOf(module(true), length)];
  return actual === expected ? undefined : `${actual} instead of ${expected}`;
}

/** After a run, in hex. */
function memoryOf(bytes: Uint8Array<ArrayBuffer>, length: number): string {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global | undefined;
  if (fuel !== undefined) fuel.value = 10n ** 9n;
  (exports.run as () => void)();
  return Buffer.from((exports.memory as WebAssembly.Memory).buffer, 0, length).toString('hex');
}
