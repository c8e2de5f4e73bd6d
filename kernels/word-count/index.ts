/**
 * word-count: how often each word, or each run of n words, occurs in a text.
 *
 * Text is UTF-8. A *word* is, as a regular expression over Unicode characters,
 *
 *     W+ (?: ['’] W+ )*        W = [A-Za-z0-9 U+00C0-U+1FFF U+2070-U+2FFF U+3040-U+10FFFF except U+FEFF]
 *
 * so ASCII letters and digits and nearly everything beyond Latin-1 punctuation are word characters, an apostrophe
 * (' or U+2019) counts only between two of them, and everything else separates. U+2019 is written as '. With
 * `fold` = 1, ASCII A-Z become a-z; nothing else is folded.
 *
 * An *n-gram* is n words that follow each other in one paragraph, joined by one space. Lines end with LF. A
 * *paragraph* ends with a blank line (only spaces, tabs, CR), or with the line by which it reaches 32,768 bytes.
 * Input is cut at ends of paragraphs only, so the sum over any chunks equals the count of the whole text.
 *
 * Output: entries `u32 length | bytes | u64 count`, little-endian, in ascending order of their bytes; none twice.
 * `passes` repeats the counting that many times and changes nothing but the work: for demonstrations and benchmarks.
 */
import { BAD_INPUT, BAD_PARAMETERS, input, outputs, parameters, put, putBytes, Reader } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const STEP_BYTES: usize = 1024;
const PARAGRAPH_BYTES: usize = 32768;
const N_MAX: u32 = 5;
const PASSES_MAX: u32 = 100000;

const LF: u32 = 0x0a;
const SPACE: u32 = 0x20;
const APOSTROPHE: u32 = 0x27;

let n: u32 = 1;
let fold: bool = true;
let text: usize = 0;
let end: usize = 0;
let stepsPerPass: i32 = 0;
let stepsLeft: i32 = 0;

// Where the scan of the current pass stands.
let cursor: usize = 0;
let paragraphStart: usize = 0;
let blankLine: bool = true;

// The words of the current paragraph as they are counted, each followed by a space: any n-gram is one slice of it.
let words: usize = 0;
let wordsEnd: usize = 0;
let wordCount: u32 = 0;
/** What is counted for an ASCII letter or digit; 0 for all other bytes. */
const writtenAs = memory.data(256);
/** Of the last words, by their number: more than there are in an n-gram. */
const STARTS_MASK: u32 = 7;
const wordStarts = new StaticArray<usize>(STARTS_MASK + 1);

// Hash table of addresses of entries, open addressing; an entry is u32 hash | u32 length | u64 count | bytes.
const ENTRY_HEAD: usize = 16;
/** Odd, and with bits everywhere: 2^64 by the golden ratio. */
const HASH_FACTOR: u64 = 0x9e3779b97f4a7c15;
let slots: usize = 0;
let slotMask: u32 = 0;
let entries: usize = 0;
let entriesEnd: usize = 0;
let entryCount: u32 = 0;

export function shoal_init(): i32 {
  const given = parameters();
  n = given.u32();
  const passes = given.u32();
  const folding = given.u32();
  if (n < 1 || n > N_MAX || passes < 1 || passes > PASSES_MAX || folding > 1) return BAD_PARAMETERS;
  fold = folding == 1;
  const chunk = input();
  const length = <usize>chunk.remaining;
  text = chunk.pointer;
  end = text + length;
  stepsPerPass = <i32>((length + STEP_BYTES - 1) / STEP_BYTES);
  const total = <u64>stepsPerPass * passes + 1;
  if (total > <u64>i32.MAX_VALUE) return BAD_PARAMETERS;
  stepsLeft = <i32>total;
  // Words are compared eight bytes at a time, of which the last may lie behind them.
  const caseBit: u32 = fold ? 0x20 : 0;
  for (let byte: u32 = 0; byte < 0x80; byte++) {
    if (isLetterOrDigit(byte)) store<u8>(writtenAs + byte, byte - 0x41 < 26 ? byte | caseBit : byte);
  }
  words = heap.alloc(length + 1 + 8);
  // At most one n-gram for each two bytes; together they repeat each byte of the paragraph buffer n times.
  entries = heap.alloc((length / 2 + 1) * (ENTRY_HEAD + 8) + <usize>n * (length + 1));
  slotMask = 1023;
  slots = heap.alloc(1024 * sizeof<u32>());
  return stepsLeft;
}

/** One step scans one KiB; the last one sorts and writes. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && stepsLeft > 0; steps--) {
    if (stepsLeft == 1) {
      writeSorted();
    } else {
      const done = (stepsLeft - 1) % stepsPerPass;
      const index = done == 0 ? 0 : stepsPerPass - done;
      if (index == 0) restart();
      scan(min<usize>(end, text + <usize>(index + 1) * STEP_BYTES));
    }
    stepsLeft--;
  }
  return stepsLeft;
}

function restart(): void {
  cursor = text;
  paragraphStart = text;
  blankLine = true;
  wordsEnd = words;
  wordCount = 0;
  entriesEnd = entries;
  entryCount = 0;
  memory.fill(slots, 0, (<usize>slotMask + 1) * sizeof<u32>());
}

/** Counts every word that starts before `until`. */
function scan(until: usize): void {
  let at = cursor;
  while (at < until) {
    const byte = <u32>load<u8>(at);
    if (load<u8>(writtenAs + byte) != 0 || (byte >= 0x80 && wordCharacter(at) != 0)) {
      blankLine = false;
      at = readWord(at);
      countNgram();
      continue;
    }
    at++;
    if (byte == SPACE) continue;
    if (byte == LF) {
      if (blankLine || at - paragraphStart >= PARAGRAPH_BYTES) {
        paragraphStart = at;
        wordsEnd = words;
        wordCount = 0;
      }
      blankLine = true;
    } else if (byte != 0x09 && byte != 0x0d) {
      blankLine = false;
      // The rest of a separator of several bytes is no character of its own.
      if (byte >= 0xc0) while (at < end && isContinuation(at)) at++;
    }
  }
  cursor = at;
}

/** ASCII. */
function isLetterOrDigit(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10;
}

function isContinuation(at: usize): bool {
  return (load<u8>(at) & 0xc0) == 0x80;
}

/** Length in bytes of the word character at `at`; 0 if there is none. */
function wordCharacter(at: usize): usize {
  if (at >= end) return 0;
  const byte = <u32>load<u8>(at);
  if (byte < 0x80) return isLetterOrDigit(byte) ? 1 : 0;
  if (byte < 0xc0) return 1;
  let length: usize = 1;
  const longest: usize = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  while (length < longest && at + length < end && isContinuation(at + length)) length++;
  if (byte == 0xc2) return 0;
  if (length == 3) {
    const second = <u32>load<u8>(at, 1);
    const third = <u32>load<u8>(at, 2);
    if (byte == 0xe2 && (second == 0x80 || (second == 0x81 && third < 0xb0))) return 0;
    if (byte == 0xe3 && second == 0x80) return 0;
    if (byte == 0xef && second == 0xbb && third == 0xbf) return 0;
  }
  return length;
}

/** Length in bytes of the apostrophe at `at`; 0 if there is none. */
function apostrophe(at: usize): usize {
  if (at < end && <u32>load<u8>(at) == APOSTROPHE) return 1;
  if (at + 3 <= end && load<u8>(at) == 0xe2 && load<u8>(at, 1) == 0x80 && load<u8>(at, 2) == 0x99) return 3;
  return 0;
}

/** Moves the word at `at` to the paragraph buffer; where it ends. What is in globals goes through memory, so locals. */
function readWord(at: usize): usize {
  const stop = end;
  const table = writtenAs;
  let into = wordsEnd;
  unchecked((wordStarts[wordCount & STARTS_MASK] = into));
  while (true) {
    while (at < stop) {
      const written = load<u8>(table + <usize>load<u8>(at));
      if (written == 0) break;
      store<u8>(into++, written);
      at++;
    }
    // What most words end with.
    if (at < stop && load<u8>(at) < 0x80 && load<u8>(at) != APOSTROPHE) break;
    let length = wordCharacter(at);
    if (length == 0) {
      const mark = apostrophe(at);
      if (mark == 0 || wordCharacter(at + mark) == 0) break;
      store<u8>(into++, <u8>APOSTROPHE);
      at += mark;
      continue;
    }
    for (; length > 0; length--) store<u8>(into++, load<u8>(at++));
  }
  store<u8>(into++, <u8>SPACE);
  wordsEnd = into;
  wordCount++;
  return at;
}

/** Ones where a loaded u64 has its first `count` bytes, of 1 to 8. */
function firstBytes(count: u32): u64 {
  return u64.MAX_VALUE >> ((<u64>(8 - count)) << 3);
}

/** Of at least one byte, eight at a time; seven more may be read behind them. */
function hashOf(bytes: usize, length: u32): u32 {
  let left = length;
  let hash: u64 = length;
  while (left > 8) {
    hash = rotl<u64>((hash ^ load<u64>(bytes)) * HASH_FACTOR, 31);
    bytes += 8;
    left -= 8;
  }
  hash = (hash ^ (load<u64>(bytes) & firstBytes(left))) * HASH_FACTOR;
  return <u32>(hash >> 32);
}

/** Whether as many bytes, at least one, are equal; seven more may be read behind both. */
function sameBytes(a: usize, b: usize, length: u32): bool {
  while (length > 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    length -= 8;
  }
  return ((load<u64>(a) ^ load<u64>(b)) & firstBytes(length)) == 0;
}

function countNgram(): void {
  if (wordCount < n) return;
  const start = unchecked(wordStarts[(wordCount - n) & STARTS_MASK]);
  const length = <u32>(wordsEnd - 1 - start);
  const hash = hashOf(start, length);
  const head = <u64>hash | ((<u64>length) << 32);
  const table = slots;
  const mask = slotMask;
  let slot = hash & mask;
  while (true) {
    const entry = <usize>load<u32>(table + ((<usize>slot) << 2));
    if (entry == 0) break;
    if (load<u64>(entry) == head && sameBytes(entry + ENTRY_HEAD, start, length)) {
      store<u64>(entry, load<u64>(entry, 8) + 1, 8);
      return;
    }
    slot = (slot + 1) & mask;
  }
  const entry = entriesEnd;
  entriesEnd = (entry + ENTRY_HEAD + length + 7) & ~7;
  store<u64>(entry, head);
  store<u64>(entry, 1, 8);
  memory.copy(entry + ENTRY_HEAD, start, length);
  store<u32>(table + ((<usize>slot) << 2), <u32>entry);
  entryCount++;
  if (entryCount * 2 > slotMask) growTable();
}

function nextEntry(entry: usize): usize {
  return (entry + ENTRY_HEAD + load<u32>(entry, 4) + 7) & ~7;
}

function growTable(): void {
  slotMask = slotMask * 2 + 1;
  const bytes = (<usize>slotMask + 1) * sizeof<u32>();
  slots = heap.alloc(bytes);
  memory.fill(slots, 0, bytes);
  for (let entry = entries; entry < entriesEnd; entry = nextEntry(entry)) {
    let slot = load<u32>(entry) & slotMask;
    while (load<u32>(slots + ((<usize>slot) << 2)) != 0) slot = (slot + 1) & slotMask;
    store<u32>(slots + ((<usize>slot) << 2), <u32>entry);
  }
}

/** Order of two byte strings: byte by byte, a prefix before what it begins. */
function order(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const first = memory.compare(a, b, min(aLength, bLength));
  if (first != 0) return first;
  return aLength < bLength ? -1 : aLength > bLength ? 1 : 0;
}

/** The same of two entries, eight bytes at a time: behind an entry's bytes it has room up to a multiple of eight. */
function orderEntries(a: usize, b: usize): i32 {
  const aLength = load<u32>(a, 4);
  const bLength = load<u32>(b, 4);
  for (let left = min(aLength, bLength); ; left -= 8, a += 8, b += 8) {
    let first = load<u64>(a, ENTRY_HEAD);
    let second = load<u64>(b, ENTRY_HEAD);
    if (left <= 8) {
      const mask = firstBytes(left);
      first &= mask;
      second &= mask;
    }
    if (first != second) {
      const bit = ctz<u64>(first ^ second) & ~7;
      return ((first >> bit) & 0xff) < ((second >> bit) & 0xff) ? -1 : 1;
    }
    if (left <= 8) break;
  }
  return aLength < bLength ? -1 : aLength > bLength ? 1 : 0;
}

// What is sorted: u64 key | u32 address of the entry | 4 bytes unused. Most entries differ in their keys, which need no look at them.
const SORTED_BYTES: usize = 16;

/** The first eight bytes of an entry as a number that orders as they do; zeros behind its end. */
function keyOf(entry: usize): u64 {
  const length = load<u32>(entry, 4);
  const bytes = load<u64>(entry, ENTRY_HEAD);
  return bswap<u64>(length < 8 ? bytes & firstBytes(length) : bytes);
}

/** Bottom-up merge sort of all entries, then the output. */
function writeSorted(): void {
  const bytes = <usize>entryCount * SORTED_BYTES;
  let from = heap.alloc(bytes);
  let into = heap.alloc(bytes);
  let entry = entries;
  for (let at = from; at < from + bytes; at += SORTED_BYTES) {
    store<u64>(at, keyOf(entry));
    store<u32>(at, <u32>entry, 8);
    entry = nextEntry(entry);
  }
  for (let width = SORTED_BYTES; width < bytes; width *= 2) {
    for (let left: usize = 0; left < bytes; left += 2 * width) {
      mergeRuns(from, into, left, min(left + width, bytes), min(left + 2 * width, bytes));
    }
    const swap = from;
    from = into;
    into = swap;
  }
  for (let at = from; at < from + bytes; at += SORTED_BYTES) {
    const one = <usize>load<u32>(at, 8);
    const length = load<u32>(one, 4);
    put<u32>(length);
    putBytes(one + ENTRY_HEAD, length);
    put<u64>(load<u64>(one, 8));
  }
}

/** Bytes of `from` from `left` to `middle` and from there to `right`, each in order, become one run of `into`. */
function mergeRuns(from: usize, into: usize, left: usize, middle: usize, right: usize): void {
  let a = from + left;
  let b = from + middle;
  const aEnd = b;
  const bEnd = from + right;
  let to = into + left;
  while (a < aEnd && b < bEnd) {
    const aKey = load<u64>(a);
    const bKey = load<u64>(b);
    const takeA = aKey == bKey ? orderEntries(load<u32>(a, 8), load<u32>(b, 8)) <= 0 : aKey < bKey;
    const taken = takeA ? a : b;
    store<u64>(to, load<u64>(taken));
    store<u64>(to, load<u64>(taken, 8), 8);
    to += SORTED_BYTES;
    a += takeA ? SORTED_BYTES : 0;
    b += takeA ? 0 : SORTED_BYTES;
  }
  memory.copy(to, a, aEnd - a);
  memory.copy(to + (aEnd - a), b, bEnd - b);
}

/** The head of one sorted list in a merge. */
class Head {
  word: usize = 0;
  length: u32 = 0;
  count: u64 = 0;
  constructor(private list: Reader) {}

  /** Moves to the next entry; false at the end of the list. */
  advance(): bool {
    if (this.list.remaining == 0) return false;
    this.length = this.list.u32();
    this.word = this.list.skip(this.length);
    this.count = this.list.u64();
    return true;
  }
}

/** Merges sorted lists into one and adds up the counts of equal entries. */
export function shoal_reduce(): i32 {
  const lists = outputs();
  const heads: Head[] = [];
  for (let i = 0; i < lists.length; i++) {
    const head = new Head(lists[i]);
    if (head.advance()) heads.push(head);
  }
  while (heads.length > 0) {
    let least = heads[0];
    for (let i = 1; i < heads.length; i++) {
      const head = heads[i];
      if (order(head.word, head.length, least.word, least.length) < 0) least = head;
    }
    const word = least.word;
    const length = least.length;
    let count: u64 = 0;
    for (let i = heads.length - 1; i >= 0; i--) {
      const head = heads[i];
      if (order(head.word, head.length, word, length) != 0) continue;
      count += head.count;
      if (!head.advance()) {
        heads[i] = heads[heads.length - 1];
        heads.pop();
      } else if (order(head.word, head.length, word, length) <= 0) {
        return BAD_INPUT;
      }
    }
    put<u32>(length);
    putBytes(word, length);
    put<u64>(count);
  }
  return 0;
}
