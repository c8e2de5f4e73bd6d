/**
 * Shows a result to a person: the most frequent entries as a table, a number, a picture as a file that any viewer
 * opens. Everything here reads bytes a stranger computed, so sizes are checked before they are believed.
 */
import { concatBytes, uint32Bytes } from '../protocol/bytes.ts';
import { SdkError } from './error.ts';
import type { JobResult, Picture } from './join.ts';
import type { Columns } from './manifest.ts';

export interface Count {
  readonly key: string;
  readonly count: bigint;
}

/** Entries of `u32 length | bytes | u64 count`, in the order of the result. Throws an SdkError `result-malformed`. */
export function decodeCounts(bytes: Uint8Array): Count[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const counts: Count[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (at + 4 + length + 8 > bytes.length) {
      throw new SdkError('result-malformed', `the list of counts breaks off at byte ${at} of ${bytes.length}`);
    }
    const key = decodeText(bytes.subarray(at + 4, at + 4 + length));
    counts.push({ key, count: view.getBigUint64(at + 4 + length, true) });
    at += 4 + length + 8;
  }
  return counts;
}

export function encodeCounts(counts: readonly Count[]): Uint8Array {
  const encoder = new TextEncoder();
  const keys = counts.map(({ key }) => encoder.encode(key));
  const bytes = new Uint8Array(keys.reduce((sum, key) => sum + 12 + key.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  keys.forEach((key, index) => {
    view.setUint32(at, key.length, true);
    bytes.set(key, at + 4);
    view.setBigUint64(at + 4 + key.length, (counts[index] as Count).count, true);
    at += 12 + key.length;
  });
  return bytes;
}

/** The `most` largest counts; equal counts in the order of the result. */
export function topCounts(counts: readonly Count[], most: number): Count[] {
  return counts.toSorted((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0)).slice(0, most);
}

/** One u64, little-endian. Throws an SdkError `result-malformed`. */
export function decodeU64(bytes: Uint8Array): bigint {
  if (bytes.length !== 8) throw new SdkError('result-malformed', `a u64 has 8 bytes, not ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

const UTF_8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** A cell as `decodeTable` gives it: text for `text` and `hex`. */
export type Cell = number | bigint | string;

/**
 * Rows of a table, each a list of cells in the order of the columns. `u32`, `u64` and `f64` are numbers of 4, 8 and
 * 8 bytes, little-endian; `hex` is a u64 written in 16 digits; `text` is `u32 length | bytes`, here the bytes. Throws an
 * SdkError `result-malformed`.
 */
export function decodeRows(bytes: Uint8Array, columns: Columns): (number | bigint | string | Uint8Array)[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): number => {
    if (at + length > bytes.length) {
      throw new SdkError('result-malformed', `the table breaks off at byte ${at} of ${bytes.length}`);
    }
    at += length;
    return at - length;
  };
  const cell = (type: Columns[number]['type']): number | bigint | string | Uint8Array => {
    if (type === 'u32') return view.getUint32(take(4), true);
    if (type === 'u64') return view.getBigUint64(take(8), true);
    if (type === 'f64') return view.getFloat64(take(8), true);
    if (type === 'hex') return view.getBigUint64(take(8), true).toString(16).padStart(16, '0');
    const length = view.getUint32(take(4), true);
    const start = take(length);
    return bytes.subarray(start, start + length);
  };
  const rows: (number | bigint | string | Uint8Array)[][] = [];
  while (at < bytes.length) rows.push(columns.map(({ type }) => cell(type)));
  return rows;
}

/** The same, with texts as UTF-8. */
export function decodeTable(bytes: Uint8Array, columns: Columns): Cell[][] {
  return decodeRows(bytes, columns).map((row) =>
    row.map((cell) => (cell instanceof Uint8Array ? decodeText(cell) : cell)),
  );
}

export function decodeText(bytes: Uint8Array): string {
  return UTF_8.decode(bytes);
}

/** The bytes of such rows. Throws an SdkError `result-malformed` for a row or cell that is not what its column says. */
export function encodeTable(rows: readonly (readonly Cell[])[], columns: Columns): Uint8Array {
  return concatBytes(
    ...rows.flatMap((row, index) => {
      if (row.length !== columns.length) {
        throw new SdkError('result-malformed', `row ${index} has ${row.length} cells, not ${columns.length}`);
      }
      return columns.map(({ type }, column) => {
        try {
          return cellBytes(type, row[column] as Cell);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new SdkError('result-malformed', `row ${index}, cell ${column} is no ${type}: ${why}`);
        }
      });
    }),
  );
}

function cellBytes(type: Columns[number]['type'], cell: Cell): Uint8Array {
  if (type === 'text') {
    const text = new TextEncoder().encode(String(cell));
    return concatBytes(uint32Bytes(text.length), text);
  }
  const bytes = new Uint8Array(type === 'u32' ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (type === 'f64') {
    if (typeof cell !== 'number') throw new Error(`${JSON.stringify(String(cell))} is no number`);
    view.setFloat64(0, cell, true);
    return bytes;
  }
  const value = BigInt(type === 'hex' ? `0x${cell}` : cell);
  if (value < 0n || value >= 1n << BigInt(8 * bytes.length)) throw new Error(`${value} does not fit`);
  if (type === 'u32') view.setUint32(0, Number(value), true);
  else view.setBigUint64(0, value, true);
  return bytes;
}

/** The columns that have a name: their names, and their cells as text, row by row. Throws as `decodeTable`. */
export function namedCells(bytes: Uint8Array, columns: Columns): { names: string[]; rows: string[][] } {
  const shown = columns.flatMap(({ name }, index) => (name === undefined ? [] : [{ name, index }]));
  const rows = decodeTable(bytes, columns).map((row) => shown.map(({ index }) => cellText(row[index] as Cell)));
  return { names: shown.map(({ name }) => name), rows };
}

/** Control characters would move the cursor of a terminal or break a row. */
function cellText(cell: Cell): string {
  return typeof cell === 'string' ? cell.replace(/\p{Cc}+/gu, ' ') : String(cell);
}

/** A header line and one line a row, cells separated by tabs. */
export function tableToTsv(bytes: Uint8Array, columns: Columns): string {
  const { names, rows } = namedCells(bytes, columns);
  return [names, ...rows].map((row) => `${row.join('\t')}\n`).join('');
}

/** Value of the pixel with this index, row by row. */
function pixel(picture: Picture, index: number): number {
  const low = picture.pixels[index * picture.bytesPerPixel] as number;
  return picture.bytesPerPixel === 1 ? low : low + 256 * (picture.pixels[index * 2 + 1] as number);
}

/**
 * 8-bit RGB, row by row. The value `most` (by default the largest in the picture) is black: for iteration counts
 * those are the points that did not escape. Pixels of three bytes have their colours already.
 */
export function colourPicture(picture: Picture, most?: number): Uint8Array {
  if (picture.bytesPerPixel === 3) return picture.pixels.slice();
  const total = picture.width * picture.height;
  let largest = most ?? 0;
  if (most === undefined) for (let i = 0; i < total; i++) largest = Math.max(largest, pixel(picture, i));
  const rgb = new Uint8Array(total * 3);
  for (let i = 0; i < total; i++) {
    const value = pixel(picture, i);
    if (value >= largest) continue;
    // Slow waves of three phases over the root of the value, which spreads the many small ones.
    const phase = Math.sqrt(value) * 0.9;
    rgb[i * 3] = Math.round(127.5 - 127.5 * Math.cos(phase * 0.7));
    rgb[i * 3 + 1] = Math.round(127.5 - 127.5 * Math.cos(phase));
    rgb[i * 3 + 2] = Math.round(127.5 - 127.5 * Math.cos(phase * 1.3 + 0.6));
  }
  return rgb;
}

/** A binary PPM file (P6). */
export function pictureToPpm(picture: Picture, most?: number): Uint8Array {
  const head = new TextEncoder().encode(`P6\n${picture.width} ${picture.height}\n255\n`);
  const rgb = colourPicture(picture, most);
  const file = new Uint8Array(head.length + rgb.length);
  file.set(head);
  file.set(rgb, head.length);
  return file;
}

/** A result as lines of text, without a line end behind the last. */
export function formatResult(result: JobResult, most = 20): string {
  if (result.show === 'u64') return decodeU64(result.bytes).toString();
  if (result.show === 'counts') return formatCounts(decodeCounts(result.bytes), most);
  if (result.columns !== undefined) return formatTable(result.bytes, result.columns, most);
  if (result.picture !== undefined) return `picture of ${result.picture.width}×${result.picture.height} pixels`;
  return `${result.bytes.length} bytes`;
}

function formatTable(bytes: Uint8Array, columns: Columns, most: number): string {
  const { names, rows } = namedCells(bytes, columns);
  const shown = [names, ...rows.slice(0, most)];
  const widths = names.map((_, column) => Math.max(...shown.map((row) => (row[column] as string).length)));
  const types = columns.filter(({ name }) => name !== undefined).map(({ type }) => type);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (types[i] === 'text' ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ')
      .trimEnd();
  const rest = rows.length > most ? [`and ${rows.length - most} more rows`] : [];
  return [...shown.map(line), ...rest].join('\n');
}

function formatCounts(counts: readonly Count[], most: number): string {
  const total = counts.reduce((sum, { count }) => sum + count, 0n);
  const top = topCounts(counts, most);
  const width = Math.max(0, ...top.map(({ count }) => count.toString().length));
  const rows = top.map(({ key, count }) => `${count.toString().padStart(width)}  ${key}`);
  return [...rows, `${total} in all, ${counts.length} distinct`].join('\n');
}
