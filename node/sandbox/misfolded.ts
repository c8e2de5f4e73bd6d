/**
 * Instructions whose result JavaScriptCore gets wrong when their operands are constants, found by `npm run determinism`
 * in its version 2.50 on x86-64 and the same in every compiler it has, from the first call on:
 *
 *   copysign    with a constant that is negative: a zero stays positive, and a NaN loses its sign.
 *   min, max    of two constants that are zeros of different sign: the wrong one of the two.
 *   i32.shr_u   of two constants, by 32 bits or more: zero instead of a shift by the lowest five bits.
 *
 * Other results may become constants on the way, so what stands in the code does not tell. A value that is put into
 * a local and read again is no constant to that compiler any more, and means the same to the others, whose optimised
 * code is what it was. The last operand alone is enough.
 */
import { type Decoded, newDecoded } from './instructions.ts';
import { VALUE } from './module.ts';

const OPERANDS: ReadonlyMap<number, number> = new Map([
  [0x76, VALUE.i32],
  [0x96, VALUE.f32],
  [0x97, VALUE.f32],
  [0x98, VALUE.f32],
  [0xa4, VALUE.f64],
  [0xa5, VALUE.f64],
  [0xa6, VALUE.f64],
]);
const SHIFT = 0x76;
const SHIFTS_RIGHT_MAX = 31;

export class Misfolded {
  /** The instruction before. */
  #code = newDecoded().code;
  #prefix = 0;
  #first = 0;

  /** The type of the operand on top that has to go through a local before this instruction; undefined if none has to. */
  operandToHide({ prefix, code }: Decoded): number | undefined {
    const type = prefix === 0 ? OPERANDS.get(code) : undefined;
    if (type === undefined || this.#isNoConstant()) return undefined;
    if (code === SHIFT && this.#isConstantUpTo(SHIFTS_RIGHT_MAX)) return undefined;
    return type;
  }

  /** Called with every instruction, after it was asked about. */
  follow({ prefix, code, first }: Decoded): void {
    this.#prefix = prefix;
    this.#code = code;
    this.#first = first;
  }

  /** A local, or something from memory. */
  #isNoConstant(): boolean {
    return this.#prefix === 0 && (this.#code === 0x20 || (this.#code >= 0x28 && this.#code <= 0x35));
  }

  #isConstantUpTo(most: number): boolean {
    return this.#prefix === 0 && this.#code === 0x41 && this.#first >= 0 && this.#first <= most;
  }
}
