/**
 * prime-count: how many primes p there are with from ≤ p < to, by a segmented sieve of Eratosthenes.
 *
 * The input is two u64, from and to; the output is one u64. First the odd primes up to √to are found by a plain
 * sieve; then the range is sieved in segments that fit a processor's cache, one byte for each odd number, where each
 * prime carries on at the multiple where it left the segment before. A range may lie as high as 10^14.
 */
import { BAD_INPUT, input, outputs, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const TO_MAX: u64 = 100000000000000;
const RANGE_MAX: u64 = 4000000000;

/** Odd numbers, one byte each, in one segment: larger where there are more primes than the small one has room for. */
const SEGMENT_SMALL: u32 = 32768;
const SEGMENT_LARGE: u32 = 262144;

let count: u64 = 0;
/** Odd numbers not sieved yet. */
let oddsLeft: u32 = 0;
let segmentSize: u32 = SEGMENT_SMALL;
let segment: usize = 0;
/** u32 prime, u32 index of its next odd multiple in the coming segment. */
let primes: usize = 0;
let primesEnd: usize = 0;

export function shoal_init(): i32 {
  const range = input();
  const from = range.u64();
  const to = range.u64();
  if (to > TO_MAX || from > to || to - from > RANGE_MAX || range.remaining != 0) return BAD_INPUT;
  count = from <= 2 && to > 2 ? 1 : 0;
  const low = max<u64>(from, 3) | 1;
  if (low < to) {
    oddsLeft = <u32>((to - low + 1) / 2);
    const root = squareRoot(to - 1);
    segmentSize = root < 131072 ? SEGMENT_SMALL : SEGMENT_LARGE;
    segment = heap.alloc(segmentSize);
    findPrimes(root, low);
  }
  return <i32>max<u32>(1, segmentsLeft());
}

function segmentsLeft(): u32 {
  return oddsLeft / segmentSize + (oddsLeft % segmentSize == 0 ? 0 : 1);
}

/** Largest r with r·r ≤ n. */
function squareRoot(n: u64): u32 {
  let r = <u64>sqrt<f64>(<f64>n);
  while (r * r > n) r--;
  while ((r + 1) * (r + 1) <= n) r++;
  return <u32>r;
}

/** Fills the list of odd primes up to `root`, each with its first odd multiple from its square on and from `low` on. */
function findPrimes(root: u32, low: u64): void {
  const odds: u32 = root < 3 ? 0 : (root - 1) / 2;
  const flags = heap.alloc(odds);
  memory.fill(flags, 0, odds);
  let found: usize = 0;
  for (let i: u32 = 0; i < odds; i++) {
    if (load<u8>(flags + i) != 0) continue;
    found++;
    const prime = <u64>i * 2 + 3;
    for (let j = (prime * prime - 3) / 2; j < odds; j += prime) store<u8>(flags + <usize>j, 1);
  }
  primes = heap.alloc(found * 8);
  primesEnd = primes;
  for (let i: u32 = 0; i < odds; i++) {
    if (load<u8>(flags + i) != 0) continue;
    const prime = <u64>i * 2 + 3;
    let multiple = prime * prime;
    if (multiple < low) {
      multiple = ((low + prime - 1) / prime) * prime;
      if ((multiple & 1) == 0) multiple += prime;
    }
    store<u32>(primesEnd, <u32>prime);
    store<u32>(primesEnd, <u32>((multiple - low) / 2), 4);
    primesEnd += 8;
  }
}

/** One step is one segment. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && oddsLeft > 0; steps--) sieveSegment();
  if (oddsLeft == 0) put<u64>(count);
  return <i32>segmentsLeft();
}

function sieveSegment(): void {
  const length = min(segmentSize, oddsLeft);
  memory.fill(segment, 0, segmentSize);
  for (let at = primes; at < primesEnd; at += 8) {
    const prime = load<u32>(at);
    let index = load<u32>(at, 4);
    for (; index < length; index += prime) store<u8>(segment + index, 1);
    store<u32>(at, index - length, 4);
  }
  let composites: u64 = 0;
  for (let at: u32 = 0; at < length; at += 8) composites += popcnt<u64>(load<u64>(segment + at));
  count += length - composites;
  oddsLeft -= length;
}

/** Adds up counts. */
export function shoal_reduce(): i32 {
  const parts = outputs();
  let sum: u64 = 0;
  for (let i = 0; i < parts.length; i++) {
    sum += parts[i].u64();
    if (parts[i].remaining != 0) return BAD_INPUT;
  }
  put<u64>(sum);
  return 0;
}
