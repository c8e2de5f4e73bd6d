/**
 * Random stretches of vectors that are stored one after the other, over each other and beside other stores, and read in
 * between, with one seed as they are and with each arithmetic result made canonical at once, by hand: what the metered
 * module has to leave in memory.
 */
import type { Rewriter } from './compare.ts';
import { Random } from './random.ts';
import { compareMemory, made, vectorModule } from './vectors.ts';

const STATEMENTS = 40;
/** Stores go below this address; above lies what was read. */
const AREA_BYTES = 64;
const READ_AT = AREA_BYTES + 32;
const BYTES = READ_AT + 8 * STATEMENTS;

/** Few NaNs, so that most vectors looked at together hold one or none. */
const OPERANDS = [
  'f64x2 1 2',
  'f64x2 -3 0.5',
  'f64x2 inf 4',
  'f32x4 1 2 3 4',
  'f32x4 -1 inf -inf 8',
  'i64x2 0xfff4050607080901 0x3ff0000000000000',
  'i64x2 0x4000000000000000 0x7ff0000000000001',
  'i32x4 0x3f800000 0xffa12345 0x40000000 0xbf800000',
];

class Stores {
  readonly #random: Random;
  readonly #canonical: boolean;

  constructor(seed: number, canonical: boolean) {
    this.#random = new Random(seed);
    this.#canonical = canonical;
  }

  module(): Uint8Array<ArrayBuffer> {
    const statements = Array.from({ length: STATEMENTS }, (_, index) => this.#statement(index));
    return vectorModule(`(global $g (mut i64) (i64.const 0))
      (func $look (param i32) (global.set $g (i64.rotl (i64.xor (global.get $g) (i64.load (local.get 0))) (i64.const 9))))
      (func (export "run") (local $at i32) ${statements.join('\n')} (i64.store (i32.const ${AREA_BYTES + 16}) (global.get $g)))`);
  }

  #statement(index: number): string {
    const random = this.#random;
    const at = (): string => `(i32.const ${random.below(AREA_BYTES - 16)})`;
    const store = (): string =>
      `(v128.store offset=${random.below(8)} ${random.pick([at(), `(local.tee $at ${at()})`, '(local.get $at)'])} ${this.#made()})`;
    const others = [
      () => `(i64.store (i32.const ${READ_AT + 8 * index}) (i64.load ${at()}))`,
      () => `(v128.store ${at()} (v128.const ${random.pick(OPERANDS)}))`,
      () => `(v128.store ${at()} (f64x2.gt ${this.#operand()} ${this.#operand()}))`,
      () => `(i32.store8 ${at()} (i32.const ${random.below(256)}))`,
      () => `(call $look ${at()})`,
      () => `(memory.copy ${at()} ${at()} (i32.const 5))`,
      () => `(if (i32.const ${random.below(2)}) (then ${store()} ${store()}) (else ${store()}))`,
      () => `(i64.store (i32.const ${READ_AT + 8 * index}) (i64x2.extract_lane 0 (v128.load64_zero ${at()})))`,
      () => `(local.set $at ${at()})`,
    ];
    return random.chance(0.75) ? store() : random.pick(others)();
  }

  #made(): string {
    const shape = this.#random.pick(['f64x2', 'f64x2', 'f32x4'] as const);
    const operation = this.#random.pick(['add', 'mul', 'sub', 'min']);
    return made(shape, `(${shape}.${operation} ${this.#operand()} ${this.#operand()})`, this.#canonical);
  }

  #operand(): string {
    return `(v128.const ${this.#random.pick(OPERANDS)})`;
  }
}

/** What differs between the metered module of a seed and the one made canonical by hand; undefined if nothing does. */
export function compareStores(seed: number, rewriter: Rewriter, mode: 'simple' | 'merged'): string | undefined {
  const difference = compareMemory((canonical) => new Stores(seed, canonical).module(), BYTES, rewriter, mode);
  return difference && `seed ${seed}, ${mode}: ${difference}`;
}
