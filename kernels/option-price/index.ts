/**
 * option-price: what an option is worth, by Monte Carlo under geometric Brownian motion.
 *
 * Path p (of the range from ≤ p < to) is drawn by the counter-based generator Philox4x32-10: counter
 * (p / 4 low, p / 4 high, date, 0) and the seed as key give four words w0..w3, and these, by Box and Muller, four normal
 * deviates, one for each of the paths 4b..4b+3:
 *
 *     u = (w0 + 1/2) / 2^32, v = (i32(w1) + 1/2) / 2^32;  paths 4b and 4b+2: √(-2 ln u)·cos 2πv;  and with
 *     w2 and w3 for w0 and w1 the paths 4b+1 and 4b+3, of which 4b+2 and 4b+3 take the sine in place of the cosine
 *
 * So any task can draw any path, and how a job is cut makes no difference. An Asian option looks at the mean price
 * over `dates` dates at equal distances, a European one at the last price only, drawn in one step.
 *
 * Payoffs are counted in units of strike / 2^36 and their squares in units of strike² / 2^24, whole numbers that
 * 128 bits hold: sums do not depend on their order. Logarithm, exponential, sine and cosine are polynomials, so that
 * every engine gives the same bits. Output, one row:
 *
 *     u64 paths | f64 price | f64 standard error | u64 sum, low | u64 sum, high | u64 squares, low | u64 squares, high
 */
import { BAD_INPUT, BAD_PARAMETERS, input, outputs, parameters, put } from 'shoal/kernel';
import { exponential, logarithm } from 'shoal/math';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const PAYOFF_TOO_LARGE: i32 = -3;
const RANGE_MAX: u64 = 1000000000;
/** Blocks of four paths, times dates, in one step. */
const STEP_BLOCKS: u64 = 4096;
/** Most times the strike a payoff may be. */
const PAYOFF_MAX: f64 = 4096;
const PAYOFF_UNITS: f64 = 68719476736;
const SQUARE_UNITS: f64 = 16777216;
/** Added to a whole number below 2^51 it puts it into the low bits. */
const TO_BITS: f64 = 6755399441055744;
const TO_BITS_I64: i64 = 0x4338000000000000;

const PI_HALF: f64 = 1.5707963267948966;
const LN_2: f64 = 0.6931471805599453;

let strike: f64 = 0;
let discount: f64 = 0;
let isPut: bool = false;
let isAsian: bool = false;
let dates: u32 = 1;
let seed: u64 = 0;
/** Of ln(price / strike): at the start, and for one date its mean growth and its standard deviation. */
let start: f64 = 0;
let drift: f64 = 0;
let deviation: f64 = 0;

let from: u64 = 0;
let to: u64 = 0;
let block: u64 = 0;
let blocksPerStep: u64 = 0;
let largest = f64x2.splat(0);

let sumLow: u64 = 0;
let sumHigh: u64 = 0;
let squaresLow: u64 = 0;
let squaresHigh: u64 = 0;

function readParameters(): bool {
  const given = parameters();
  const spot = given.f64();
  strike = given.f64();
  const rate = given.f64();
  const dividends = given.f64();
  const volatility = given.f64();
  const years = given.f64();
  const kind = given.u32();
  dates = given.u32();
  seed = given.u64();
  const pricesFit = spot >= 1e-6 && spot <= 1e9 && strike >= 1e-6 && strike <= 1e9;
  const ratesFit = abs(rate) <= 1 && abs(dividends) <= 1;
  const timeFits = volatility > 0 && volatility <= 2 && years > 0 && years <= 30;
  if (!pricesFit || !ratesFit || !timeFits || kind > 3 || dates < 1 || dates > 366) return false;
  isPut = (kind & 1) != 0;
  isAsian = kind >= 2;
  if (!isAsian) dates = 1;
  const dt = years / <f64>dates;
  start = f64x2.extract_lane(logarithm(f64x2.splat(spot / strike)), 0);
  drift = (rate - dividends - (volatility * volatility) / 2) * dt;
  deviation = volatility * sqrt<f64>(dt);
  discount = f64x2.extract_lane(exponential(f64x2.splat(-rate * years)), 0);
  return true;
}

export function shoal_init(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const range = input();
  from = range.u64();
  to = range.u64();
  if (from >= to || to > <u64>i64.MAX_VALUE || to - from > RANGE_MAX || range.remaining != 0) return BAD_INPUT;
  block = from >> 2;
  blocksPerStep = max<u64>(1, STEP_BLOCKS / <u64>dates);
  return stepsLeft();
}

function blocksEnd(): u64 {
  return (to + 3) >> 2;
}

function stepsLeft(): i32 {
  return <i32>((blocksEnd() - block + blocksPerStep - 1) / blocksPerStep);
}

export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && block < blocksEnd(); steps--) {
    drawPaths(min<u64>(block + blocksPerStep, blocksEnd()));
    if (!(max(f64x2.extract_lane(largest, 0), f64x2.extract_lane(largest, 1)) <= PAYOFF_MAX)) return PAYOFF_TOO_LARGE;
  }
  if (block == blocksEnd()) putRow(to - from);
  return stepsLeft();
}

/** Four paths a turn: 4b and 4b+1 in the lanes of one vector, 4b+2 and 4b+3 in those of another. */
function drawPaths(end: u64): void {
  const one = f64x2.splat(1);
  const sign = f64x2.splat(isPut ? -1 : 1);
  const toBits = f64x2.splat(TO_BITS);
  const bits = i64x2.splat(TO_BITS_I64);
  const key = i64x2.splat(seed);
  let sum = i64x2.splat(0);
  let squares = i64x2.splat(0);
  let most = largest;
  for (; block < end; block++) {
    let logA = f64x2.splat(start);
    let logB = logA;
    let totalA = f64x2.splat(0);
    let totalB = totalA;
    for (let date: u32 = 0; date < dates; date++) {
      const words = philox(block, date, i64x2.extract_lane(key, 0));
      // Even words make the radius, odd ones the angle.
      const even = v128.shuffle<u32>(words, words, 0, 2, 0, 2);
      const odd = v128.shuffle<u32>(words, words, 1, 3, 1, 3);
      const half = f64x2.splat(0.5);
      const x = f64x2.add(f64x2.convert_low_i32x4_u(even), half);
      const minusTwo = f64x2.splat(-2);
      const radius = f64x2.sqrt(f64x2.mul(minusTwo, f64x2.sub(logarithm(x), f64x2.splat(32 * LN_2))));
      // A quarter of the angle, from -π/4 to π/4; doubling it twice needs no quadrants.
      const t = f64x2.mul(f64x2.add(f64x2.convert_low_i32x4_s(odd), half), f64x2.splat(PI_HALF / 4294967296));
      const tt = f64x2.mul(t, t);
      let sine = f64x2.splat(-1.0 / 1307674368000);
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(1.0 / 6227020800));
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(-1.0 / 39916800));
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(1.0 / 362880));
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(-1.0 / 5040));
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(1.0 / 120));
      sine = f64x2.add(f64x2.mul(sine, tt), f64x2.splat(-1.0 / 6));
      sine = f64x2.add(f64x2.mul(f64x2.mul(sine, tt), t), t);
      let cosine = f64x2.splat(1.0 / 20922789888000);
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(-1.0 / 87178291200));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(1.0 / 479001600));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(-1.0 / 3628800));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(1.0 / 40320));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(-1.0 / 720));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(1.0 / 24));
      cosine = f64x2.add(f64x2.mul(cosine, tt), f64x2.splat(-0.5));
      cosine = f64x2.add(f64x2.mul(cosine, tt), one);
      const sine2 = f64x2.mul(f64x2.add(sine, sine), cosine);
      const cosine2 = f64x2.add(f64x2.mul(f64x2.mul(minusTwo, sine), sine), one);
      const sine4 = f64x2.mul(f64x2.add(sine2, sine2), cosine2);
      const cosine4 = f64x2.add(f64x2.mul(f64x2.mul(minusTwo, sine2), sine2), one);
      const growth = f64x2.splat(drift);
      const spread = f64x2.mul(radius, f64x2.splat(deviation));
      logA = f64x2.add(logA, f64x2.add(growth, f64x2.mul(spread, cosine4)));
      logB = f64x2.add(logB, f64x2.add(growth, f64x2.mul(spread, sine4)));
      totalA = f64x2.add(totalA, exponential(logA));
      totalB = f64x2.add(totalB, exponential(logB));
    }
    const share = f64x2.splat(1 / <f64>dates);
    const zero = f64x2.splat(0);
    const payoffA = f64x2.max(f64x2.mul(f64x2.sub(f64x2.mul(totalA, share), one), sign), zero);
    const payoffB = f64x2.max(f64x2.mul(f64x2.sub(f64x2.mul(totalB, share), one), sign), zero);
    most = f64x2.max(most, f64x2.max(payoffA, payoffB));
    const units = f64x2.splat(PAYOFF_UNITS);
    const squareUnits = f64x2.splat(SQUARE_UNITS);
    let sumA = i64x2.sub(f64x2.add(f64x2.mul(payoffA, units), toBits), bits);
    let sumB = i64x2.sub(f64x2.add(f64x2.mul(payoffB, units), toBits), bits);
    let squaresA = i64x2.sub(f64x2.add(f64x2.mul(f64x2.mul(payoffA, payoffA), squareUnits), toBits), bits);
    let squaresB = i64x2.sub(f64x2.add(f64x2.mul(f64x2.mul(payoffB, payoffB), squareUnits), toBits), bits);
    if (block << 2 < from || (block << 2) + 4 > to) {
      const maskA = i64x2(isWanted(0), isWanted(1));
      const maskB = i64x2(isWanted(2), isWanted(3));
      sumA = v128.and(sumA, maskA);
      sumB = v128.and(sumB, maskB);
      squaresA = v128.and(squaresA, maskA);
      squaresB = v128.and(squaresB, maskB);
    }
    sum = i64x2.add(sum, i64x2.add(sumA, sumB));
    squares = i64x2.add(squares, i64x2.add(squaresA, squaresB));
  }
  largest = most;
  addToSum(i64x2.extract_lane(sum, 0), 0);
  addToSum(i64x2.extract_lane(sum, 1), 0);
  addToSquares(i64x2.extract_lane(squares, 0), 0);
  addToSquares(i64x2.extract_lane(squares, 1), 0);
}

/** All ones if path 4b + i is in the range. */
function isWanted(i: u64): i64 {
  const path = (block << 2) + i;
  return path >= from && path < to ? -1 : 0;
}

/** Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) of the counter (low, high, third, 0). */
function philox(counter: u64, third: u32, key: u64): v128 {
  let c0 = counter & 0xffffffff;
  let c1 = counter >> 32;
  let c2 = <u64>third;
  let c3: u64 = 0;
  let k0 = key & 0xffffffff;
  let k1 = key >> 32;
  for (let round = 0; round < 10; round++) {
    const product0 = c0 * 0xd2511f53;
    const product1 = c2 * 0xcd9e8d57;
    c0 = (product1 >> 32) ^ c1 ^ k0;
    c1 = product1 & 0xffffffff;
    c2 = (product0 >> 32) ^ c3 ^ k1;
    c3 = product0 & 0xffffffff;
    k0 = (k0 + 0x9e3779b9) & 0xffffffff;
    k1 = (k1 + 0xbb67ae85) & 0xffffffff;
  }
  return i64x2(c0 | (c1 << 32), c2 | (c3 << 32));
}

function addToSum(low: u64, high: u64): void {
  sumLow += low;
  sumHigh += high + (sumLow < low ? 1 : 0);
}

function addToSquares(low: u64, high: u64): void {
  squaresLow += low;
  squaresHigh += high + (squaresLow < low ? 1 : 0);
}

function putRow(paths: u64): void {
  const n = <f64>paths;
  const mean = (<f64>sumHigh * 18446744073709551616.0 + <f64>sumLow) / PAYOFF_UNITS / n;
  const meanSquare = (<f64>squaresHigh * 18446744073709551616.0 + <f64>squaresLow) / SQUARE_UNITS / n;
  const variance = paths > 1 ? max<f64>(0, meanSquare - mean * mean) / (n - 1) : 0;
  put<u64>(paths);
  put<f64>(strike * discount * mean);
  put<f64>(strike * discount * sqrt<f64>(variance));
  put<u64>(sumLow);
  put<u64>(sumHigh);
  put<u64>(squaresLow);
  put<u64>(squaresHigh);
}

/** Adds up rows. */
export function shoal_reduce(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const parts = outputs();
  let paths: u64 = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    paths += part.u64();
    part.skip(16);
    const low = part.u64();
    addToSum(low, part.u64());
    const squares = part.u64();
    addToSquares(squares, part.u64());
    if (part.remaining != 0) return BAD_INPUT;
  }
  if (paths == 0) return BAD_INPUT;
  putRow(paths);
  return 0;
}
