/** The numbers a kernel takes: their types and the ranges of these. */
import type { ArgumentType } from './manifest.ts';

const RANGE_OF_TYPE = {
  u32: [0n, 2n ** 32n - 1n],
  u64: [0n, 2n ** 64n - 1n],
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
} as const;

/** Why `value` is not a number of this type, or undefined if it is. */
export function problemOfNumber(type: ArgumentType, value: number | bigint | string): string | undefined {
  if (type === 'f64') return Number.isFinite(Number(value)) ? undefined : 'must be a finite number';
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return Number.isInteger(value)
      ? 'is too large to be exact: write it as a string of digits'
      : 'must be a whole number';
  }
  const exact = BigInt(value);
  const [least, most] = RANGE_OF_TYPE[type];
  return exact < least || exact > most ? `must be from ${least} to ${most}` : undefined;
}
