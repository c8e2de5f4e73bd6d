/**
 * Replaces a NaN on top of the stack by the canonical one, which the WebAssembly specification allows an engine to
 * choose and which therefore changes no program's meaning. Engines differ in the sign and payload of NaNs that
 * arithmetic makes, even between tiers of one engine, so it is done where they are made. Looking for them where
 * bits escape (stores, reinterpretations) would be unsound for v128: integer lane masks look like NaNs.
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
const ANY_TRUE = [0xfd, 83];
const SELECT = 0x1b;
const F32_NAN = [0x00, 0x00, 0xc0, 0x7f];
const F64_NAN = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f];

interface Recipe {
  readonly type: number;
  readonly constant: readonly number[];
  /** Equality of the shape: false, or zero bits, exactly where an operand is NaN. */
  readonly equal: readonly number[];
  readonly different: readonly number[];
  /** Keeps the value where `equal` holds and takes the constant elsewhere. */
  readonly choose: readonly number[];
}

const RECIPES: Readonly<Record<FloatShape, Recipe>> = {
  f32: { type: VALUE.f32, constant: [0x43, ...F32_NAN], equal: [0x5b], different: [0x5c], choose: [SELECT] },
  f64: { type: VALUE.f64, constant: [0x44, ...F64_NAN], equal: [0x61], different: [0x62], choose: [SELECT] },
  f32x4: {
    type: VALUE.v128,
    constant: [0xfd, 12, ...F32_NAN, ...F32_NAN, ...F32_NAN, ...F32_NAN],
    equal: [0xfd, 65],
    different: [0xfd, 66],
    choose: [0xfd, 82],
  },
  f64x2: {
    type: VALUE.v128,
    constant: [0xfd, 12, ...F64_NAN, ...F64_NAN],
    equal: [0xfd, 71],
    different: [0xfd, 72],
    choose: [0xfd, 82],
  },
};

/** `temporary` gives the index of a spare local of a value type. */
export function canonicaliseNan(out: ByteWriter, shape: FloatShape, temporary: (type: number) => number): void {
  const { type, constant, equal, different, choose } = RECIPES[shape];
  const local = temporary(type);
  if (type === VALUE.v128) {
    // Hardly ever is there a NaN: a branch that is not taken costs less than a choice whose result is waited for.
    out.byte(LOCAL_SET).u32(local).byte(LOCAL_GET).u32(local).byte(LOCAL_GET).u32(local);
    out.put(...different, ...ANY_TRUE, IF, NO_RESULT);
    out
      .byte(LOCAL_GET)
      .u32(local)
      .put(...constant)
      .byte(LOCAL_GET)
      .u32(local)
      .byte(LOCAL_GET)
      .u32(local);
    out
      .put(...equal, ...choose)
      .byte(LOCAL_SET)
      .u32(local)
      .byte(END)
      .byte(LOCAL_GET)
      .u32(local);
    return;
  }
  out.byte(LOCAL_TEE).u32(local);
  out.put(...constant);
  out.byte(LOCAL_GET).u32(local).byte(LOCAL_GET).u32(local);
  out.put(...equal, ...choose);
}
