/**
 * What each instruction takes and gives, by the types of its values; those that depend on where they stand (control,
 * variables, `drop`, `select`) are in `validate.ts`. With it, how far apart memory accesses may be aligned, and how many
 * lanes there are to choose from.
 */
import { VALUE } from './value-types.ts';

export interface Signature {
  readonly takes: readonly number[];
  readonly gives: readonly number[];
}

const LETTERS: Readonly<Record<string, number>> = {
  i: VALUE.i32,
  I: VALUE.i64,
  f: VALUE.f32,
  F: VALUE.f64,
  v: VALUE.v128,
};

/** `i` i32, `I` i64, `f` f32, `F` f64, `v` v128: operands, a colon, results; then opcodes, and ranges of them. */
type Row = readonly [string, ...(number | readonly [number, number])[]];

const BASE: readonly Row[] = [
  ['i:i', 0x28, [0x2c, 0x2f], 0x40, 0x45, [0x67, 0x69], 0xc0, 0xc1],
  ['i:I', 0x29, [0x30, 0x35], 0xac, 0xad],
  ['i:f', 0x2a, 0xb2, 0xb3, 0xbe],
  ['i:F', 0x2b, 0xb7, 0xb8],
  ['ii:', 0x36, 0x3a, 0x3b],
  ['iI:', 0x37, [0x3c, 0x3e]],
  ['if:', 0x38],
  ['iF:', 0x39],
  [':i', 0x3f, 0x41],
  [':I', 0x42],
  [':f', 0x43],
  [':F', 0x44],
  ['ii:i', [0x46, 0x4f], [0x6a, 0x78]],
  ['I:i', 0x50, 0xa7],
  ['II:i', [0x51, 0x5a]],
  ['ff:i', [0x5b, 0x60]],
  ['FF:i', [0x61, 0x66]],
  ['I:I', [0x79, 0x7b], [0xc2, 0xc4]],
  ['II:I', [0x7c, 0x8a]],
  ['f:f', [0x8b, 0x91]],
  ['ff:f', [0x92, 0x98]],
  ['F:F', [0x99, 0x9f]],
  ['FF:F', [0xa0, 0xa6]],
  ['f:i', 0xa8, 0xa9, 0xbc],
  ['F:i', 0xaa, 0xab],
  ['f:I', 0xae, 0xaf],
  ['F:I', 0xb0, 0xb1, 0xbd],
  ['I:f', 0xb4, 0xb5],
  ['F:f', 0xb6],
  ['I:F', 0xb9, 0xba, 0xbf],
  ['f:F', 0xbb],
  [':', 0x01],
];

const PREFIXED: readonly Row[] = [
  ['f:i', 0, 1],
  ['F:i', 2, 3],
  ['f:I', 4, 5],
  ['F:I', 6, 7],
  ['iii:', 8, 10, 11, 12, 14],
  [':', 9, 13],
];

const SIMD: readonly Row[] = [
  ['i:v', [0, 10], [15, 17], 92, 93],
  ['iv:', 11, [88, 91]],
  [':v', 12],
  ['I:v', 18],
  ['f:v', 19],
  ['F:v', 20],
  ['v:i', 21, 22, 24, 25, 27, 83, 99, 100, 131, 132, 163, 164, 195, 196],
  ['v:I', 29],
  ['v:f', 31],
  ['v:F', 33],
  ['vi:v', 23, 26, 28, [107, 109], [139, 141], [171, 173], [203, 205]],
  ['vI:v', 30],
  ['vf:v', 32],
  ['vF:v', 34],
  ['iv:v', [84, 87]],
  ['vvv:v', 82],
  ['v:v', 77, [94, 98], [103, 106], 116, 117, 122, [124, 129], [135, 138], 148, 160, 161, [167, 170], 192, 193],
  ['v:v', [199, 202], 224, 225, 227, 236, 237, 239, [248, 255]],
  ['vv:v', 13, 14, [35, 76], [78, 81], 101, 102, [110, 115], [118, 121], 123, 130, 133, 134, [142, 147], [149, 153]],
  ['vv:v', [155, 159], 174, 177, [181, 186], [188, 191], 206, 209, [213, 223], [228, 235], [240, 247]],
];

function table(rows: readonly Row[], size: number): readonly (Signature | undefined)[] {
  const result = new Array<Signature | undefined>(size);
  for (const [text, ...codes] of rows) {
    const [takes, gives] = text.split(':').map((letters) => [...letters].map((letter) => LETTERS[letter]!));
    for (const code of codes) {
      const [first, last] = typeof code === 'number' ? [code, code] : code;
      for (let one = first; one <= last; one++) result[one] = { takes: takes!, gives: gives! };
    }
  }
  return result;
}

const BASE_TABLE = table(BASE, 256);
const PREFIXED_TABLE = table(PREFIXED, 18);
const SIMD_TABLE = table(SIMD, 256);

/** Undefined for instructions whose types depend on where they stand. */
export function signatureOf(prefix: number, code: number): Signature | undefined {
  return (prefix === 0xfc ? PREFIXED_TABLE : prefix === 0xfd ? SIMD_TABLE : BASE_TABLE)[code];
}

/** From 0x28, `i32.load`, to 0x3e, `i64.store32`. */
const ALIGNMENTS = [2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2];
/** From 0, `v128.load`, to 11, `v128.store`. */
const SIMD_ALIGNMENTS = [4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3, 4];

/** Logarithm of the largest alignment that a memory access may state. */
export function alignmentMax(prefix: number, code: number): number {
  if (prefix === 0) return ALIGNMENTS[code - 0x28]!;
  if (code <= 11) return SIMD_ALIGNMENTS[code]!;
  return code >= 92 ? code - 90 : (code - 84) % 4;
}

/** How many lanes an instruction that ends with the number of a lane can choose from. */
export function laneCount(code: number): number {
  if (code >= 84) return 16 >> ((code - 84) % 4);
  if (code <= 23) return 16;
  if (code <= 26) return 8;
  return code <= 28 || code === 31 || code === 32 ? 4 : 2;
}
