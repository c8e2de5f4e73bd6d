/** The single-machine answers that everything is compared with must themselves be right. */
import { describe, expect, it } from 'vitest';
import { countPrimes } from './count-primes.ts';
import { countsAsBytes, countWords } from './count-words.ts';
import { drawMandelbrot } from './draw-mandelbrot.ts';
import { mobyDick } from './moby-dick.ts';

describe('words', () => {
  it('are folded, keep inner apostrophes and are separated by anything else', () => {
    const text =
      "The whale's THE \u2018whale\u2019 don\u2019t--stop, naïve 3rd 'tis O\u2019 \u{1f40b}\u{1f40b} a\u00a0b";
    expect(Object.fromEntries(countWords(text))).toEqual({
      the: 2,
      "whale's": 1,
      whale: 1,
      "don't": 1,
      stop: 1,
      naïve: 1,
      '3rd': 1,
      tis: 1,
      o: 1,
      '\u{1f40b}\u{1f40b}': 1,
      a: 1,
      b: 1,
    });
  });

  it('come out in the order of their bytes', () => {
    const counts = new Map([
      ['é', 2],
      ['z', 1],
      ['a', 300],
    ]);
    const hex = Buffer.from(countsAsBytes(counts)).toString('hex');
    expect(hex).toBe(
      ['0100000061', '2c01000000000000', '010000007a', '0100000000000000', '02000000c3a9', '0200000000000000'].join(''),
    );
  });

  it('of the book are those of a book of that size', () => {
    const { text, chapters, byteLength } = mobyDick();
    expect(chapters).toBe(139);
    expect(byteLength).toBeGreaterThan(1_200_000);
    expect(countWords(text).get('whale')).toBeGreaterThan(900);
  });
});

describe('primes', () => {
  it.each([
    [0, 2, 0],
    [0, 3, 1],
    [2, 3, 1],
    [0, 1_000_000, 78_498],
    [1e12, 1e12 + 100, 4],
    [10, 10, 0],
  ])('from %i to %i are %i', (from, to, count) => {
    expect(countPrimes(from, to)).toBe(count);
  });
});

it('a picture has its known points', () => {
  const view = { width: 3, height: 1, centreX: 0, centreY: 0, span: 6, iterations: 50 };
  // -2 survives for ever, 0 too, and 2 leaves after |2² + 2| > 2.
  expect([...new Uint16Array(drawMandelbrot(view).slice().buffer)]).toEqual([50, 50, 2]);
});
