/** Results with columns, as the page shows them. */
import { describe, expect, it } from 'vitest';
import { tableOf } from '../../../browser/page/model/table.ts';
import { concatBytes, uint32Bytes } from '../../../node/protocol/bytes.ts';
import type { Columns } from '../../../node/sdk/manifest.ts';

const COLUMNS: Columns = [
  { name: 'score', type: 'u32' },
  { type: 'u32' },
  { name: 'target', type: 'text' },
  { name: 'digest', type: 'hex' },
];

function row(score: number, name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const digest = new Uint8Array([0xff, 0, 0, 0, 0, 0, 0, 0]);
  return concatBytes(uint32Bytes(score), uint32Bytes(77), uint32Bytes(text.length), text, digest);
}

describe('a table', () => {
  const bytes = concatBytes(row(9, 'first'), row(8, '<b>second</b>'), row(7, 'thi\nrd'));

  it('has the columns with names; all but text are numbers', () => {
    expect(tableOf(bytes, COLUMNS, 200)).toEqual({
      columns: [
        { name: 'score', isNumber: true },
        { name: 'target', isNumber: false },
        { name: 'digest', isNumber: true },
      ],
      rows: [
        ['9', 'first', '00000000000000ff'],
        ['8', '<b>second</b>', '00000000000000ff'],
        ['7', 'thi rd', '00000000000000ff'],
      ],
      rowCount: 3,
    });
  });

  it('keeps the first rows and counts them all', () => {
    const { rows, rowCount } = tableOf(bytes, COLUMNS, 2);
    expect(rows.map(([score]) => score)).toEqual(['9', '8']);
    expect(rowCount).toBe(3);
    expect(tableOf(new Uint8Array(0), COLUMNS, 2)).toMatchObject({ rows: [], rowCount: 0 });
  });

  it('is refused where it breaks off', () => {
    expect(() => tableOf(bytes.subarray(0, bytes.length - 1), COLUMNS, 200)).toThrow('the table breaks off at byte');
  });
});
