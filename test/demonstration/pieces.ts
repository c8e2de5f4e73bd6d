/** Jobs drawn by a seed, one of each kernel, with the bytes a single machine finds for them without any kernel. */
import { countPrimes, primesAsBytes } from './count-primes.ts';
import { countsAsBytes, countWords } from './count-words.ts';
import { drawMandelbrot } from './draw-mandelbrot.ts';
import { mobyDick } from './moby-dick.ts';
import type { Piece } from './play.ts';
import { drawn } from './random.ts';

export interface CheckedPiece extends Piece {
  expected(): Uint8Array;
}

/** Whole numbers below `below`, fixed by seed and name. */
function whole(seed: number, name: string, below: number): number {
  return Math.floor(drawn(seed, name) * below);
}

export type Size = 'small' | 'full';

/** About 30 units of some 50 ms each, or half as many: long enough to die at work, short enough to be repeated often. */
export function piecesOf(seed: number, size: Size): readonly CheckedPiece[] {
  const share = size === 'full' ? 1 : 0.5;
  return [wordsPiece(seed, 300_000 * share), picturePiece(seed, 256 * share), primesPiece(seed, 32 * share)];
}

function wordsPiece(seed: number, length: number): CheckedPiece {
  const { text } = mobyDick();
  const start = whole(seed, 'text', text.length - length);
  const part = text.slice(start, start + length);
  return {
    kernel: 'word-count',
    arguments: { passes: '400' },
    file: { name: 'part.txt', bytes: Buffer.from(part) },
    policy: { quorum: 2, ownResults: 'never', tasksPerUnit: 3 },
    expected: () => countsAsBytes(countWords(part)),
  };
}

function picturePiece(seed: number, height: number): CheckedPiece {
  const [width, iterations, span] = [256, 20_000, 1.2];
  const centreX = -0.4 + (drawn(seed, 'x') - 0.5) / 8;
  const centreY = (drawn(seed, 'y') - 0.5) / 8;
  const view = { width, height, centreX, centreY, span, iterations };
  return {
    kernel: 'mandelbrot',
    arguments: Object.fromEntries(Object.entries(view).map(([name, value]) => [name, String(value)])),
    policy: { quorum: 2, ownResults: 'never', taskSize: 32, tasksPerUnit: 2 },
    expected: () => drawMandelbrot(view),
  };
}

/** `units` units of 10 tasks of 10,000 numbers each, somewhere above 10^12. */
export function primesPiece(seed: number, units: number): CheckedPiece {
  const from = 1e12 + whole(seed, 'primes', 1e9);
  const to = from + units * 100_000;
  return {
    kernel: 'prime-count',
    arguments: { from: String(from), to: String(to) },
    policy: { quorum: 2, ownResults: 'never', taskSize: 10_000, tasksPerUnit: 10 },
    expected: () => primesAsBytes(countPrimes(from, to)),
  };
}
