/**
 * π by chance: of random points in a square, how many lie in the circle that touches its sides.
 *
 * A kernel has no random numbers of its own, for two peers must get the same. So each sample makes its own from the
 * job's seed and its number, and it does not matter how the samples are cut into tasks. What is added up are whole
 * numbers, for sums of floats depend on their order. To estimate something else, change `sample` and what is counted.
 *
 * One task is `u64 from | u64 to`, numbers of samples; it makes one row, `u64 samples | u64 inside | f64 estimate`.
 */
import { BAD_INPUT, input, outputs, parameters, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

/** Between two steps a peer may pause: one should take a few milliseconds at most. */
const SAMPLES_PER_STEP: u64 = 50000;

let seed: u64 = 0;
let at: u64 = 0;
let end: u64 = 0;
let samples: u64 = 0;
let inside: u64 = 0;

/** Reads parameters and input. Returns how many steps there are, or a negative number for an error. */
export function shoal_init(): i32 {
  seed = parameters().u64();
  const range = input();
  at = range.u64();
  end = range.u64();
  if (at >= end) return BAD_INPUT;
  samples = end - at;
  return stepsLeft();
}

/** Does up to n steps. Returns how many are left; the output must be complete when that is 0. */
export function shoal_step(n: i32): i32 {
  for (; n > 0 && at < end; n--) {
    const stop = min(end, at + SAMPLES_PER_STEP);
    for (; at < stop; at++) if (sample(at)) inside++;
  }
  if (at == end) write();
  return stepsLeft();
}

/** Makes one output of several. Merging a single one must give that one, and it must not matter in which groups. */
export function shoal_reduce(): i32 {
  const parts = outputs();
  for (let i = 0; i < parts.length; i++) {
    samples += parts[i].u64();
    inside += parts[i].u64();
  }
  write();
  return 0;
}

function stepsLeft(): i32 {
  return <i32>((end - at + SAMPLES_PER_STEP - 1) / SAMPLES_PER_STEP);
}

/** Whether the point with this number lies in the circle. */
function sample(number: u64): bool {
  const x = random(2 * number);
  const y = random(2 * number + 1);
  return x * x + y * y <= 1;
}

/** The random number with this number, from 0 up to 1: the finalizer of SplitMix64. */
function random(number: u64): f64 {
  let bits = seed + (number + 1) * 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return <f64>((bits ^ (bits >> 31)) >> 11) * (1.0 / 9007199254740992.0);
}

function write(): void {
  put<u64>(samples);
  put<u64>(inside);
  put<f64>((4 * <f64>inside) / <f64>samples);
}
