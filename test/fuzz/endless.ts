/**
 * Generated modules that would go on for a million rounds and calls, on a budget that is empty long before: wherever the
 * rounds come from, the fuel has to end them soon.
 */
import { COUNTABLE } from '../sandbox/run.ts';
import type { Rewriter } from './compare.ts';
import { generateModule } from './generator.ts';

const ROUNDS = 1_000_000;
const FUEL = 20_000;
const PAGES = 3;
/** What is charged at once before it is seen that there is not enough: a page that is added, and some hundred instructions. */
const OVERRUN_MAX = 10_000;

/** Undefined where nothing runs on for long. */
export function runsOn(seed: number, { meter }: Rewriter, mode: 'simple' | 'merged'): string | undefined {
  const bytes = generateModule({ seed, canonical: false, budget: ROUNDS });
  const metered = meter(bytes, { memoryPagesMax: PAGES, mode, weights: COUNTABLE });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(metered)), {});
  const left = exports['shoal:fuel'] as WebAssembly.Global;
  left.value = BigInt(FUEL);
  try {
    (exports.run as (a: number, b: bigint) => bigint)(7, 11n);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  }
  const beyond = -Number(left.value as bigint);
  return beyond > OVERRUN_MAX ? `${mode}: ${beyond} more fuel than there was` : undefined;
}
