/**
 * Complex Fourier transform of N = 2^k points in f64, in place: `real, imaginary` of each point side by side, one
 * point to a v128. The forward transform leaves its output in bit-reversed order, and the inverse one takes it so:
 * position i of the output is X(k) = Σ x(j)·e^(2πi·jk/N), where k is i with its log2 N bits reversed.
 *
 * The order makes one short table serve all levels: block b of a level splits x^2m - t² into x^m - t and x^m + t with
 * t = t(b) = e^(iπ·r(b)), r(b) being the bits of b reversed behind the binary point, whatever the level. Two levels
 * are done at once (radix 4). The table is made of square roots and products only, so that it has the same bits in
 * every engine.
 */

/** log2 N for which `log2Size` tables have been made. */
let logPoints: u32 = 0;
/** t(b) for b < N/2, and t(b)·t(2b) for b < N/4. */
let roots: usize = 0;
let rootProducts: usize = 0;

/** Makes the tables for N = 2^log2Size points; from 4 to 2^24. */
export function prepareFft(log2Size: u32): void {
  logPoints = log2Size;
  const half: usize = (<usize>1) << (log2Size - 1);
  roots = aligned(half * 16);
  store<f64>(roots, 1);
  store<f64>(roots, 0, 8);
  // e^(iπ/2^(l+1)) for bit l of b, by halving the angle.
  let cosine: f64 = 0;
  let sine: f64 = 1;
  for (let bit: usize = 1; bit < half; bit <<= 1) {
    for (let b: usize = 0; b < bit; b++) {
      const re = load<f64>(roots + (b << 4));
      const im = load<f64>(roots + (b << 4), 8);
      store<f64>(roots + ((b + bit) << 4), re * cosine - im * sine);
      store<f64>(roots + ((b + bit) << 4), re * sine + im * cosine, 8);
    }
    const halved = sqrt<f64>((1 + cosine) / 2);
    sine = sine / (2 * halved);
    cosine = halved;
  }
  const quarter = half >> 1;
  rootProducts = aligned(quarter * 16);
  for (let b: usize = 0; b < quarter; b++) {
    v128.store(rootProducts + (b << 4), times(v128.load(roots + (b << 4)), v128.load(roots + (b << 5))));
  }
}

/** `n` bytes at an address that is a multiple of 16, which loads of v128 like best. */
export function aligned(n: usize): usize {
  return (heap.alloc(n + 16) + 15) & ~(<usize>15);
}

/** Where t(b), the root that belongs to output positions 2b (as it is) and 2b + 1 (negated), lies in memory. */
export function rootAt(b: usize): usize {
  return roots + (b << 4);
}

export function swap(a: v128): v128 {
  return v128.shuffle<u64>(a, a, 1, 0);
}

/** Signs that make (re, im) its conjugate, and (im, re) i times (re, im). */
export function conjugate(a: v128): v128 {
  return v128.xor(a, i64x2(0, i64.MIN_VALUE));
}

export function timesI(a: v128): v128 {
  return v128.xor(swap(a), i64x2(i64.MIN_VALUE, 0));
}

/** Product of two complex numbers. */
export function times(a: v128, b: v128): v128 {
  const re = v128.shuffle<u64>(a, a, 0, 0);
  const im = v128.xor(v128.shuffle<u64>(a, a, 1, 1), i64x2(i64.MIN_VALUE, 0));
  return f64x2.add(f64x2.mul(b, re), f64x2.mul(swap(b), im));
}

/** `a` times a root given as its real part twice, and its imaginary part negated and as it is. */
function turn(a: v128, re: v128, im: v128): v128 {
  return f64x2.add(f64x2.mul(a, re), f64x2.mul(swap(a), im));
}

function realOf(root: usize): v128 {
  return v128.load64_splat(root);
}

function imaginaryOf(root: usize): v128 {
  return v128.xor(v128.load64_splat(root, 8), i64x2(i64.MIN_VALUE, 0));
}

/** The same for the conjugate of the root. */
function imaginaryOfConjugate(root: usize): v128 {
  return v128.xor(v128.load64_splat(root, 8), i64x2(0, i64.MIN_VALUE));
}

/** Transforms the points at `x`; output in bit-reversed order. */
export function forwardFft(x: usize): void {
  let step = (<usize>16) << logPoints;
  const end = x + step;
  if (logPoints & 1) {
    step >>= 1;
    for (let p = x, q = x + step; q < end; p += 16, q += 16) {
      const a = v128.load(p);
      const b = v128.load(q);
      v128.store(p, f64x2.add(a, b));
      v128.store(q, f64x2.sub(a, b));
    }
    if (step > 16) {
      quarterTurns(x, step >> 2);
      turnBlock(x + step, 1, step >> 2);
      step >>= 2;
    }
  }
  for (; step > 64; step >>= 2) {
    const quarter = step >> 2;
    quarterTurns(x, quarter);
    for (let block = x + step, b: usize = 1; block < end; block += step, b++) turnBlock(block, b, quarter);
  }
  if (step == 64) {
    quarterTurns(x, 16);
    turnFours(x + 64, end);
  }
}

/** Two levels of block 0, where all roots are 1 or i. */
function quarterTurns(x: usize, quarter: usize): void {
  for (let p = x, last = x + quarter; p < last; p += 16) {
    const p1 = p + quarter;
    const p2 = p1 + quarter;
    const p3 = p2 + quarter;
    const a0 = v128.load(p);
    const a1 = v128.load(p1);
    const a2 = v128.load(p2);
    const a3 = v128.load(p3);
    const x0 = f64x2.add(a0, a2);
    const x2 = f64x2.sub(a0, a2);
    const sum = f64x2.add(a1, a3);
    const difference = timesI(f64x2.sub(a1, a3));
    v128.store(p, f64x2.add(x0, sum));
    v128.store(p1, f64x2.sub(x0, sum));
    v128.store(p2, f64x2.add(x2, difference));
    v128.store(p3, f64x2.sub(x2, difference));
  }
}

/** Two levels of block b. */
function turnBlock(x: usize, b: usize, quarter: usize): void {
  const re1 = realOf(rootAt(2 * b));
  const im1 = imaginaryOf(rootAt(2 * b));
  const re2 = realOf(rootAt(b));
  const im2 = imaginaryOf(rootAt(b));
  const re3 = realOf(rootProducts + (b << 4));
  const im3 = imaginaryOf(rootProducts + (b << 4));
  for (let p = x, last = x + quarter; p < last; p += 16) {
    const p1 = p + quarter;
    const p2 = p1 + quarter;
    const p3 = p2 + quarter;
    const a0 = v128.load(p);
    const a1 = turn(v128.load(p1), re1, im1);
    const a2 = turn(v128.load(p2), re2, im2);
    const a3 = turn(v128.load(p3), re3, im3);
    const x0 = f64x2.add(a0, a2);
    const x2 = f64x2.sub(a0, a2);
    const sum = f64x2.add(a1, a3);
    const difference = timesI(f64x2.sub(a1, a3));
    v128.store(p, f64x2.add(x0, sum));
    v128.store(p1, f64x2.sub(x0, sum));
    v128.store(p2, f64x2.add(x2, difference));
    v128.store(p3, f64x2.sub(x2, difference));
  }
}

/** Two levels of blocks of four points, from block 1 on: a point of each quarter, and roots of their own. */
function turnFours(x: usize, end: usize): void {
  let root = rootAt(1);
  let root2 = rootAt(2);
  let product = rootProducts + 16;
  for (; x < end; x += 64, root += 16, root2 += 32, product += 16) {
    const a0 = v128.load(x);
    const a1 = turn(v128.load(x, 16), realOf(root2), imaginaryOf(root2));
    const a2 = turn(v128.load(x, 32), realOf(root), imaginaryOf(root));
    const a3 = turn(v128.load(x, 48), realOf(product), imaginaryOf(product));
    const x0 = f64x2.add(a0, a2);
    const x2 = f64x2.sub(a0, a2);
    const sum = f64x2.add(a1, a3);
    const difference = timesI(f64x2.sub(a1, a3));
    v128.store(x, f64x2.add(x0, sum));
    v128.store(x, f64x2.sub(x0, sum), 16);
    v128.store(x, f64x2.add(x2, difference), 32);
    v128.store(x, f64x2.sub(x2, difference), 48);
  }
}

/** The inverse of `forwardFft`, times N: from bit-reversed order to the natural one. */
export function inverseFft(x: usize): void {
  const size = (<usize>16) << logPoints;
  const end = x + size;
  // The steps of the forward transform, in the opposite order.
  const last = logPoints & 1 ? size >> 1 : size;
  if (last >= 64) {
    backQuarterTurns(x, 16);
    turnFoursBack(x + 64, end);
  }
  for (let step: usize = 256; step <= last; step <<= 2) {
    const quarter = step >> 2;
    backQuarterTurns(x, quarter);
    for (let block = x + step, b: usize = 1; block < end; block += step, b++) turnBlockBack(block, b, quarter);
  }
  if (logPoints & 1) {
    for (let p = x, q = x + last; q < end; p += 16, q += 16) {
      const a = v128.load(p);
      const b = v128.load(q);
      v128.store(p, f64x2.add(a, b));
      v128.store(q, f64x2.sub(a, b));
    }
  }
}

function backQuarterTurns(x: usize, quarter: usize): void {
  for (let p = x, last = x + quarter; p < last; p += 16) {
    const p1 = p + quarter;
    const p2 = p1 + quarter;
    const p3 = p2 + quarter;
    const y0 = v128.load(p);
    const y1 = v128.load(p1);
    const y2 = v128.load(p2);
    const y3 = v128.load(p3);
    const x0 = f64x2.add(y0, y1);
    const x2 = f64x2.add(y2, y3);
    const sum = f64x2.sub(y0, y1);
    const difference = timesI(f64x2.sub(y2, y3));
    v128.store(p, f64x2.add(x0, x2));
    v128.store(p1, f64x2.sub(sum, difference));
    v128.store(p2, f64x2.sub(x0, x2));
    v128.store(p3, f64x2.add(sum, difference));
  }
}

function turnBlockBack(x: usize, b: usize, quarter: usize): void {
  const re1 = realOf(rootAt(2 * b));
  const im1 = imaginaryOfConjugate(rootAt(2 * b));
  const re2 = realOf(rootAt(b));
  const im2 = imaginaryOfConjugate(rootAt(b));
  const re3 = realOf(rootProducts + (b << 4));
  const im3 = imaginaryOfConjugate(rootProducts + (b << 4));
  for (let p = x, last = x + quarter; p < last; p += 16) {
    const p1 = p + quarter;
    const p2 = p1 + quarter;
    const p3 = p2 + quarter;
    const y0 = v128.load(p);
    const y1 = v128.load(p1);
    const y2 = v128.load(p2);
    const y3 = v128.load(p3);
    const x0 = f64x2.add(y0, y1);
    const x2 = f64x2.add(y2, y3);
    const sum = f64x2.sub(y0, y1);
    const difference = timesI(f64x2.sub(y2, y3));
    v128.store(p, f64x2.add(x0, x2));
    v128.store(p1, turn(f64x2.sub(sum, difference), re1, im1));
    v128.store(p2, turn(f64x2.sub(x0, x2), re2, im2));
    v128.store(p3, turn(f64x2.add(sum, difference), re3, im3));
  }
}

/** The inverse of `turnFours`, times 4. */
function turnFoursBack(x: usize, end: usize): void {
  let root = rootAt(1);
  let root2 = rootAt(2);
  let product = rootProducts + 16;
  for (; x < end; x += 64, root += 16, root2 += 32, product += 16) {
    const y0 = v128.load(x);
    const y1 = v128.load(x, 16);
    const y2 = v128.load(x, 32);
    const y3 = v128.load(x, 48);
    const x0 = f64x2.add(y0, y1);
    const x2 = f64x2.add(y2, y3);
    const sum = f64x2.sub(y0, y1);
    const difference = timesI(f64x2.sub(y2, y3));
    v128.store(x, f64x2.add(x0, x2));
    v128.store(x, turn(f64x2.sub(sum, difference), realOf(root2), imaginaryOfConjugate(root2)), 16);
    v128.store(x, turn(f64x2.sub(x0, x2), realOf(root), imaginaryOfConjugate(root)), 32);
    v128.store(x, turn(f64x2.add(sum, difference), realOf(product), imaginaryOfConjugate(product)), 48);
  }
}
