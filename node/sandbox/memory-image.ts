/**
 * What stands in a linear memory, without its zeros: most of what a kernel may grow to it never touches, and a saved
 * state goes to disk every few seconds.
 */
import { PAGE_BYTES } from './module.ts';

/** Memory is looked at in pieces of this size: fine enough to leave zeros out, coarse enough to be quick. */
const BLOCK_BYTES = 4_096;

export interface MemoryRange {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface MemoryImage {
  /** Size of the memory in pages of 64 KiB. */
  readonly pages: number;
  /** Ascending, apart from each other; everything else is zero. */
  readonly ranges: readonly MemoryRange[];
}

/** A copy. Undefined when more than `bytesMax` bytes of it are not zero. */
export function captureMemory(memory: WebAssembly.Memory, bytesMax: number): MemoryImage | undefined {
  const all = new Uint8Array(memory.buffer);
  const spans = nonZeroSpans(all, bytesMax);
  if (spans === undefined) return undefined;
  return {
    pages: all.length / PAGE_BYTES,
    ranges: spans.map(({ at, end }) => ({ at, bytes: all.slice(at, end) })),
  };
}

/** Clears what a fresh instance has, and puts the image there. Throws a RangeError when the memory cannot grow so far. */
export function putMemory(memory: WebAssembly.Memory, image: MemoryImage): void {
  const fresh = new Uint8Array(memory.buffer);
  for (const { at, end } of nonZeroSpans(fresh, fresh.length)!) fresh.fill(0, at, end);
  const missing = image.pages - fresh.length / PAGE_BYTES;
  if (missing > 0) memory.grow(missing);
  putRanges(new Uint8Array(memory.buffer), image.ranges);
}

export function putRanges(all: Uint8Array, ranges: readonly MemoryRange[]): void {
  for (const { at, bytes } of ranges) all.set(bytes, at);
}

interface Span {
  readonly at: number;
  end: number;
}

function nonZeroSpans(all: Uint8Array, bytesMax: number): readonly Span[] | undefined {
  const words = new Int32Array(all.buffer, 0, all.length / 4);
  const spans: Span[] = [];
  let bytes = 0;
  for (let at = 0; at < all.length; at += BLOCK_BYTES) {
    if (isZero(words, at / 4, (at + BLOCK_BYTES) / 4)) continue;
    bytes += BLOCK_BYTES;
    if (bytes > bytesMax) return undefined;
    const last = spans.at(-1);
    if (last?.end === at) last.end = at + BLOCK_BYTES;
    else spans.push({ at, end: at + BLOCK_BYTES });
  }
  return spans;
}

function isZero(words: Int32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 4) {
    if ((words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]!) !== 0) return false;
  }
  return true;
}
