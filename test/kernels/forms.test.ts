/** What a manifest can say of tasks and results beyond plain slices: shared heads, records, FASTA, tables, colours. */
import { describe, expect, it } from 'vitest';
import { concatBytes, uint32Bytes } from '../../node/protocol/bytes.ts';
import { resolveArguments } from '../../node/sdk/arguments.ts';
import { decodeTable, formatResult, pictureToPpm, tableToTsv } from '../../node/sdk/format.ts';
import { checkManifest, type KernelManifest } from '../../node/sdk/manifest.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { VALID } from '../unit/sdk/fixtures.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const fileKernel = (tasks: Record<string, unknown>): KernelManifest =>
  checkManifest({ ...VALID, tasks: { from: 'file', ...tasks } });
const split = (kernel: KernelManifest, file: Uint8Array, taskSize?: number): Uint8Array[] =>
  Array.from(splitTasks(kernel, resolveArguments(kernel, {}), { file, taskSize }).inputs);

describe('tasks of a file', () => {
  it('keep FASTA records whole', () => {
    const parts = split(fileKernel({ split: 'fasta', bytesPerTask: 12 }), utf8('>a\nAC\n>b\nGT\nTT\n>c\nA>C\n'));
    expect(parts.map(text)).toEqual(['>a\nAC\n', '>b\nGT\nTT\n', '>c\nA>C\n']);
  });

  it('all begin with the first piece, where the manifest says so', () => {
    const kernel = fileKernel({ split: 'fasta', bytesPerTask: 6, head: 'first' });
    const parts = split(kernel, utf8('>q\nQQQ\n>a\nAC\n>b\nGT\n'));
    const head = concatBytes(uint32Bytes(7), utf8('>q\nQQQ\n'));
    expect(parts).toEqual(['>a\nAC\n', '>b\nGT\n'].map((part) => concatBytes(head, utf8(part))));
    expect(() => split(kernel, utf8('>q\nQQQ\n'))).toThrow(/must begin with a FASTA record/);
  });

  it('all begin with as many bytes as the file counts, and are made of whole records', () => {
    const kernel = fileKernel({ split: 'records', recordBytes: 'small', head: 'counted', bytesPerTask: 15 });
    const head = concatBytes(uint32Bytes(2), utf8('hh'));
    const parts = split(kernel, concatBytes(head, utf8('1234567abcdefg.......')));
    expect(parts).toEqual(['1234567abcdefg', '.......'].map((part) => concatBytes(head, utf8(part))));
    expect(split(kernel, concatBytes(head, utf8('1234567abcdefg')), 3).length).toBe(2);
    expect(() => split(kernel, concatBytes(head, utf8('12345678')))).toThrow(/8 bytes .* whole records of 7 bytes/);
    for (const bad of [utf8('hh'), uint32Bytes(4), concatBytes(uint32Bytes(9), utf8('short'))]) {
      expect(() => split(kernel, bad)).toThrow(/must begin with a u32 length/);
    }
  });

  it('say where in the file they begin, where the manifest asks for it', () => {
    const parts = split(fileKernel({ split: 'bytes', bytesPerTask: 4, offset: true }), utf8('abcdefghij'));
    expect(parts.map((part) => [...part.subarray(0, 8)].join())).toEqual([0, 4, 8].map((at) => `${at},0,0,0,0,0,0,0`));
    expect(parts.map((part) => text(part.subarray(8)))).toEqual(['abcd', 'efgh', 'ij']);
  });

  it('count the head against the largest input', () => {
    const kernel = fileKernel({ split: 'bytes', bytesPerTask: 50, head: 'counted' });
    const file = (head: number) => concatBytes(uint32Bytes(head), new Uint8Array(head + 60));
    expect(split(kernel, file(46)).map((part) => part.length)).toEqual([100, 60]);
    expect(() => split(kernel, file(47))).toThrow(/at most 49 bytes/);
  });

  it('are refused in a manifest that makes no sense', () => {
    expect(() => fileKernel({ split: 'records', bytesPerTask: 5 })).toThrow(/tasks\.recordBytes: is needed exactly/);
    expect(() => fileKernel({ split: 'lines', bytesPerTask: 5, recordBytes: 2 })).toThrow(/tasks\.recordBytes/);
    expect(() => fileKernel({ split: 'records', bytesPerTask: 5, recordBytes: 'large' })).toThrow(/must be u32/);
    expect(() => fileKernel({ split: 'bytes', bytesPerTask: 5, head: 'first' })).toThrow(/tasks\.head: can be "first"/);
  });
});

describe('a table', () => {
  const columns = [
    { name: 'exponent', type: 'u32' },
    { type: 'u64' },
    { name: 'score', type: 'f64' },
    { name: 'residue', type: 'hex' },
    { name: 'name', type: 'text' },
  ] as const;
  const row = (exponent: number, score: number, name: string): Uint8Array => {
    const fixed = new Uint8Array(28);
    const view = new DataView(fixed.buffer);
    view.setUint32(0, exponent, true);
    view.setFloat64(12, score, true);
    view.setBigUint64(20, 0xabn, true);
    return concatBytes(fixed, uint32Bytes(utf8(name).length), utf8(name));
  };
  const bytes = concatBytes(row(7, 0.5, 'one\x1b[2Jtwo'), row(11, -3, 'ü'));

  it('is read, shown without its unnamed columns and control characters, and written as TSV', () => {
    expect(decodeTable(bytes, [...columns])[1]).toEqual([11, 0n, -3, '00000000000000ab', 'ü']);
    expect(formatResult({ show: 'table', bytes, columns: [...columns] })).toBe(
      [
        'exponent  score           residue  name',
        '       7    0.5  00000000000000ab  one [2Jtwo',
        '      11     -3  00000000000000ab  ü',
      ].join('\n'),
    );
    expect(formatResult({ show: 'table', bytes, columns: [...columns] }, 1)).toMatch(/\nand 1 more rows$/);
    expect(tableToTsv(bytes, [...columns]).split('\n')[2]).toBe('11\t-3\t00000000000000ab\tü');
  });

  it('is refused where it breaks off', () => {
    for (let length = 1; length < 40; length++) {
      expect(() => decodeTable(bytes.subarray(0, length), [...columns])).toThrow(/breaks off at byte/);
    }
  });

  it('needs columns, and nothing else may have them', () => {
    const result = (given: Record<string, unknown>) =>
      checkManifest({ ...VALID, result: { join: 'concat', ...given } });
    expect(result({ show: 'table', columns }).result.columns).toEqual(columns);
    expect(() => result({ show: 'table' })).toThrow(/result\.columns: are needed exactly/);
    expect(() => result({ show: 'bytes', columns })).toThrow(/result\.columns: are needed exactly/);
  });
});

it('a picture of three bytes a pixel keeps its colours', () => {
  const pixels = Uint8Array.of(1, 2, 3, 250, 251, 252);
  const ppm = pictureToPpm({ width: 2, height: 1, bytesPerPixel: 3, pixels });
  expect([...ppm.subarray(-6)]).toEqual([...pixels]);
});
