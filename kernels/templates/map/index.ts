/**
 * For each block of numbers: the one whose Collatz chain is longest. A chain goes on with n / 2 where n is even and
 * 3n + 1 where it is odd, until it arrives at 1.
 *
 * One task is one block, `u64 from | u64 to`, and makes one row, `u64 number | u32 steps`. Rows of all tasks are put one
 * after the other: nothing is merged, so there is no shoal_reduce. To compute something else for each block, change
 * `chain` and what is kept of it.
 */
import { BAD_INPUT, input, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

/** Between two steps a peer may pause: one should take a few milliseconds at most. */
const NUMBERS_PER_STEP: u64 = 2000;
const TOO_LARGE: u32 = 0xffffffff;

let at: u64 = 0;
let end: u64 = 0;
let best: u64 = 0;
let bestSteps: u32 = 0;

/** Reads the input. Returns how many steps there are, or a negative number if it cannot be worked on. */
export function shoal_init(): i32 {
  const range = input();
  at = range.u64();
  end = range.u64();
  if (at == 0 || at >= end) return BAD_INPUT;
  best = at;
  return stepsLeft();
}

/** Does up to n steps. Returns how many are left; the output must be complete when that is 0. */
export function shoal_step(n: i32): i32 {
  for (; n > 0 && at < end; n--) {
    const stop = min(end, at + NUMBERS_PER_STEP);
    for (; at < stop; at++) {
      const steps = chain(at);
      if (steps == TOO_LARGE) return BAD_INPUT;
      if (steps <= bestSteps) continue;
      best = at;
      bestSteps = steps;
    }
  }
  if (at == end) {
    put<u64>(best);
    put<u32>(bestSteps);
  }
  return stepsLeft();
}

function stepsLeft(): i32 {
  return <i32>((end - at + NUMBERS_PER_STEP - 1) / NUMBERS_PER_STEP);
}

/** Steps from `number` to 1. */
function chain(number: u64): u32 {
  let steps: u32 = 0;
  while (number != 1) {
    if (number % 2 == 0) {
      number /= 2;
    } else {
      if (number > (u64.MAX_VALUE - 1) / 3) return TOO_LARGE;
      number = 3 * number + 1;
    }
    steps++;
  }
  return steps;
}
