/**
 * spectrum: narrow-band signals in radio samples, also where their frequency drifts, as that of a transmitter does which
 * moves with a planet or a satellite.
 *
 * The input is `u64 offset in bytes | samples`, each sample two signed bytes, real and imaginary part. With L the
 * power of 2 from 4096 on that holds all S of them, zeros behind them, and for each drift r from -drifts to drifts:
 *
 *     y(n) = x(n) · conj e(⌊r·n²/(2L²) · 4096 + 1/2⌋ / 4096), e(t) = e^(2πi·t);  Y = the Fourier transform of y
 *
 * A tone that drifts by r bins over L samples becomes a steady one, and all its power falls into one bin k. Its strength
 * is |Y(k)|² / Σ|x(n)|², which for noise is 1 on average and above t with probability e^-t. It stands for the bin
 * m = ⌊(2k + r) / 2⌋ mod L, where the signal is after half the time. A bin is listed if the largest strength that any
 * drift gives it (of equal ones the lowest drift) is at least `threshold` and that of no other bin within 8 is larger
 * (or equal, for a lower bin). One row each, the `top` strongest first:
 *
 *     f64 time of the first sample in s | f64 frequency in Hz | f64 drift in Hz/s | f64 strength, rounded to 1/1024
 */
import { aligned, forwardFft, prepareFft, rootAt, timesI } from 'shoal/fft';
import { BAD_INPUT, BAD_PARAMETERS, input, outputs, parameters, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const LOG_MIN: u32 = 12;
const LOG_MAX: u32 = 18;
const DRIFTS_MAX: u32 = 1000;
const TOP_MAX: u32 = 100;
/** Phases are taken from a table of 2^12. */
const PHASE_BITS: u32 = 12;
const APART: i32 = 8;

let rate: f64 = 0;
let drifts: i32 = 0;
let threshold: f64 = 0;
let top: u32 = 0;

let samples: usize = 0;
let sampleCount: u32 = 0;
let time: f64 = 0;
let logLength: u32 = 0;
let length: u32 = 0;
let power: f64 = 0;
let drift: i32 = 0;

let points: usize = 0;
/** e(j / 4096), natural order. */
let phases: usize = 0;
/** For each bin the largest |Y|² above the threshold, and its drift. */
let best: usize = 0;
let bestDrift: usize = 0;

/** The strongest so far, in order, four f64 each. */
let hits: usize = 0;
let hitCount: u32 = 0;

function readParameters(): bool {
  const given = parameters();
  rate = given.f64();
  const wanted = given.u32();
  threshold = given.f64();
  top = given.u32();
  drifts = <i32>wanted;
  hits = heap.alloc((TOP_MAX + 1) * 32);
  const rateFits = rate >= 1e-3 && rate <= 1e12;
  return rateFits && wanted <= DRIFTS_MAX && threshold >= 1 && threshold <= 1e9 && top >= 1 && top <= TOP_MAX;
}

export function shoal_init(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const given = input();
  const offset = given.u64();
  samples = given.pointer;
  if (given.remaining == 0 || (given.remaining & 1) != 0) return BAD_INPUT;
  sampleCount = <u32>given.remaining >> 1;
  logLength = LOG_MIN;
  while ((<u32>1) << logLength < sampleCount) logLength++;
  if (logLength > LOG_MAX) return BAD_INPUT;
  length = (<u32>1) << logLength;
  time = <f64>(offset >> 1) / rate;
  let sum: u64 = 0;
  for (let i: u32 = 0; i < sampleCount * 2; i++) {
    const part = <i32>load<i8>(samples + i);
    sum += part * part;
  }
  power = <f64>sum;
  prepareFft(logLength);
  points = aligned((<usize>length) << 4);
  best = heap.alloc((<usize>length) << 3);
  bestDrift = heap.alloc((<usize>length) << 2);
  memory.fill(best, 0, (<usize>length) << 3);
  makePhases();
  drift = -drifts;
  return stepsLeft();
}

function makePhases(): void {
  const half: u32 = 1 << (PHASE_BITS - 1);
  phases = aligned(half << 5);
  for (let j: u32 = 0; j < half; j++) {
    const root = rootAt(reversed(j, PHASE_BITS - 1));
    const at = phases + ((<usize>j) << 4);
    const re = load<f64>(root);
    const im = load<f64>(root, 8);
    // The table is of conjugates: drifts are taken out.
    store<f64>(at, re);
    store<f64>(at, -im, 8);
    store<f64>(at + (half << 4), -re);
    store<f64>(at + (half << 4), im, 8);
  }
}

function reversed(value: u32, bits: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < bits; i++) result |= ((value >> i) & 1) << (bits - 1 - i);
  return result;
}

function stepsLeft(): i32 {
  return drifts - drift + 1;
}

/** One step is one drift. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && drift <= drifts; steps--, drift++) {
    takeOutDrift();
    forwardFft(points);
    notePeaks();
  }
  if (drift > drifts) {
    listPeaks();
    putHits();
  }
  return stepsLeft();
}

function takeOutDrift(): void {
  // r·n² / (2L²) of a turn as a fraction of 2^64, by second differences.
  const unit = (<u64>(<i64>drift)) << (63 - 2 * logLength);
  let phase: u64 = (<u64>1) << (63 - PHASE_BITS);
  let difference = unit;
  let out = points;
  for (let from = samples, end = samples + ((<usize>sampleCount) << 1); from < end; from += 2, out += 16) {
    const root = phases + <usize>((phase >> (64 - PHASE_BITS)) << 4);
    const re = f64x2.splat(<f64>load<i8>(from));
    const im = f64x2.splat(<f64>load<i8>(from, 1));
    const turned = v128.load(root);
    v128.store(out, f64x2.add(f64x2.mul(re, turned), f64x2.mul(im, timesI(turned))));
    phase += difference;
    difference += 2 * unit;
  }
  memory.fill(out, 0, (<usize>(length - sampleCount)) << 4);
}

function notePeaks(): void {
  const limit = power * threshold;
  const limits = f64x2.splat(limit);
  for (let i: u32 = 0; i < length; i += 2) {
    const at = points + ((<usize>i) << 4);
    const first = v128.load(at);
    const second = v128.load(at, 16);
    const squares0 = f64x2.mul(first, first);
    const squares1 = f64x2.mul(second, second);
    const re = v128.shuffle<u64>(squares0, squares1, 0, 2);
    const peaks = f64x2.add(re, v128.shuffle<u64>(squares0, squares1, 1, 3));
    // Hardly ever is there one.
    if (!i64x2.bitmask(f64x2.ge(peaks, limits))) continue;
    notePeak(i, f64x2.extract_lane(peaks, 0), limit);
    notePeak(i + 1, f64x2.extract_lane(peaks, 1), limit);
  }
}

function notePeak(i: u32, peak: f64, limit: f64): void {
  if (peak < limit || peak == 0) return;
  const mask = length - 1;
  // The transform turns the other way round, so its bin k is the frequency -k.
  const bin = (length - reversed(i, logLength)) & mask;
  const middle = <u32>((2 * <i32>bin + drift) >> 1) & mask;
  if (peak <= load<f64>(best + ((<usize>middle) << 3))) return;
  store<f64>(best + ((<usize>middle) << 3), peak);
  store<i32>(bestDrift + ((<usize>middle) << 2), drift);
}

function listPeaks(): void {
  const mask = length - 1;
  for (let bin: u32 = 0; bin < length; bin++) {
    const peak = load<f64>(best + ((<usize>bin) << 3));
    if (peak == 0) continue;
    let isLargest = true;
    for (let apart = -APART; apart <= APART && isLargest; apart++) {
      if (apart == 0) continue;
      const neighbour = (bin + apart) & mask;
      const other = load<f64>(best + ((<usize>neighbour) << 3));
      isLargest = peak > other || (peak == other && bin < neighbour);
    }
    if (!isLargest) continue;
    const signed = bin < length >> 1 ? <f64>bin : <f64>bin - <f64>length;
    const perBin = rate / <f64>length;
    const steps = <f64>load<i32>(bestDrift + ((<usize>bin) << 2));
    keep(time, signed * perBin, steps * (perBin * perBin), nearest<f64>((peak / power) * 1024) / 1024);
  }
}

/** Puts a signal among the strongest, if it is one of them: of equal ones first the earlier, then the lower. */
function keep(time: f64, frequency: f64, slope: f64, strength: f64): void {
  let place = hitCount;
  while (place > 0) {
    const hit = hits + ((<usize>place - 1) << 5);
    const other = load<f64>(hit, 24);
    if (strength < other) break;
    if (strength == other) {
      const otherTime = load<f64>(hit);
      if (time > otherTime || (time == otherTime && frequency >= load<f64>(hit, 8))) break;
    }
    place--;
  }
  if (place == top) return;
  const target = hits + ((<usize>place) << 5);
  memory.copy(target + 32, target, (<usize>(hitCount - place)) << 5);
  store<f64>(target, time);
  store<f64>(target, frequency, 8);
  store<f64>(target, slope, 16);
  store<f64>(target, strength, 24);
  if (hitCount < top) hitCount++;
}

function putHits(): void {
  for (let i: u32 = 0; i < hitCount * 4; i++) put<f64>(load<f64>(hits + ((<usize>i) << 3)));
}

/** The strongest of several lists. */
export function shoal_reduce(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const lists = outputs();
  for (let i = 0; i < lists.length; i++) {
    const list = lists[i];
    while (list.remaining > 0) {
      const time = list.f64();
      const frequency = list.f64();
      const slope = list.f64();
      keep(time, frequency, slope, list.f64());
    }
  }
  putHits();
  return 0;
}
