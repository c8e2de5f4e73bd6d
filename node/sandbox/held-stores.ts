/**
 * Several vectors that are stored one after the other are looked at for NaNs once. Each is stored as the arithmetic left
 * it, and kept in a local with its address; before anything could read that memory, or write it again, all of them are
 * looked at together, and where there is a NaN among them all are stored once more, made canonical, in their order. What
 * stands between neither reads memory nor leaves the straight code. A trap between leaves memory that nobody looks at.
 */
import type { ByteWriter } from './bytes.ts';
import type { Decoded } from './instructions.ts';
import { VALUE } from './module.ts';
import { putAnyNan, putCanonical, putSum, type VectorShape } from './nan.ts';

/** Stores looked at together: two registers each must be left for the code itself. */
export const HELD_MAX = 4;
/** Value slots of the locals of one: a vector and an address. */
const HELD_SLOTS = 3;

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const IF = 0x04;
const NO_RESULT = 0x40;
const END = 0x0b;
const VECTORS = 0xfd;
const STORE = 0x0b;

/** Bytes of a module. */
interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Whether the instruction at `position` is a `v128.store`. */
export function isVectorStore(bytes: Uint8Array, position: number): boolean {
  return bytes[position] === VECTORS && bytes[position + 1] === STORE;
}

/** Whether what is held has to be looked at before this instruction: it touches memory, or leaves the straight code. */
export function endsHolding({ prefix, code }: Decoded): boolean {
  if (prefix === 0) return code < 0x1a || (code >= 0x28 && code <= 0x40);
  if (prefix === 0xfc) return code >= 8;
  return code <= STORE || (code >= 84 && code <= 93);
}

export class HeldStores {
  readonly #local: (type: number, which: number) => number;
  readonly #held: { readonly value: number; readonly address: number; readonly store: Span }[] = [];
  #shape: VectorShape = 'f64x2';
  #most = 0;

  /** `local` gives the index of a spare local of a value type, the same for the same number. */
  constructor(local: (type: number, which: number) => number) {
    this.#local = local;
  }

  /** Value slots of all locals it has used. */
  get slots(): number {
    return this.#most * HELD_SLOTS;
  }

  /** Writes the store of a vector on top of the stack in which NaNs of that shape are to be made canonical. */
  hold(out: ByteWriter, shape: VectorShape, store: Span): void {
    if (shape !== this.#shape || this.#held.length === HELD_MAX) this.settle(out);
    this.#shape = shape;
    // The first one of each type serves whatever else is made canonical.
    const which = this.#held.length + 1;
    const value = this.#local(VALUE.v128, which);
    const address = this.#local(VALUE.i32, which);
    out.byte(LOCAL_SET).u32(value).byte(LOCAL_TEE).u32(address).byte(LOCAL_GET).u32(value);
    out.append(store.bytes, store.start, store.end);
    this.#held.push({ value, address, store });
    this.#most = Math.max(this.#most, this.#held.length);
  }

  /** Looks at what is held; afterwards nothing is. */
  settle(out: ByteWriter): void {
    if (this.#held.length === 0) return;
    const shape = this.#shape;
    // A sum is NaN where one of its terms is; where it is so for another reason, storing again changes nothing.
    const sum = this.#local(VALUE.v128, 0);
    this.#held.forEach(({ value }, index) => {
      out.byte(LOCAL_GET).u32(value);
      if (index > 0) putSum(out, shape);
    });
    out.byte(LOCAL_SET).u32(sum);
    putAnyNan(out, shape, sum);
    out.put(IF, NO_RESULT);
    for (const { value, address, store } of this.#held) {
      out.byte(LOCAL_GET).u32(address);
      putCanonical(out, shape, value);
      out.append(store.bytes, store.start, store.end);
    }
    out.byte(END);
    this.#held.length = 0;
  }
}
