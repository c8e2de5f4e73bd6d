/**
 * sequence-align: which proteins of a database are most like a query, by the alignment of Smith and Waterman.
 *
 * The input is `u32 length | FASTA record of the query | FASTA records of the database`. The score of a pair is that
 * of its best local alignment under BLOSUM62, where a gap of k residues costs gapOpen + k·gapExtend. Letters are
 * taken in either case; J, O and U count as X (unknown); `-`, `.`, spaces and line ends are passed over. The output
 * lists the `top` best targets with a score above 0, one row each:
 *
 *     u32 score | u32 residues of the target | u32 length | name: the header up to the first blank, at most 64 bytes
 *
 * by descending score, then by the bytes of the name, then by residues: an order without ties that matter, so that
 * merged lists are the list of the whole. Eight cells run side by side in the lanes of an i16x8, striped over the query
 * (Farrar 2007). A score that reaches the end of 16 bits is computed again in 32.
 */
import { aligned } from 'shoal/fft';
import { BAD_INPUT, BAD_PARAMETERS, input, outputs, parameters, put, putBytes, Reader } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

/** Cells of the matrix in one step: about a millisecond. */
const STEP_CELLS: u32 = 1 << 21;
const QUERY_MAX: u32 = 40000;
const TOP_MAX: u32 = 100;
const NAME_MAX: u32 = 64;
const LANES: u32 = 8;

const LETTERS = 'ARNDCQEGHILKMFPSTWYVBZX*';
const RESIDUES: u32 = 24;
const UNKNOWN: u8 = 22;
/** Not a residue: passed over, the end of a record, or an error. */
const BLANK: u8 = 253;
const END: u8 = 254;
const WRONG: u8 = 255;

/** BLOSUM62 (Henikoff and Henikoff 1992) as NCBI publishes it, in the order of LETTERS. */
// biome-ignore format: a matrix
const BLOSUM62: StaticArray<i8> = [
  4, -1, -2, -2, 0, -1, -1, 0, -2, -1, -1, -1, -1, -2, -1, 1, 0, -3, -2, 0, -2, -1, 0, -4,
  -1, 5, 0, -2, -3, 1, 0, -2, 0, -3, -2, 2, -1, -3, -2, -1, -1, -3, -2, -3, -1, 0, -1, -4,
  -2, 0, 6, 1, -3, 0, 0, 0, 1, -3, -3, 0, -2, -3, -2, 1, 0, -4, -2, -3, 3, 0, -1, -4,
  -2, -2, 1, 6, -3, 0, 2, -1, -1, -3, -4, -1, -3, -3, -1, 0, -1, -4, -3, -3, 4, 1, -1, -4,
  0, -3, -3, -3, 9, -3, -4, -3, -3, -1, -1, -3, -1, -2, -3, -1, -1, -2, -2, -1, -3, -3, -2, -4,
  -1, 1, 0, 0, -3, 5, 2, -2, 0, -3, -2, 1, 0, -3, -1, 0, -1, -2, -1, -2, 0, 3, -1, -4,
  -1, 0, 0, 2, -4, 2, 5, -2, 0, -3, -3, 1, -2, -3, -1, 0, -1, -3, -2, -2, 1, 4, -1, -4,
  0, -2, 0, -1, -3, -2, -2, 6, -2, -4, -4, -2, -3, -3, -2, 0, -2, -2, -3, -3, -1, -2, -1, -4,
  -2, 0, 1, -1, -3, 0, 0, -2, 8, -3, -3, -1, -2, -1, -2, -1, -2, -2, 2, -3, 0, 0, -1, -4,
  -1, -3, -3, -3, -1, -3, -3, -4, -3, 4, 2, -3, 1, 0, -3, -2, -1, -3, -1, 3, -3, -3, -1, -4,
  -1, -2, -3, -4, -1, -2, -3, -4, -3, 2, 4, -2, 2, 0, -3, -2, -1, -2, -1, 1, -4, -3, -1, -4,
  -1, 2, 0, -1, -3, 1, 1, -2, -1, -3, -2, 5, -1, -3, -1, 0, -1, -3, -2, -2, 0, 1, -1, -4,
  -1, -1, -2, -3, -1, 0, -2, -3, -2, 1, 2, -1, 5, 0, -2, -1, -1, -1, -1, 1, -3, -1, -1, -4,
  -2, -3, -3, -3, -2, -3, -3, -3, -1, 0, 0, -3, 0, 6, -4, -2, -2, 1, 3, -1, -3, -3, -1, -4,
  -1, -2, -2, -1, -3, -1, -1, -2, -2, -3, -3, -1, -2, -4, 7, -1, -1, -4, -3, -2, -2, -1, -2, -4,
  1, -1, 1, 0, -1, 0, 0, 0, -1, -2, -2, 0, -1, -2, -1, 4, 1, -3, -2, -2, 0, 0, 0, -4,
  0, -1, 0, -1, -1, -1, -1, -2, -2, -1, -1, -1, -1, -2, -1, 1, 5, -2, -2, 0, -1, -1, 0, -4,
  -3, -3, -4, -4, -2, -2, -3, -2, -2, -3, -2, -3, -1, 1, -4, -3, -2, 11, 2, -3, -4, -3, -2, -4,
  -2, -2, -2, -3, -2, -1, -2, -3, 2, -1, -1, -2, -1, 3, -3, -2, -2, 2, 7, -1, -3, -2, -1, -4,
  0, -3, -3, -3, -1, -2, -2, -3, -3, 3, 1, -2, 1, -1, -2, -2, 0, -3, -1, 4, -3, -2, -1, -4,
  -2, -1, 3, 4, -3, 0, 1, -1, 0, -3, -4, 0, -3, -3, -2, 0, -1, -4, -3, -3, 4, 1, -1, -4,
  -1, 0, 0, 1, -3, 3, 4, -2, 0, -3, -3, 1, -1, -3, -1, 0, -1, -3, -2, -2, 1, 4, -1, -4,
  0, -1, -1, -1, -2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -2, 0, 0, -2, -1, -1, -1, -1, -1, -4,
  -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, 1,
];

let gapOpen: i32 = 0;
let gapExtend: i32 = 0;
let top: u32 = 0;

/** Residue codes of the query. */
let query: usize = 0;
let queryLength: u32 = 0;
/** Vectors of one column: lane l of vector s is position l·segments + s of the query. */
let segments: u32 = 0;
/** For each residue, the scores of the query against it; H of the column before and of this one; E of this one. */
let profile: usize = 0;
let columnBefore: usize = 0;
let column: usize = 0;
let gaps: usize = 0;
let best = i16x8.splat(0);

/** Residue codes of the database, END behind each record, and its headers in the same order. */
let codes: usize = 0;
let codesEnd: usize = 0;
let at: usize = 0;
let recordStart: usize = 0;
let headers: usize = 0;
let textEnd: usize = 0;
let codesPerStep: u32 = 0;

/** The best targets so far, in order: u32 score, u32 residues, u32 name, u32 length of the name. */
let hits: usize = 0;
let hitCount: u32 = 0;

function readParameters(): bool {
  const given = parameters();
  gapOpen = given.i32();
  gapExtend = given.i32();
  top = given.u32();
  hits = heap.alloc((TOP_MAX + 1) * 16);
  return gapOpen >= 0 && gapOpen <= 1000 && gapExtend >= 1 && gapExtend <= 1000 && top >= 1 && top <= TOP_MAX;
}

export function shoal_init(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const given = input();
  const head = given.u32();
  const queryText = given.skip(head);
  query = heap.alloc(head + 1);
  let end = encode(queryText, queryText + head, query, 0);
  if (end == 0 || end == query || load<u8>(end - 1) != END) return BAD_INPUT;
  queryLength = <u32>(end - query) - 1;
  if (queryLength == 0 || queryLength > QUERY_MAX) return BAD_INPUT;
  for (let p = query; p < end - 1; p++) if (load<u8>(p) == END) return BAD_INPUT;
  const text = given.pointer;
  const length = given.remaining;
  textEnd = text + length;
  codes = heap.alloc(<usize>length + 1);
  headers = heap.alloc((<usize>length / 2 + 1) * 4);
  codesEnd = encode(text, text + length, codes, headers);
  if (codesEnd == 0 || codesEnd == codes) return BAD_INPUT;
  at = codes;
  recordStart = codes;
  prepareQuery();
  codesPerStep = max<u32>(1, STEP_CELLS / (segments * LANES));
  return stepsLeft();
}

function stepsLeft(): i32 {
  return <i32>((<u32>(codesEnd - at) + codesPerStep - 1) / codesPerStep);
}

function codeOf(byte: u8): u8 {
  if (byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d || byte == 0x2d || byte == 0x2e) return BLANK;
  const upper = byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte;
  for (let i = 0; i < LETTERS.length; i++) if (<u8>LETTERS.charCodeAt(i) == upper) return <u8>i;
  return upper == 0x4a || upper == 0x4f || upper == 0x55 ? UNKNOWN : WRONG;
}

/**
 * Writes the residue codes of FASTA records to `into`, END behind each, and the address of each header to `names` if
 * it is not 0. Returns the end of the codes, or 0 where the text is not FASTA.
 */
function encode(text: usize, end: usize, into: usize, names: usize): usize {
  const table = heap.alloc(256);
  for (let byte: u32 = 0; byte < 256; byte++) store<u8>(table + byte, codeOf(<u8>byte));
  if (text == end || load<u8>(text) != 0x3e) return 0;
  let out = into;
  let isFirst = true;
  while (text < end) {
    if (load<u8>(text) == 0x3e) {
      if (!isFirst) store<u8>(out++, END);
      isFirst = false;
      if (names != 0) {
        store<u32>(names, <u32>text + 1);
        names += 4;
      }
      while (text < end && load<u8>(text) != 0x0a) text++;
      text++;
      continue;
    }
    for (; text < end && load<u8>(text) != 0x0a; text++) {
      const code = load<u8>(table + load<u8>(text));
      if (code < RESIDUES) store<u8>(out++, code);
      else if (code != BLANK) return 0;
    }
    text++;
  }
  store<u8>(out++, END);
  return out;
}

function prepareQuery(): void {
  segments = (queryLength + LANES - 1) / LANES;
  const size = (<usize>segments) << 4;
  profile = aligned(size * RESIDUES);
  columnBefore = aligned(size);
  column = aligned(size);
  gaps = aligned(size);
  for (let residue: u32 = 0; residue < RESIDUES; residue++) {
    const row = profile + size * residue;
    for (let segment: u32 = 0; segment < segments; segment++) {
      for (let lane: u32 = 0; lane < LANES; lane++) {
        const position = lane * segments + segment;
        // Beyond the query nothing scores.
        const score =
          position < queryLength ? unchecked(BLOSUM62[residue * RESIDUES + load<u8>(query + position)]) : -128;
        store<i16>(row + ((<usize>segment) << 4) + (lane << 1), score);
      }
    }
  }
  startRecord();
}

function startRecord(): void {
  const size = (<usize>segments) << 4;
  memory.fill(columnBefore, 0, size);
  memory.fill(gaps, 0, size);
  best = i16x8.splat(0);
}

export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && at < codesEnd; steps--) {
    const end = min<usize>(at + codesPerStep, codesEnd);
    while (at < end) {
      const code = load<u8>(at);
      if (code == END) endRecord();
      else alignResidue(code);
      at++;
    }
  }
  if (at == codesEnd) putHits();
  return stepsLeft();
}

/** One column of the matrix: the residue against the whole query. */
function alignResidue(residue: u32): void {
  const size = (<usize>segments) << 4;
  const scores = profile + size * residue;
  const open = i16x8.splat(<i16>(gapOpen + gapExtend));
  const extend = i16x8.splat(<i16>gapExtend);
  const zero = i16x8.splat(0);
  const before = columnBefore;
  const here = column;
  const e = gaps;
  let most = best;
  // Lane l goes on where lane l - 1 ends.
  let h = shifted(v128.load(before + size - 16));
  let f = zero;
  for (let s: usize = 0; s < size; s += 16) {
    let gap = v128.load(e + s);
    h = i16x8.max_s(i16x8.add_sat_s(h, v128.load(scores + s)), gap);
    h = i16x8.max_s(i16x8.max_s(h, f), zero);
    most = i16x8.max_s(most, h);
    v128.store(here + s, h);
    h = i16x8.sub_sat_s(h, open);
    gap = i16x8.max_s(i16x8.sub_sat_s(gap, extend), h);
    v128.store(e + s, gap);
    f = i16x8.max_s(i16x8.sub_sat_s(f, extend), h);
    h = v128.load(before + s);
  }
  best = most;
  // Gaps that reach over the end of a lane: seldom more than a few vectors.
  f = shifted(f);
  let s: usize = 0;
  h = v128.load(here);
  while (v128.any_true(i16x8.gt_s(f, i16x8.max_s(i16x8.sub_sat_s(h, open), zero)))) {
    v128.store(here + s, i16x8.max_s(h, f));
    f = i16x8.sub_sat_s(f, extend);
    s += 16;
    if (s == size) {
      s = 0;
      f = shifted(f);
    }
    h = v128.load(here + s);
  }
  columnBefore = here;
  column = before;
}

/** Each lane moves up by one; 0 comes into the lowest. */
function shifted(a: v128): v128 {
  return v128.shuffle<u16>(i16x8.splat(0), a, 0, 8, 9, 10, 11, 12, 13, 14);
}

function endRecord(): void {
  let score: i32 = 0;
  let lanes = best;
  for (let lane = 0; lane < 8; lane++) {
    score = max(score, <i32>i16x8.extract_lane_s(lanes, 0));
    lanes = v128.shuffle<u16>(lanes, lanes, 1, 2, 3, 4, 5, 6, 7, 0);
  }
  if (score == 32767) score = plainScore(recordStart, at);
  const header = <usize>load<u32>(headers);
  headers += 4;
  let length: u32 = 0;
  while (length < NAME_MAX && header + length < textEnd && load<u8>(header + length) > 0x20) length++;
  keep(score, <u32>(at - recordStart), header, length);
  recordStart = at + 1;
  startRecord();
}

/** The same score, one cell at a time in 32 bits. */
function plainScore(from: usize, to: usize): i32 {
  const h = heap.alloc((<usize>queryLength) << 2);
  const e = heap.alloc((<usize>queryLength) << 2);
  memory.fill(h, 0, (<usize>queryLength) << 2);
  memory.fill(e, 0, (<usize>queryLength) << 2);
  let most: i32 = 0;
  for (let p = from; p < to; p++) {
    const row = <u32>load<u8>(p) * RESIDUES;
    let diagonal: i32 = 0;
    let f: i32 = 0;
    for (let i: u32 = 0; i < queryLength; i++) {
      const offset = (<usize>i) << 2;
      const gap = load<i32>(e + offset);
      let score = max(diagonal + <i32>unchecked(BLOSUM62[row + load<u8>(query + i)]), 0);
      score = max(max(score, gap), f);
      diagonal = load<i32>(h + offset);
      store<i32>(h + offset, score);
      most = max(most, score);
      store<i32>(e + offset, max(gap - gapExtend, score - gapOpen - gapExtend));
      f = max(f - gapExtend, score - gapOpen - gapExtend);
    }
  }
  return most;
}

/** Puts a target among the best, if it is one of them. */
function keep(score: i32, residues: u32, name: usize, length: u32): void {
  if (score == 0) return;
  let place = hitCount;
  while (place > 0 && isBefore(score, residues, name, length, hits + ((<usize>place - 1) << 4))) place--;
  if (place == top) return;
  const target = hits + ((<usize>place) << 4);
  memory.copy(target + 16, target, (<usize>(hitCount - place)) << 4);
  store<u32>(target, score);
  store<u32>(target, residues, 4);
  store<u32>(target, <u32>name, 8);
  store<u32>(target, length, 12);
  if (hitCount < top) hitCount++;
}

function isBefore(score: i32, residues: u32, name: usize, length: u32, hit: usize): bool {
  const other = load<i32>(hit);
  if (score != other) return score > other;
  const otherName = <usize>load<u32>(hit, 8);
  const otherLength = load<u32>(hit, 12);
  const order = memory.compare(name, otherName, min(length, otherLength));
  if (order != 0) return order < 0;
  if (length != otherLength) return length < otherLength;
  return residues < load<u32>(hit, 4);
}

function putHits(): void {
  for (let i: u32 = 0; i < hitCount; i++) {
    const hit = hits + ((<usize>i) << 4);
    put<u32>(load<u32>(hit));
    put<u32>(load<u32>(hit, 4));
    put<u32>(load<u32>(hit, 12));
    putBytes(load<u32>(hit, 8), load<u32>(hit, 12));
  }
}

/** The best of several lists. */
export function shoal_reduce(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const lists = outputs();
  for (let i = 0; i < lists.length; i++) {
    const list: Reader = lists[i];
    while (list.remaining > 0) {
      const score = list.i32();
      const residues = list.u32();
      const length = list.u32();
      if (score <= 0 || length > NAME_MAX) return BAD_INPUT;
      keep(score, residues, list.skip(length), length);
    }
  }
  putHits();
  return 0;
}
