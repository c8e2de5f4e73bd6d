/** Operands at the edges of what instructions do, as bits. */
import type { NumberType } from './values.ts';

const I32 = [
  0, 1, 2, 7, 31, 32, 33, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0x80000001, 0x12345678, 0xffffffff,
];
const I64 = [
  0n,
  1n,
  2n,
  63n,
  64n,
  65n,
  0xffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x20000000000001n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0x8000000000000001n,
  0xfffffffffffffffen,
  0xffffffffffffffffn,
];
const F32 = [
  // Zeros, the smallest and largest below the normal ones, the smallest normal one.
  0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000,
  // 0.5, 1, -1, 1.5, 2.5, -0.75, the largest.
  0x3f000000, 0x3f800000, 0xbf800000, 0x3fc00000, 0x40200000, 0xbf400000, 0x7f7fffff,
  // At the bounds of integers: 2^31, -2^31, 2^32, 2^63, -2^63 and 2^64; one below 2^32.
  0x4f000000, 0xcf000000, 0x4f800000, 0x5f000000, 0xdf000000, 0x5f800000, 0x4f7fffff,
  // Infinities, and NaNs: canonical, negative, with payloads, signalling.
  0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fc12345, 0xffa54321, 0x7f800001,
];
const F64 = [
  0x0000000000000000n,
  0x8000000000000000n,
  0x0000000000000001n,
  0x800fffffffffffffn,
  0x0010000000000000n,
  0x3fe0000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x3ff8000000000000n,
  0x4004000000000000n,
  0xbfe8000000000000n,
  0x7fefffffffffffffn,
  // 2^31, 2^31 - 0.5, -2^31 - 1, 2^32, 2^63, the last below it, -2^63, 2^64; one that rounds twice on its way to f32.
  0x41e0000000000000n,
  0x41dfffffffe00000n,
  0xc1e0000000200000n,
  0x41f0000000000000n,
  0x43e0000000000000n,
  0x43dfffffffffffffn,
  0xc3e0000000000000n,
  0x43f0000000000000n,
  0x3ff0000010000001n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff8000000012345n,
  0xfff4000000054321n,
  0x7ff0000000000001n,
];

/** The `count` bits beginning with each list, lane after lane. */
function lanes(list: readonly bigint[], width: number): readonly bigint[] {
  const perVector = 128 / width;
  const vectors: bigint[] = [];
  for (let start = 0; start < list.length; start += perVector) {
    const picked = Array.from({ length: perVector }, (_, lane) => list[(start + lane * 5) % list.length]!);
    vectors.push(
      picked.reduce((bits, lane, index) => bits | (BigInt.asUintN(width, lane) << BigInt(index * width)), 0n),
    );
  }
  return vectors;
}

const VECTORS: readonly bigint[] = [
  0n,
  (1n << 128n) - 1n,
  0x80808080808080807f7f7f7f7f7f7f7fn,
  0x0f0e0d0c0b0a09080706050403020100n,
  0x80ff7f0180ff7f0180ff7f0110203040n,
  0x8000ffff7fff00018000ffff7fff0001n,
  ...lanes(I32.map(BigInt), 32),
  ...lanes(I64, 64).slice(0, 5),
  ...lanes(F32.map(BigInt), 32),
  ...lanes(F64, 64),
];

export const OPERANDS: Readonly<Record<NumberType, readonly bigint[]>> = {
  i32: I32.map(BigInt),
  i64: I64,
  f32: F32.map(BigInt),
  f64: F64,
  v128: VECTORS,
};

/** With how many others each operand of two vectors meets: all would take ten times as long. */
const VECTOR_PARTNERS = [0, 1, 2, 5, 11];

/** All combinations of up to two operands, but for vectors; of three, the third goes along with the second. */
export function combinations(types: readonly NumberType[]): readonly (readonly bigint[])[] {
  const [first, second, third] = types.map((type) => OPERANDS[type]);
  if (first === undefined) return [[]];
  if (second === undefined) return first.map((a) => [a]);
  const isVectors = types[0] === 'v128' && types[1] === 'v128';
  return first.flatMap((a, i) => {
    const partners = isVectors ? VECTOR_PARTNERS.map((step) => second[(i + step) % second.length]!) : second;
    return partners.map((b, j) => [a, b, ...(third === undefined ? [] : [third[(i + j) % third.length]!])]);
  });
}
