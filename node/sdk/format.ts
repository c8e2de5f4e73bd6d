/**
 * Shows a result to a person: the most frequent entries as a table, a number, a picture as a file that any viewer
 * opens. Everything here reads bytes a stranger computed, so sizes are checked before they are believed.
 */
import { SdkError } from './error.ts';
import type { JobResult, Picture } from './join.ts';

export interface Count {
  readonly key: string;
  readonly count: bigint;
}

/** Entries of `u32 length | bytes | u64 count`, in the order of the result. Throws an SdkError `result-malformed`. */
export function decodeCounts(bytes: Uint8Array): Count[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const counts: Count[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (at + 4 + length + 8 > bytes.length) {
      throw new SdkError('result-malformed', `the list of counts breaks off at byte ${at} of ${bytes.length}`);
    }
    const key = decoder.decode(bytes.subarray(at + 4, at + 4 + length));
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

/** Value of the pixel with this index, row by row. */
function pixel(picture: Picture, index: number): number {
  const low = picture.pixels[index * picture.bytesPerPixel] as number;
  return picture.bytesPerPixel === 1 ? low : low + 256 * (picture.pixels[index * 2 + 1] as number);
}

/**
 * 8-bit RGB, row by row. The value `most` (by default the largest in the picture) is black: for iteration counts
 * those are the points that did not escape.
 */
export function colourPicture(picture: Picture, most?: number): Uint8Array {
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
  if (result.picture !== undefined) return `picture of ${result.picture.width}×${result.picture.height} pixels`;
  return `${result.bytes.length} bytes`;
}

function formatCounts(counts: readonly Count[], most: number): string {
  const total = counts.reduce((sum, { count }) => sum + count, 0n);
  const top = topCounts(counts, most);
  const width = Math.max(0, ...top.map(({ count }) => count.toString().length));
  const rows = top.map(({ key, count }) => `${count.toString().padStart(width)}  ${key}`);
  return [...rows, `${total} in all, ${counts.length} distinct`].join('\n');
}
