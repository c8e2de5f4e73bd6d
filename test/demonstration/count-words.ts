/**
 * The single-machine count: how often each word occurs in a text, in plain TypeScript by a regular expression. It
 * shares nothing with the kernel but the definition of a word (docs/KERNELS.md), so an error of the kernel, of the
 * splitting, of the network or of the merge shows as a difference.
 */

/** Characters of words, and an apostrophe only between two of them. */
const CHARACTER = '[A-Za-z0-9\\u00c0-\\u1fff\\u2070-\\u2fff\\u3040-\\ufefe\\uff00-\\u{10ffff}]';
const WORD = new RegExp(`${CHARACTER}+(?:['\\u2019]${CHARACTER}+)*`, 'gu');

/** Words as they are counted: A-Z folded to a-z, the typographic apostrophe written as the plain one. */
export function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [found] of text.matchAll(WORD)) {
    const word = found.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replaceAll('\u2019', "'");
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** The counts as the result of a job should be, byte for byte: `u32 length | word | u64 count`, ordered by bytes. */
export function countsAsBytes(counts: ReadonlyMap<string, number>): Uint8Array {
  const entries = [...counts].map(([word, count]) => ({ word: Buffer.from(word), count }));
  entries.sort((a, b) => Buffer.compare(a.word, b.word));
  return Buffer.concat(
    entries.flatMap(({ word, count }) => {
      const [length, number] = [Buffer.alloc(4), Buffer.alloc(8)];
      length.writeUInt32LE(word.length);
      number.writeBigUInt64LE(BigInt(count));
      return [length, word, number];
    }),
  );
}
