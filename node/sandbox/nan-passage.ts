/**
 * Instructions that hand a NaN on: two operands that differ only in the bits of NaNs give results that differ only in
 * the bits of NaNs, lane by lane. Lanes that are moved as a whole are handed on, and so is a lane whose sign alone is
 * changed, since what decides whether it is a NaN stays. What reads a lane in any other way looks at it.
 */
import type { Decoded, FloatShape } from './instructions.ts';

export const BIT: Readonly<Record<FloatShape, number>> = { f32: 1, f64: 2, f32x4: 4, f64x2: 8 };
export const ALL = 15;
/** On the operand stack of the analysis: what cannot be a NaN of interest. */
export const NOTHING = -1;
const LANES = BIT.f32x4 | BIT.f64x2;
export const VECTOR_BYTES = 16;

export interface Passage {
  /** Shapes of the operand whose NaN bits appear in the result. */
  readonly takes: number;
  /** The shape they have in the result, where it is another. */
  readonly gives: number | undefined;
}

const same = (takes: number): Passage => ({ takes, gives: undefined });
const asOther = (takes: number, gives: number): Passage => ({ takes, gives });

/** A `v128.const` that ends at byte `end`, on the stack of the analysis. */
export function vectorConstant(end: number): number {
  return -2 - (end - VECTOR_BYTES);
}

/** For each operand how it is handed on, undefined if its bits are looked at; undefined for any other instruction. */
export function passagesOf(
  { prefix, code }: Decoded,
  module: Uint8Array,
  end: number,
  operands: readonly number[],
): readonly (Passage | undefined)[] | undefined {
  if (prefix === 0) return SCALAR.get(code);
  if (prefix !== 0xfd) return undefined;
  switch (code) {
    case 13: {
      const lanes = same(wholeLanes(module.subarray(end - VECTOR_BYTES, end)));
      return [lanes, lanes];
    }
    case 78:
    case 80:
    case 81: {
      const at = operands.findIndex((operand) => operand < NOTHING);
      if (at < 0) return undefined;
      const from = -2 - operands[at]!;
      const takes = keepsNans(code, module.subarray(from, from + VECTOR_BYTES));
      return at === 0 ? [undefined, same(takes)] : [same(takes), undefined];
    }
    default:
      return VECTOR.get(code);
  }
}

const SCALAR: ReadonlyMap<number, readonly (Passage | undefined)[]> = new Map([
  // select
  [0x1b, [same(ALL), same(ALL), undefined]],
  [0x1c, [same(ALL), same(ALL), undefined]],
  // abs, neg; the sign of copysign's second operand is looked at
  [0x8b, [same(BIT.f32)]],
  [0x8c, [same(BIT.f32)]],
  [0x98, [same(BIT.f32), undefined]],
  [0x99, [same(BIT.f64)]],
  [0x9a, [same(BIT.f64)]],
  [0xa6, [same(BIT.f64), undefined]],
]);

const VECTOR: ReadonlyMap<number, readonly (Passage | undefined)[]> = new Map([
  // splat, extract_lane, replace_lane
  [19, [asOther(BIT.f32, BIT.f32x4)]],
  [20, [asOther(BIT.f64, BIT.f64x2)]],
  [31, [asOther(BIT.f32x4, BIT.f32)]],
  [32, [same(BIT.f32x4), asOther(BIT.f32, BIT.f32x4)]],
  [33, [asOther(BIT.f64x2, BIT.f64)]],
  [34, [same(LANES), asOther(BIT.f64, BIT.f64x2)]],
  // abs, neg
  [224, [same(BIT.f32x4)]],
  [225, [same(BIT.f32x4)]],
  [236, [same(BIT.f64x2)]],
  [237, [same(BIT.f64x2)]],
]);

/** The shapes whose lanes a shuffle moves as a whole. */
function wholeLanes(order: Uint8Array): number {
  const whole = (size: number): boolean =>
    order.every((from, at) => from % size === at % size && from - (at % size) === order[at - (at % size)]);
  return (whole(4) ? BIT.f32x4 : 0) | (whole(8) ? BIT.f64x2 : 0);
}

/** The shapes whose NaNs stay NaNs, and other lanes what they are, beside a constant of `and`, `or` or `xor`. */
function keepsNans(code: number, constant: Uint8Array): number {
  return (keepsLanes(code, constant, 4) ? BIT.f32x4 : 0) | (keepsLanes(code, constant, 8) ? BIT.f64x2 : 0);
}

function keepsLanes(code: number, constant: Uint8Array, size: number): boolean {
  for (let lane = 0; lane < VECTOR_BYTES; lane += size) {
    const low = constant.subarray(lane, lane + size - 1);
    const high = constant[lane + size - 1]!;
    const isZero = low.every((byte) => byte === 0) && (high & 0x7f) === 0;
    const isFull = low.every((byte) => byte === 0xff) && (high & 0x7f) === 0x7f;
    // `and` may also clear a lane, which needs its sign cleared too: the sign alone of a NaN would be left.
    if (code === 78 ? !isFull && !(isZero && high === 0) : !isZero) return false;
  }
  return true;
}
