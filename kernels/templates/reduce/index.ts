/**
 * Lines, words and bytes of a text, and its longest line, as `wc -lwcL` counts them for ASCII.
 *
 * One task is a part of the file that is made of whole lines; it makes one row, `u64 lines | u64 words | u64 bytes |
 * u64 longest line`. shoal_reduce makes one row of several. To measure something else, change `look` and how two rows
 * become one.
 */
import { input, outputs, put } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

/** Between two steps a peer may pause: one should take a few milliseconds at most. */
const STEP_BYTES: i32 = 16384;
const LINE_FEED: u32 = 0x0a;

let at: usize = 0;
let left: i32 = 0;

let lines: u64 = 0;
let words: u64 = 0;
let bytes: u64 = 0;
let longest: u64 = 0;
let lineLength: u64 = 0;
let isInWord: bool = false;

/** Reads the input. Returns how many steps there are. */
export function shoal_init(): i32 {
  const text = input();
  at = text.pointer;
  left = text.remaining;
  return stepsLeft();
}

/** Does up to n steps. Returns how many are left; the output must be complete when that is 0. */
export function shoal_step(n: i32): i32 {
  for (; n > 0 && left > 0; n--) {
    const size = min(left, STEP_BYTES);
    const stop = at + <usize>size;
    for (; at < stop; at++) look(load<u8>(at));
    left -= size;
  }
  if (left == 0) {
    longest = max(longest, lineLength);
    write();
  }
  return stepsLeft();
}

/** Makes one output of several. Merging a single one must give that one, and it must not matter in which groups. */
export function shoal_reduce(): i32 {
  const parts = outputs();
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    lines += part.u64();
    words += part.u64();
    bytes += part.u64();
    longest = max(longest, part.u64());
  }
  write();
  return 0;
}

function stepsLeft(): i32 {
  return (left + STEP_BYTES - 1) / STEP_BYTES;
}

function look(byte: u32): void {
  bytes++;
  const isSpace = byte == 0x20 || (byte >= 0x09 && byte <= 0x0d);
  if (!isSpace && !isInWord) words++;
  isInWord = !isSpace;
  if (byte == LINE_FEED) {
    lines++;
    longest = max(longest, lineLength);
    lineLength = 0;
  } else {
    lineLength++;
  }
}

function write(): void {
  put<u64>(lines);
  put<u64>(words);
  put<u64>(bytes);
  put<u64>(longest);
}
