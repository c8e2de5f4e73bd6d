/**
 * lucas-lehmer: is 2^p - 1 prime? For odd primes p it is exactly if s(p-2) = 0, where s(0) = 4 and
 * s(i+1) = s(i)² - 2 mod 2^p - 1.
 *
 * The input is two u64, from and to. For each prime p with from ≤ p < to the output has one row:
 *
 *     u32 p | u32 1 if 2^p - 1 is prime, or 0 | u64 the lowest 64 bits of s(p-2), the residue by which tests are compared
 *
 * Squares are taken by the irrational base discrete weighted transform (Crandall and Fagin): s is cut into n digits of
 * ⌊p/n⌋ or ⌈p/n⌉ bits, which are weighted so that a cyclic convolution is already reduced mod 2^p - 1. The digits
 * are balanced around 0 and travel as n/2 complex numbers. Every value of a convolution must be a whole number: how
 * far it is from one is watched, and a task where that exceeds 0.4 ends with an error and not with a wrong row.
 */
import { aligned, conjugate, forwardFft, inverseFft, prepareFft, rootAt, times, timesI } from 'shoal/fft';
import { BAD_INPUT, input, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const INEXACT: i32 = -3;
const EXPONENT_MAX: u64 = 600000;
const RANGE_MAX: u64 = 4096;
/** Up to here one product fits a u64. */
const PLAIN_MAX: u32 = 31;
/** More bits a digit would bring the rounding error near 1/2. */
const DIGIT_BITS_MAX: f64 = 19.5;
/** Points times squarings in one step: about a millisecond. */
const STEP_POINTS: u32 = 65536;
/** Adding and subtracting it rounds a f64 below 2^51 to a whole number. */
const ROUNDER: f64 = 6755399441055744;

let exponent: u32 = 0;
let end: u32 = 0;
let stepsLeft: u32 = 0;
let squaringsLeft: u32 = 0;

/** Digits of s, and log2 of their number. */
let digits: usize = 0;
let count: u32 = 0;
let logCount: u32 = 0;
/** For each digit its weight, what undoes weight and transform, its base, and 1 / base. */
let weights: usize = 0;
let unweights: usize = 0;
let bases: usize = 0;
let inverseBases: usize = 0;
let worstError = f64x2.splat(0);

export function shoal_init(): i32 {
  const range = input();
  const from = range.u64();
  const to = range.u64();
  if (to > EXPONENT_MAX || from > to || to - from > RANGE_MAX || range.remaining != 0) return BAD_INPUT;
  exponent = <u32>from;
  end = <u32>to;
  for (let p = exponent; p < end; p++) if (isPrime(p)) stepsLeft += stepsOf(p);
  stepsLeft = max<u32>(stepsLeft, 1);
  findNext();
  return <i32>stepsLeft;
}

function isPrime(n: u32): bool {
  if (n < 4) return n > 1;
  if ((n & 1) == 0) return false;
  for (let d: u32 = 3; d * d <= n; d += 2) if (n % d == 0) return false;
  return true;
}

function logCountOf(p: u32): u32 {
  let log: u32 = 3;
  while (<f64>p > DIGIT_BITS_MAX * <f64>((<u32>1) << log)) log++;
  return log;
}

function squaringsPerStep(p: u32): u32 {
  return max<u32>(1, STEP_POINTS >> logCountOf(p));
}

function stepsOf(p: u32): u32 {
  if (p <= PLAIN_MAX) return 1;
  const perStep = squaringsPerStep(p);
  return (p - 2 + perStep - 1) / perStep;
}

/** Moves on to the next prime exponent that needs the transform, writing the rows of small ones at their turn. */
function findNext(): void {
  while (exponent < end && !isPrime(exponent)) exponent++;
  if (exponent < end && exponent > PLAIN_MAX) begin(exponent);
}

export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && stepsLeft > 0; steps--, stepsLeft--) {
    if (exponent >= end) continue;
    if (exponent <= PLAIN_MAX) {
      putRow(exponent, plainResidue(exponent));
    } else {
      for (let i = min(squaringsPerStep(exponent), squaringsLeft); i > 0; i--, squaringsLeft--) square();
      const error = max(f64x2.extract_lane(worstError, 0), f64x2.extract_lane(worstError, 1));
      if (!(error < 0.4)) return INEXACT;
      if (squaringsLeft > 0) continue;
      putRow(exponent, residue());
    }
    exponent++;
    findNext();
  }
  return <i32>stepsLeft;
}

function putRow(p: u32, residue: u64): void {
  put<u32>(p);
  put<u32>(p == 2 || isZero ? 1 : 0);
  put<u64>(residue);
}

let isZero: bool = false;

/** s(p-2) for a small p. For p = 2, where the theorem does not hold, s(0) mod 3. */
function plainResidue(p: u32): u64 {
  const modulus = ((<u64>1) << p) - 1;
  let s = 4 % modulus;
  for (let i: u32 = 2; i < p; i++) s = (s * s + modulus - 2) % modulus;
  isZero = s == 0;
  return s;
}

/** Tables for the exponent p, and s = 4. */
function begin(p: u32): void {
  const log = logCountOf(p);
  const n: u32 = (<u32>1) << log;
  if (log != logCount) {
    logCount = log;
    count = n;
    prepareFft(log - 1);
    digits = aligned(n * 8);
    weights = aligned(n * 8);
    unweights = aligned(n * 8);
    bases = aligned(n * 8);
    inverseBases = aligned(n * 8);
  }
  // 2^(i/n) for all i, by square roots of 2 and products, in the place of the digits.
  store<f64>(digits, 1);
  let root: f64 = 2;
  for (let bit = n >> 1; bit > 0; bit >>= 1) {
    root = sqrt<f64>(root);
    store<f64>(digits + ((<usize>bit) << 3), root);
  }
  for (let bit: u32 = 1; bit < n; bit <<= 1) {
    const top = load<f64>(digits + ((<usize>bit) << 3));
    for (let i: u32 = 1; i < bit; i++) {
      store<f64>(digits + ((<usize>(bit + i)) << 3), top * load<f64>(digits + ((<usize>i) << 3)));
    }
  }
  const scale = 1 / <f64>(n >> 1);
  let bitsBefore: u64 = 0;
  for (let j: u32 = 0; j < n; j++) {
    const at = (<usize>j) << 3;
    // The digit begins at bit ⌈pj/n⌉; its weight is 2 to the power of what that was rounded up by.
    const remainder = <u32>((<u64>p * j) & (n - 1));
    const weight = load<f64>(digits + ((<usize>((n - remainder) & (n - 1))) << 3));
    store<f64>(weights + at, weight);
    store<f64>(unweights + at, scale / weight);
    const bits = (<u64>p * (j + 1) + n - 1) >> log;
    const base = <f64>((<u64>1) << (bits - bitsBefore));
    store<f64>(bases + at, base);
    store<f64>(inverseBases + at, 1 / base);
    bitsBefore = bits;
  }
  memory.fill(digits, 0, (<usize>n) << 3);
  store<f64>(digits, 4);
  squaringsLeft = p - 2;
}

/** s = s² - 2. */
function square(): void {
  forwardFft(digits);
  squarePoints();
  inverseFft(digits);
  carry();
}

/**
 * The transform Z of a real sequence taken as n/2 complex numbers becomes that of its cyclic square: at k, with
 * O = (Z(k) - conj Z(-k)) / 2i and w = e^(2πi·k/(n/2)), it is Z(k)² + (1 + w)·O². In bit-reversed order the partner of
 * position i lies mirrored in the range between two powers of 2.
 */
function squarePoints(): void {
  const first = v128.load(digits);
  const imaginary = f64x2.extract_lane(first, 1);
  v128.store(digits, f64x2.add(times(first, first), f64x2(2 * imaginary * imaginary, 0)));
  const second = v128.load(digits, 16);
  v128.store(digits, times(second, second), 16);
  const one = f64x2(1, 0);
  const quarter = f64x2.splat(-0.25);
  const points = <usize>count >> 1;
  for (let low: usize = 2; low < points; low <<= 1) {
    let p = digits + (low << 4);
    let q = digits + (low << 5) - 16;
    for (let root = rootAt(low >> 1); p < q; p += 32, q -= 32, root += 16) {
      squarePair(p, q, v128.load(root), one, quarter);
      // The odd position p + 16 has the negated root, and its partner is q - 16.
      if (p + 16 < q - 16) squarePair(p + 16, q - 16, f64x2.neg(v128.load(root)), one, quarter);
    }
  }
}

function squarePair(p: usize, q: usize, root: v128, one: v128, quarter: v128): void {
  const a = v128.load(p);
  const b = v128.load(q);
  const difference = f64x2.sub(a, conjugate(b));
  // O² = difference² / -4; at the partner everything is conjugated.
  const extra = times(f64x2.add(one, root), f64x2.mul(times(difference, difference), quarter));
  v128.store(p, f64x2.add(times(a, a), extra));
  v128.store(q, f64x2.add(times(b, b), conjugate(extra)));
}

/**
 * Rounds the convolution to whole numbers, subtracts 2, and carries twice from each digit to the next, all digits side
 * by side: after that they are balanced but for a few units, which is all the next square needs.
 */
function carry(): void {
  const rounder = f64x2.splat(ROUNDER);
  const size = (<usize>count) << 3;
  // What the last digit carries goes around to the first, since 2^p = 1.
  const last = size - 16;
  let rounded = round(f64x2.mul(v128.load(digits + last), v128.load(unweights + last)), rounder);
  let before0 = round(f64x2.mul(rounded, v128.load(inverseBases + last)), rounder);
  let rest = f64x2.sub(rounded, f64x2.mul(before0, v128.load(bases + last)));
  rest = f64x2.add(rest, shifted(before0, before0));
  let before1 = round(f64x2.mul(rest, v128.load(inverseBases + last)), rounder);
  let minus = f64x2(2, 0);
  let error = worstError;
  for (let at: usize = 0; at < size; at += 16) {
    const value = f64x2.mul(v128.load(digits + at), v128.load(unweights + at));
    rounded = round(value, rounder);
    error = f64x2.max(error, f64x2.abs(f64x2.sub(value, rounded)));
    rounded = f64x2.sub(rounded, minus);
    minus = f64x2.splat(0);
    const base = v128.load(bases + at);
    const inverse = v128.load(inverseBases + at);
    const carry0 = round(f64x2.mul(rounded, inverse), rounder);
    rest = f64x2.add(f64x2.sub(rounded, f64x2.mul(carry0, base)), shifted(before0, carry0));
    const carry1 = round(f64x2.mul(rest, inverse), rounder);
    rest = f64x2.add(f64x2.sub(rest, f64x2.mul(carry1, base)), shifted(before1, carry1));
    v128.store(digits + at, f64x2.mul(rest, v128.load(weights + at)));
    before0 = carry0;
    before1 = carry1;
  }
  worstError = error;
}

function round(value: v128, rounder: v128): v128 {
  return f64x2.sub(f64x2.add(value, rounder), rounder);
}

/** The second lane of what came before, and the first lane of what is here. */
function shifted(before: v128, here: v128): v128 {
  return v128.shuffle<u64>(before, here, 1, 2);
}

/** The lowest 64 bits of s, brought into 0 ≤ s < 2^p - 1; sets `isZero`. */
function residue(): u64 {
  for (let j: u32 = 0; j < count; j++) {
    const at = (<usize>j) << 3;
    store<i64>(digits + at, <i64>nearest<f64>(load<f64>(digits + at) / load<f64>(weights + at)));
  }
  // Around and around, until nothing is carried out of the top.
  let carried: i64 = 0;
  do {
    for (let j: u32 = 0; j < count; j++) {
      const at = (<usize>j) << 3;
      const bits = bitsOf(at);
      const value = load<i64>(digits + at) + carried;
      carried = value >> bits;
      store<i64>(digits + at, value & (((<i64>1) << bits) - 1));
    }
  } while (carried != 0);
  let zeros: bool = true;
  let ones: bool = true;
  let low: u64 = 0;
  let position: u64 = 0;
  for (let j: u32 = 0; j < count; j++) {
    const at = (<usize>j) << 3;
    const bits = bitsOf(at);
    const value = load<u64>(digits + at);
    zeros = zeros && value == 0;
    ones = ones && value == ((<u64>1) << bits) - 1;
    if (position < 64) low |= value << position;
    position += bits;
  }
  isZero = zeros || ones;
  return ones ? 0 : low;
}

function bitsOf(at: usize): u64 {
  return (reinterpret<u64>(load<f64>(bases + at)) >> 52) - 1023;
}
