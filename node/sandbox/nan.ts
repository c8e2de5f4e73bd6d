/**
 * Replaces a NaN on top of the stack by the canonical one, which the WebAssembly specification allows an engine to
 * choose and which therefore changes no program's meaning. Engines differ in the sign and payload of NaNs that
 * arithmetic makes, even between tiers of one engine, so it is done where they are made. Looking for them where
 * bits escape (stores, reinterpretations) would be unsound for v128: integer lane masks look like NaNs.
 *
 * Hardly ever is there a NaN among vectors: a branch that is not taken costs less than a choice whose result is waited
 * for. It is taken by the bits of a comparison's lanes, which a processor has an instruction for, and not by
 * `v128.any_true`, which takes it four.
 */
import type { ByteWriter } from './bytes.ts';
import type { FloatShape } from './instructions.ts';
import { VALUE } from './module.ts';

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const IF = 0x04;
const NO_RESULT = 0x40;
const END = 0x0b;
const SELECT = 0x1b;
const BIT_SELECT = [0xfd, 82];
const F32_NAN = [0x00, 0x00, 0xc0, 0x7f];
const F64_NAN = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f];

interface ScalarRecipe {
  readonly type: number;
  readonly constant: readonly number[];
  readonly equal: readonly number[];
}

const SCALARS: Readonly<Record<'f32' | 'f64', ScalarRecipe>> = {
  f32: { type: VALUE.f32, constant: [0x43, ...F32_NAN], equal: [0x5b] },
  f64: { type: VALUE.f64, constant: [0x44, ...F64_NAN], equal: [0x61] },
};

export type VectorShape = 'f32x4' | 'f64x2';

interface VectorRecipe {
  readonly constant: readonly number[];
  /** Lanes of ones where two lanes are equal, which a NaN is not even to itself; and where they are not. */
  readonly equal: readonly number[];
  readonly different: readonly number[];
  /** The highest bit of each lane, as an i32. */
  readonly bits: readonly number[];
  readonly add: readonly number[];
}

const VECTORS: Readonly<Record<VectorShape, VectorRecipe>> = {
  f32x4: {
    constant: [0xfd, 12, ...F32_NAN, ...F32_NAN, ...F32_NAN, ...F32_NAN],
    equal: [0xfd, 65],
    different: [0xfd, 66],
    bits: [0xfd, 0xa4, 1],
    add: [0xfd, 0xe4, 1],
  },
  f64x2: {
    constant: [0xfd, 12, ...F64_NAN, ...F64_NAN],
    equal: [0xfd, 71],
    different: [0xfd, 72],
    bits: [0xfd, 0xc4, 1],
    add: [0xfd, 0xf0, 1],
  },
};

export function isVectorShape(shape: FloatShape): shape is VectorShape {
  return shape === 'f32x4' || shape === 'f64x2';
}

/** `temporary` gives the index of a spare local of a value type. */
export function canonicaliseNan(out: ByteWriter, shape: FloatShape, temporary: (type: number) => number): void {
  if (isVectorShape(shape)) {
    const local = temporary(VALUE.v128);
    out.byte(LOCAL_SET).u32(local);
    putAnyNan(out, shape, local);
    out.put(IF, NO_RESULT);
    putCanonical(out, shape, local);
    out.byte(LOCAL_SET).u32(local).byte(END).byte(LOCAL_GET).u32(local);
    return;
  }
  const { type, constant, equal } = SCALARS[shape];
  const local = temporary(type);
  out.byte(LOCAL_TEE).u32(local);
  out.put(...constant);
  out.byte(LOCAL_GET).u32(local).byte(LOCAL_GET).u32(local);
  out.put(...equal, SELECT);
}

/** Whether a lane of a local is a NaN: an i32, zero where none is. */
export function putAnyNan(out: ByteWriter, shape: VectorShape, local: number): void {
  const { different, bits } = VECTORS[shape];
  out.byte(LOCAL_GET).u32(local).byte(LOCAL_GET).u32(local);
  out.put(...different, ...bits);
}

/** A local, with canonical NaNs. */
export function putCanonical(out: ByteWriter, shape: VectorShape, local: number): void {
  const { constant, equal } = VECTORS[shape];
  out.byte(LOCAL_GET).u32(local);
  out.put(...constant);
  out.byte(LOCAL_GET).u32(local).byte(LOCAL_GET).u32(local);
  out.put(...equal, ...BIT_SELECT);
}

/** The sum of two vectors on the stack: NaN in each lane where one of them is. */
export function putSum(out: ByteWriter, shape: VectorShape): void {
  out.put(...VECTORS[shape].add);
}
