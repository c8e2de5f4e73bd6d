/**
 * mlp-train: one step of training a small neural network, the gradient of its loss over labelled pictures.
 *
 * The network has 784 inputs, `hidden` units that pass on what is positive, and ten outputs with a softmax. The input is
 * `u32 length | weights | examples`: f32 weights W1[hidden][784], b1[hidden], W2[10][hidden], b2[10], then examples of 785
 * bytes, the label and 28 × 28 pixels. Output, one row:
 *
 *     u64 examples | f64 share that the network gets right | f64 mean loss | u64 right | u64 loss in units of 2^-32 |
 *     u32 length | gradient of the summed loss, one i64 in units of 2^-24 for each weight, in their order
 *
 * A task computes in f32, eight examples at a time in their order, and rounds at its end to whole numbers, whose sums
 * do not depend on their order. The next weights are w - rate · gradient / 2^24 / examples.
 */
import { aligned } from 'shoal/fft';
import { BAD_INPUT, BAD_PARAMETERS, extend, input, outputs, parameters, put } from 'shoal/kernel';
import { exponential, logarithm } from 'shoal/math';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const NOT_FINITE: i32 = -3;
const PIXELS: u32 = 784;
const LABELS: u32 = 10;
const HIDDEN_MAX: u32 = 64;
const RECORD: u32 = 785;
/** Examples computed side by side: a weight is read, and a gradient written, once for all of them. */
const BLOCK: u32 = 8;
const ROW: usize = 3136;
const UNITS: f64 = 16777216;
const LOSS_UNITS: f64 = 4294967296;

let hidden: u32 = 0;
let weightCount: u32 = 0;
let weights: usize = 0;
let gradient: usize = 0;
let next: usize = 0;
let examplesLeft: u32 = 0;
let examples: u64 = 0;
let right: u64 = 0;
let loss: u64 = 0;

/** Of one block: inputs as f32[8][784]; activations and their gradients f32[8][64], those of the outputs f32[8][10]. */
let pixels: usize = 0;
let active: usize = 0;
let activeGradient: usize = 0;
let outputGradient: usize = 0;
/** Of one example: the exponentials of its outputs. */
let shares: usize = 0;

function readParameters(): bool {
  hidden = parameters().u32();
  weightCount = hidden * (PIXELS + 1) + LABELS * (hidden + 1);
  return hidden >= 4 && hidden <= HIDDEN_MAX && (hidden & 3) == 0;
}

export function shoal_init(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const given = input();
  if (given.u32() != weightCount * 4) return BAD_INPUT;
  const from = given.skip(weightCount * 4);
  if (given.remaining == 0 || <u32>given.remaining % RECORD != 0) return BAD_INPUT;
  weights = aligned((<usize>weightCount) << 2);
  memory.copy(weights, from, (<usize>weightCount) << 2);
  gradient = aligned((<usize>weightCount) << 2);
  memory.fill(gradient, 0, (<usize>weightCount) << 2);
  next = given.pointer;
  examplesLeft = <u32>given.remaining / RECORD;
  examples = examplesLeft;
  pixels = aligned(ROW * BLOCK);
  active = aligned(HIDDEN_MAX * 4 * BLOCK);
  activeGradient = aligned(HIDDEN_MAX * 4 * BLOCK);
  shares = aligned(LABELS * 8);
  outputGradient = aligned(LABELS * 4 * BLOCK);
  return stepsLeft();
}

function stepsLeft(): i32 {
  return <i32>((examplesLeft + BLOCK - 1) / BLOCK);
}

/** One step is one block. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && examplesLeft > 0; steps--) {
    const count = min(examplesLeft, BLOCK);
    readPixels(count);
    goForward();
    for (let e: u32 = 0; e < count; e++) if (!compareWithLabel(e)) return BAD_INPUT;
    if (count < BLOCK) memory.fill(activeGradient + HIDDEN_MAX * 4 * count, 0, HIDDEN_MAX * 4 * (BLOCK - count));
    goBack();
    examplesLeft -= count;
    next += count * RECORD;
  }
  if (examplesLeft == 0 && !putRow()) return NOT_FINITE;
  return stepsLeft();
}

function readPixels(count: u32): void {
  const scale = f32x4.splat(<f32>1 / 255);
  for (let e: u32 = 0; e < BLOCK; e++) {
    const out = pixels + ROW * e;
    if (e >= count) {
      memory.fill(out, 0, ROW);
      continue;
    }
    const from = next + e * RECORD + 1;
    for (let j: usize = 0; j < PIXELS; j += 16) {
      const bytes = v128.load(from + j);
      const low = i16x8.extend_low_i8x16_u(bytes);
      const high = i16x8.extend_high_i8x16_u(bytes);
      const to = out + (j << 2);
      // Small whole numbers are the same with a sign, and processors convert those in one instruction.
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low)), scale));
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low)), scale), 16);
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high)), scale), 32);
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high)), scale), 48);
    }
  }
}

/**
 * The hidden units of all eight examples: two units and four examples at a time, so that six loads serve eight products.
 * There is an even number of units.
 */
function goForward(): void {
  for (let h: u32 = 0; h < hidden; h += 2) {
    for (let e: u32 = 0; e < BLOCK; e += 4) goForwardWith(h, e);
  }
}

function goForwardWith(h: u32, e: u32): void {
  let at = weights + ROW * h;
  let x = pixels + ROW * e;
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let next0 = sum0;
  let next1 = sum0;
  let next2 = sum0;
  let next3 = sum0;
  for (const end = at + ROW; at < end; at += 16, x += 16) {
    const first = v128.load(at);
    const second = v128.load(at, 3136);
    const x0 = v128.load(x);
    sum0 = f32x4.add(sum0, f32x4.mul(first, x0));
    next0 = f32x4.add(next0, f32x4.mul(second, x0));
    const x1 = v128.load(x, 3136);
    sum1 = f32x4.add(sum1, f32x4.mul(first, x1));
    next1 = f32x4.add(next1, f32x4.mul(second, x1));
    const x2 = v128.load(x, 6272);
    sum2 = f32x4.add(sum2, f32x4.mul(first, x2));
    next2 = f32x4.add(next2, f32x4.mul(second, x2));
    const x3 = v128.load(x, 9408);
    sum3 = f32x4.add(sum3, f32x4.mul(first, x3));
    next3 = f32x4.add(next3, f32x4.mul(second, x3));
  }
  const biases = weights + ROW * hidden + ((<usize>h) << 2);
  const out = active + HIDDEN_MAX * 4 * e + ((<usize>h) << 2);
  const bias = load<f32>(biases);
  store<f32>(out, max<f32>(total(sum0) + bias, 0));
  store<f32>(out, max<f32>(total(sum1) + bias, 0), 256);
  store<f32>(out, max<f32>(total(sum2) + bias, 0), 512);
  store<f32>(out, max<f32>(total(sum3) + bias, 0), 768);
  const nextBias = load<f32>(biases, 4);
  store<f32>(out, max<f32>(total(next0) + nextBias, 0), 4);
  store<f32>(out, max<f32>(total(next1) + nextBias, 0), 260);
  store<f32>(out, max<f32>(total(next2) + nextBias, 0), 516);
  store<f32>(out, max<f32>(total(next3) + nextBias, 0), 772);
}

function total(lanes: v128): f32 {
  const low = f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1);
  return low + (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3));
}

/** Outputs, loss and the gradients behind them of one example; false if its label is none. */
function compareWithLabel(e: u32): bool {
  const label = <u32>load<u8>(next + e * RECORD);
  if (label >= LABELS) return false;
  const here = active + HIDDEN_MAX * 4 * e;
  const back = activeGradient + HIDDEN_MAX * 4 * e;
  const outs = outputGradient + LABELS * 4 * e;
  const second = weights + (ROW + 4) * hidden;
  const secondBiases = second + LABELS * 4 * hidden;
  let most: f32 = -Infinity;
  let best: u32 = 0;
  for (let o: u32 = 0; o < LABELS; o++) {
    let lanes = f32x4.splat(0);
    const row = second + ((o * hidden) << 2);
    for (let h: usize = 0; h < hidden << 2; h += 16) {
      lanes = f32x4.add(lanes, f32x4.mul(v128.load(row + h), v128.load(here + h)));
    }
    const sum = total(lanes) + load<f32>(secondBiases + (o << 2));
    store<f32>(outs + (o << 2), sum);
    if (sum > most) {
      most = sum;
      best = o;
    }
  }
  if (best == label) right++;
  let sum: f64 = 0;
  const own = <f64>load<f32>(outs + (label << 2)) - <f64>most;
  for (let o: u32 = 0; o < LABELS; o += 2) {
    const both = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(outs + (o << 2))), f64x2.splat(<f64>most));
    // Far below the largest nothing is left of it: the exponential need not go there.
    const two = exponential(f64x2.max(both, f64x2.splat(-600)));
    v128.store(shares + (o << 3), two);
    sum += f64x2.extract_lane(two, 0);
    sum += f64x2.extract_lane(two, 1);
  }
  for (let o: u32 = 0; o < LABELS; o++) {
    const share = load<f64>(shares + (o << 3)) / sum;
    store<f32>(outs + (o << 2), <f32>(o == label ? share - 1 : share));
  }
  // Clamped, so that weights gone wild end in NOT_FINITE or in a loss, never in a trap of the conversion.
  const lost = min<f64>(f64x2.extract_lane(logarithm(f64x2.splat(sum)), 0) - own, 1000000);
  loss += <u64>nearest<f64>(max<f64>(lost, 0) * LOSS_UNITS);
  const secondGradient = gradient + (ROW + 4) * hidden;
  const zero = f32x4.splat(0);
  for (let h: usize = 0; h < hidden << 2; h += 16) {
    const value = v128.load(here + h);
    let sum = zero;
    let at = h;
    for (let o: u32 = 0; o < LABELS; o++, at += hidden << 2) {
      const delta = v128.load32_splat(outs + (o << 2));
      sum = f32x4.add(sum, f32x4.mul(delta, v128.load(second + at)));
      const rise = f32x4.mul(delta, value);
      v128.store(secondGradient + at, f32x4.add(v128.load(secondGradient + at), rise));
    }
    v128.store(back + h, v128.and(sum, f32x4.gt(value, zero)));
  }
  const secondBiasGradient = secondGradient + LABELS * 4 * hidden;
  for (let o: u32 = 0; o < LABELS; o++) {
    const at = secondBiasGradient + (o << 2);
    store<f32>(at, load<f32>(at) + load<f32>(outs + (o << 2)));
  }
  return true;
}

/** Gradients of the first layer from all eight examples. */
function goBack(): void {
  const biases = gradient + ROW * hidden;
  for (let h: u32 = 0; h < hidden; h++) {
    const from = activeGradient + ((<usize>h) << 2);
    const d0 = load<f32>(from);
    const d1 = load<f32>(from, 256);
    const d2 = load<f32>(from, 512);
    const d3 = load<f32>(from, 768);
    const d4 = load<f32>(from, 1024);
    const d5 = load<f32>(from, 1280);
    const d6 = load<f32>(from, 1536);
    const d7 = load<f32>(from, 1792);
    const delta0 = f32x4.splat(d0);
    const delta1 = f32x4.splat(d1);
    const delta2 = f32x4.splat(d2);
    const delta3 = f32x4.splat(d3);
    const delta4 = f32x4.splat(d4);
    const delta5 = f32x4.splat(d5);
    const delta6 = f32x4.splat(d6);
    const delta7 = f32x4.splat(d7);
    let at = gradient + ROW * h;
    let x = pixels;
    for (const end = at + ROW; at < end; at += 16, x += 16) {
      let sum = f32x4.mul(delta0, v128.load(x));
      sum = f32x4.add(sum, f32x4.mul(delta1, v128.load(x, 3136)));
      sum = f32x4.add(sum, f32x4.mul(delta2, v128.load(x, 6272)));
      sum = f32x4.add(sum, f32x4.mul(delta3, v128.load(x, 9408)));
      sum = f32x4.add(sum, f32x4.mul(delta4, v128.load(x, 12544)));
      sum = f32x4.add(sum, f32x4.mul(delta5, v128.load(x, 15680)));
      sum = f32x4.add(sum, f32x4.mul(delta6, v128.load(x, 18816)));
      sum = f32x4.add(sum, f32x4.mul(delta7, v128.load(x, 21952)));
      v128.store(at, f32x4.add(v128.load(at), sum));
    }
    const bias = biases + ((<usize>h) << 2);
    store<f32>(bias, load<f32>(bias) + (d0 + d1 + d2 + d3 + d4 + d5 + d6 + d7));
  }
}

/** False if a gradient is not finite, or beyond what its units can hold. */
function putRow(): bool {
  putHead();
  const out = extend(weightCount << 3);
  for (let i: u32 = 0; i < weightCount; i++) {
    const value = <f64>load<f32>(gradient + (i << 2)) * UNITS;
    if (!(abs<f64>(value) < 4503599627370496)) return false;
    store<i64>(out + (i << 3), <i64>nearest<f64>(value));
  }
  return true;
}

function putHead(): void {
  put<u64>(examples);
  put<f64>(<f64>right / <f64>examples);
  put<f64>(<f64>loss / LOSS_UNITS / <f64>examples);
  put<u64>(right);
  put<u64>(loss);
  put<u32>(weightCount << 3);
}

/** Adds up gradients. */
export function shoal_reduce(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const parts = outputs();
  examples = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    examples += part.u64();
    part.skip(16);
    right += part.u64();
    loss += part.u64();
    if (part.u32() != weightCount << 3 || part.remaining != weightCount << 3) return BAD_INPUT;
  }
  if (examples == 0) return BAD_INPUT;
  putHead();
  const out = extend(weightCount << 3);
  memory.fill(out, 0, weightCount << 3);
  for (let i = 0; i < parts.length; i++) {
    const from = parts[i].pointer;
    for (let at: usize = 0; at < weightCount << 3; at += 8) {
      store<i64>(out + at, load<i64>(out + at) + load<i64>(from + at));
    }
  }
  return 0;
}
