/** Values as bits. JavaScript changes the bits of a NaN on its way through a number, and has no v128 at all. */
import type { ScriptValue } from './script.ts';

export type NumberType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** The bits of one value as an unsigned number. */
export interface Value {
  readonly type: NumberType;
  readonly bits: bigint;
}

interface Shape {
  /** Bits of a lane. */
  readonly width: number;
  /** Bits of a NaN's payload. */
  readonly payload: number;
}

const FLOATS: Readonly<Record<string, Shape>> = { f32: { width: 32, payload: 23 }, f64: { width: 64, payload: 52 } };
const WIDTHS: Readonly<Record<string, number>> = { i8: 8, i16: 16, i32: 32, i64: 64, f32: 32, f64: 64 };

export const TYPE_BYTE: Readonly<Record<NumberType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

export function isNumberType(type: string): type is NumberType {
  return Object.hasOwn(TYPE_BYTE, type);
}

export function bytesOf(type: NumberType): number {
  return type === 'v128' ? 16 : WIDTHS[type]! / 8;
}

/** The lanes of a script's value, lowest first: a number's one lane is itself. */
function lanesOf(value: ScriptValue): {
  readonly width: number;
  readonly type: string;
  readonly texts: readonly string[];
} {
  const type = value.type === 'v128' ? value.lane_type! : value.type;
  const texts = typeof value.value === 'string' ? [value.value] : (value.value ?? []);
  return { width: WIDTHS[type]!, type, texts };
}

/** Throws a RangeError when it is a pattern, not a value. */
export function toBits(value: ScriptValue): bigint {
  const { width, texts } = lanesOf(value);
  return texts.reduce((bits, text, lane) => bits | (lower(BigInt(text), width) << BigInt(lane * width)), 0n);
}

function lower(bits: bigint, width: number): bigint {
  return BigInt.asUintN(width, bits);
}

export type Match = 'equal' | 'canonical' | 'different';

/**
 * Whether the metered module gave what the unmetered one gave. `canonical`: it did, but for lanes whose NaN the suite
 * leaves open, and there the metered module's NaN is the canonical one.
 */
export function compareValues(expected: ScriptValue, raw: bigint, metered: bigint): Match {
  if (raw === metered) return 'equal';
  const { width, type, texts } = lanesOf(expected);
  const float = FLOATS[type];
  if (float === undefined) return 'different';
  const lanes = expected.type === 'v128' ? 128 / width : 1;
  for (let lane = 0; lane < lanes; lane++) {
    const [a, b] = [raw, metered].map((bits) => lower(bits >> BigInt(lane * width), width));
    if (a === b) continue;
    const isOpen = texts.length === 0 || texts[lane]!.startsWith('nan:');
    if (!isOpen || !isNan(a!, float) || b !== canonicalNan(float)) return 'different';
  }
  return 'canonical';
}

/** Whether bits are what the script expects. */
export function fits(expected: ScriptValue, bits: bigint): boolean {
  const { width, type, texts } = lanesOf(expected);
  return texts.every((text, lane) => {
    const actual = lower(bits >> BigInt(lane * width), width);
    if (!text.startsWith('nan:')) return actual === lower(BigInt(text), width);
    const float = FLOATS[type]!;
    const quiet = 1n << BigInt(float.payload - 1);
    const payload = lower(actual, float.payload);
    return isNan(actual, float) && (text === 'nan:canonical' ? payload === quiet : (payload & quiet) !== 0n);
  });
}

function isNan(bits: bigint, { width, payload }: Shape): boolean {
  const exponent = lower(bits >> BigInt(payload), width - 1 - payload);
  return exponent === (1n << BigInt(width - 1 - payload)) - 1n && lower(bits, payload) !== 0n;
}

function canonicalNan({ width, payload }: Shape): bigint {
  return ((1n << BigInt(width - payload)) - 1n) << BigInt(payload - 1);
}
