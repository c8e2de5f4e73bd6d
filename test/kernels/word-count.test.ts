/**
 * word-count against a count written for this test from the definition in docs/KERNELS.md, over random texts and over
 * a real book: in one piece, and cut into tasks of any size and merged again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { decodeCounts, encodeCounts } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';
import { mobyDick } from './moby-dick.ts';

const kernel = new Kernel('word-count');

const WORD_CHARACTERS = '[A-Za-z0-9\\u00c0-\\u1fff\\u2070-\\u2fff\\u3040-\\ufefe\\uff00-\\u{10ffff}]+';
const WORD = new RegExp(`${WORD_CHARACTERS}(?:['\\u2019]${WORD_CHARACTERS})*`, 'gu');

/** The plain way: lines, paragraphs, words, runs of n. */
function plainCount(text: string, n: number, fold: boolean): Uint8Array {
  const counts = new Map<string, bigint>();
  let paragraph: string[] = [];
  let bytes = 0;
  const endParagraph = () => {
    const words = paragraph.flatMap((line) => line.match(WORD) ?? []).map((word) => word.replaceAll('\u2019', "'"));
    const folded = fold ? words.map((word) => word.replace(/[A-Z]/g, (letter) => letter.toLowerCase())) : words;
    for (let i = 0; i + n <= folded.length; i++) {
      const key = folded.slice(i, i + n).join(' ');
      counts.set(key, (counts.get(key) ?? 0n) + 1n);
    }
    paragraph = [];
    bytes = 0;
  };
  for (const line of text.split('\n')) {
    paragraph.push(line);
    bytes += Buffer.byteLength(line) + 1;
    if (/^[ \t\r]*$/.test(line) || bytes >= 32_768) endParagraph();
  }
  endParagraph();
  const list = [...counts].map(([key, count]) => ({ key, count, bytes: Buffer.from(key) }));
  return encodeCounts(list.sort((a, b) => Buffer.compare(a.bytes, b.bytes)));
}

function parametersOf(n: number, fold: boolean): Uint8Array {
  return encodeParameters(kernel.manifest, resolveArguments(kernel.manifest, { n, fold: fold ? 1 : 0 }));
}

async function inTasks(text: Uint8Array, n: number, fold: boolean, taskSize: number) {
  const { manifest } = kernel;
  const values = resolveArguments(manifest, { n, fold: fold ? 1 : 0 });
  const parameters = encodeParameters(manifest, values);
  const plan = splitTasks(manifest, values, { file: text, taskSize });
  const outputs = Array.from(plan.inputs, (input) => kernel.run(parameters, input));
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  const { bytes } = await joinOutputs({ manifest, values, outputs, taskSize, reduce });
  return { bytes, tasks: plan.count };
}

/** Few characters, so that words repeat and every kind of border meets every other. */
const pieces = fc.constantFrom(
  ...[
    'a',
    'b',
    'The',
    'the',
    'whale',
    "'",
    '\u2019',
    "don't",
    ' ',
    ' ',
    ' ',
    '\n',
    '\n',
    '\n\n',
    '\r\n',
    '\t',
    '.',
    '_',
    '-',
  ],
  ...['\u00e9', '\u00c9', '\u00d7', '\u00bf', '\u00c0', '\u00a0', '\u2014', '\u201c', '\u206f', '\u2070', '\u2fff'],
  ...[
    '\u3000',
    '\u303f',
    '\u3040',
    '\u6771\u4eac',
    '\ufefe',
    '\ufeff',
    '\uff00',
    '\ufffd',
    '\u{1f40b}',
    '\u{10ffff}',
    '7',
    '\0',
  ],
);
const texts = fc.array(pieces, { minLength: 1, maxLength: 300 }).map((parts) => parts.join(''));

describe('word-count', () => {
  it('equals the plain count on random texts, cut into tasks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        ...([texts, fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.integer({ min: 1, max: 400 })] as const),
        async (text, n, fold, taskSize) => {
          const expected = plainCount(text, n, fold);
          const bytes = new TextEncoder().encode(text);
          expect(decodeCounts(kernel.run(parametersOf(n, fold), bytes))).toEqual(decodeCounts(expected));
          expect(decodeCounts((await inTasks(bytes, n, fold, taskSize)).bytes)).toEqual(decodeCounts(expected));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('agrees on every single character between two letters', () => {
    const text = Array.from({ length: 0x110000 }, (_, code) => code)
      .filter((code) => (code < 0xd800 || code > 0xdfff) && (code < 0x3100 || code > 0xfe00 || code % 97 === 0))
      .filter((code) => code < 0x10100 || code % 1013 === 0)
      .map((code) => `x${String.fromCodePoint(code)}y${code.toString(36)}\n`)
      .join('');
    const counts = kernel.run(parametersOf(1, true), new TextEncoder().encode(text));
    expect(Buffer.compare(counts, plainCount(text, 1, true))).toBe(0);
  });

  it('equals the plain count of a real book for words, pairs and triples, in tasks of three sizes', async () => {
    const text = mobyDick();
    const bytes = new TextEncoder().encode(text);
    for (const [n, taskSize] of [
      [1, 4096],
      [2, 16_384],
      [3, 1000],
    ] as const) {
      const result = await inTasks(bytes, n, true, taskSize);
      expect(result.tasks).toBeGreaterThan(60);
      expect(Buffer.compare(result.bytes, plainCount(text, n, true))).toBe(0);
    }
  });

  it('cuts a paragraph that reaches 32,768 bytes, at the same line for every task size', async () => {
    const line = 'there she blows and breaches again\n';
    const text = line.repeat(3000);
    const bytes = new TextEncoder().encode(text);
    const expected = plainCount(text, 4, true);
    // Each border between two pieces loses three of the runs of four.
    const total = decodeCounts(expected).reduce((sum, { count }) => sum + count, 0n);
    expect(total).toBe(
      BigInt(3000 * 6 - 3 * (1 + Math.floor(text.length / (line.length * Math.ceil(32_768 / line.length))))),
    );
    for (const taskSize of [100, 40_000, 65_536]) {
      expect(Buffer.compare((await inTasks(bytes, 4, true, taskSize)).bytes, expected)).toBe(0);
    }
  });

  it('counts any bytes without a trap, and alike in any chunks, even if they are no UTF-8', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 60 }),
        async (bytes, taskSize) => {
          const whole = kernel.run(parametersOf(2, true), bytes);
          expect((await inTasks(bytes, 2, true, taskSize)).bytes).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('merges in any grouping and order to the same bytes', () => {
    const parameters = parametersOf(1, true);
    const lists = ['a b c', 'b c d', '', 'c d e a', 'z'].map((text) =>
      kernel.run(parameters, new TextEncoder().encode(text)),
    );
    const all = kernel.reduce(parameters, lists);
    const [first, second, ...rest] = lists as [Uint8Array, Uint8Array, ...Uint8Array[]];
    expect(kernel.reduce(parameters, [kernel.reduce(parameters, [second, first]), ...rest.toReversed()])).toEqual(all);
    expect(kernel.reduce(parameters, [all])).toEqual(all);
    expect(kernel.reduce(parameters, [])).toEqual(new Uint8Array(0));
    expect(decodeCounts(all).map(({ key, count }) => `${key}${count}`)).toEqual(['a2', 'b2', 'c3', 'd2', 'e1', 'z1']);
  });

  it('refuses to merge lists that are cut off or out of order', () => {
    const parameters = parametersOf(1, true);
    const good = encodeCounts([
      { key: 'a', count: 1n },
      { key: 'b', count: 1n },
    ]);
    const disordered = encodeCounts([
      { key: 'b', count: 1n },
      { key: 'a', count: 1n },
    ]);
    expect(() => kernel.reduce(parameters, [good, disordered])).toThrow(KernelFailure);
    expect(() => kernel.reduce(parameters, [good.subarray(0, 20)])).toThrow(WebAssembly.RuntimeError);
  });

  it('refuses parameters out of range', () => {
    for (const [n, passes, fold] of [
      [0, 1, 1],
      [6, 1, 1],
      [1, 0, 1],
      [1, 1, 2],
      [1, 100_001, 1],
    ] as const) {
      const bytes = new Uint8Array(new Uint32Array([n, passes, fold]).buffer);
      expect(() => kernel.run(bytes, Uint8Array.of(0x61))).toThrow(KernelFailure);
    }
  });
});
