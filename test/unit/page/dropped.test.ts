/** What files dropped on the page are to a job. */
import { describe, expect, it } from 'vitest';
import { sortDropped } from '../../../browser/page/model/dropped.ts';

const files = (...names: readonly string[]) => names.map((name) => ({ name }));
const sorted = (...names: readonly string[]) =>
  Object.fromEntries(Object.entries(sortDropped(files(...names))).map(([kind, file]) => [kind, file.name]));

describe('dropped files', () => {
  it.each([
    [['text.txt'], { data: 'text.txt' }],
    [['kernel.wasm', 'kernel.json'], { wasm: 'kernel.wasm', manifest: 'kernel.json' }],
    [
      ['Align.WASM', 'align.json', 'proteins.fasta'],
      { wasm: 'Align.WASM', manifest: 'align.json', data: 'proteins.fasta' },
    ],
    [['kernel.json'], { manifest: 'kernel.json' }],
    // Without a module beside it, a list of measurements is just that.
    [['measured.json'], { data: 'measured.json' }],
    [['a.wasm', 'kernel.json', 'measured.json'], { wasm: 'a.wasm', manifest: 'kernel.json', data: 'measured.json' }],
    [[], {}],
  ])('%j', (names, expected) => {
    expect(sorted(...names)).toEqual(expected);
  });

  it('says which of several it cannot choose between', () => {
    expect(() => sorted('a.wasm', 'b.wasm')).toThrow('2 modules (.wasm) at once: a.wasm, b.wasm');
    expect(() => sorted('a.txt', 'b.txt', 'kernel.json')).toThrow('2 files to compute on at once: a.txt, b.txt');
    expect(() => sorted('a.wasm', 'a.json', 'b.json')).toThrow('2 manifests (.json) at once');
  });
});
