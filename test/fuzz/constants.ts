/** Numbers that generated modules compute with, and the instructions that make a NaN canonical. */
import { signed } from './encode.ts';
import { F32, F64, I32, I64, type NanShape, V128, type ValueType } from './operators.ts';
import type { Random } from './random.ts';

/** The instruction of some constant; of the i32 that is given, unless that is 0. */
export function constantFor(random: Random, type: ValueType, given = 0): number[] {
  switch (type) {
    case I32: {
      const value = random.pick([0, 1, 2, 3, 7, -1, 100, 0x7fffffff, -0x80000000, random.u32() | 0]);
      return [0x41, ...signed(given === 0 ? value : given)];
    }
    case I64:
      return [0x42, ...signed(random.pick([0, 1, -1, 5, 2 ** 40, -(2 ** 50), random.u32()]))];
    case F32:
      return [0x43, ...random.pick(F32_CONSTANTS)];
    case F64:
      return [0x44, ...random.pick(F64_CONSTANTS)];
    case V128:
      return [0xfd, 12, ...Array.from({ length: 2 }, () => random.pick(LANE_CONSTANTS)).flat()];
  }
}

const NAN32 = [0, 0, 0xc0, 0x7f];
const NAN64 = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/** The canonical NaN, the comparison that is false only for a NaN, and the choice by it. */
export const CANONICAL: Readonly<Record<NanShape, readonly [readonly number[], readonly number[], readonly number[]]>> =
  {
    f32: [[0x43, ...NAN32], [0x5b], [0x1b]],
    f64: [[0x44, ...NAN64], [0x61], [0x1b]],
    f32x4: [
      [0xfd, 12, ...NAN32, ...NAN32, ...NAN32, ...NAN32],
      [0xfd, 65],
      [0xfd, 82],
    ],
    f64x2: [
      [0xfd, 12, ...NAN64, ...NAN64],
      [0xfd, 71],
      [0xfd, 82],
    ],
  };

/** Zeros, infinities and the like make NaNs; those with a payload are there from the beginning. */
const NUMBERS = [0, -0, 1, -1.5, 3, 1e30, -1e-30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const F32_CONSTANTS = [
  ...NUMBERS.map((value) => [...new Uint8Array(Float32Array.of(value).buffer)]),
  [1, 2, 0xb0, 0xff],
];
const F64_CONSTANTS = [
  ...NUMBERS.map((value) => [...new Uint8Array(Float64Array.of(value).buffer)]),
  [1, 2, 3, 4, 5, 6, 0xf4, 0xff],
];
const LANE_CONSTANTS = [
  ...F64_CONSTANTS,
  ...F32_CONSTANTS.map((lane) => [...lane, ...lane]),
  [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
  [1, 2, 3, 4, 5, 6, 7, 8],
];
