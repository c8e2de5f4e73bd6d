/**
 * Random expressions over lanes in which NaNs are made, moved, negated, masked and looked at, with one seed as they are
 * and with each arithmetic result made canonical at once, by hand: what the metered module has to compute.
 */
import type { Rewriter } from './compare.ts';
import { Random } from './random.ts';
import { compareMemory, type LaneShape, made, vectorModule } from './vectors.ts';

const STORES = 12;

const CONSTANTS = [
  'i64x2 0xfff4050607080901 0x7ff0000000000000',
  'i64x2 0xfff0000000000000 0x7ff0000000000000',
  'i64x2 0x8000000000000000 0x0000000000000000',
  'i32x4 0xffa12345 0x7f800000 0xff800000 0x7fc00000',
  'i32x4 0x00000000 0x80000000 0xffffffff 0x3f800000',
];
/** Some keep NaNs of one shape, some of both, some of none. */
const MASKS = [
  'i64x2 0x8000000000000000 0',
  'i64x2 0x7fffffffffffffff -1',
  'i64x2 -1 0',
  'i32x4 0x80000000 0 0x80000000 0x80000000',
  'i32x4 0x7fffffff -1 0 -1',
  'i32x4 0x00ffffff -1 0 0xffff0000',
];
const ORDERS = [
  '8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23',
  '4 5 6 7 0 1 2 3 28 29 30 31 12 13 14 15',
  '8 9 10 11 16 17 18 19 0 1 2 3 4 5 6 7',
  '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16',
  '6 7 8 9 10 11 12 13 14 15 0 1 2 3 4 5',
];

class Expressions {
  readonly #random: Random;
  readonly #canonical: boolean;

  constructor(seed: number, canonical: boolean) {
    this.#random = new Random(seed);
    this.#canonical = canonical;
  }

  module(): Uint8Array<ArrayBuffer> {
    const stores = Array.from({ length: STORES }, (_, index) => {
      const local = `(local.set ${this.#random.below(3)} ${this.vector(4)})`;
      return `${local} (v128.store (i32.const ${16 * index}) ${this.vector(5)})`;
    });
    return vectorModule(`(func (export "run") (local v128 v128 v128) ${stores.join('\n')})`);
  }

  vector(depth: number): string {
    const random = this.#random;
    const inner = (): string => this.vector(depth - 1);
    if (depth === 0 || random.chance(0.05)) {
      return random.chance(0.4) ? `(local.get ${random.below(3)})` : `(v128.const ${random.pick(CONSTANTS)})`;
    }
    const makers = [
      () => this.#made('f64x2', `(f64x2.${random.pick(['add', 'mul', 'sub'])} ${inner()} ${inner()})`),
      () => this.#made('f32x4', `(f32x4.${random.pick(['add', 'div', 'min'])} ${inner()} ${inner()})`),
      () => this.#made('f64x2', `(f64x2.sqrt ${inner()})`),
      () => `(i8x16.shuffle ${random.pick(ORDERS)} ${inner()} ${inner()})`,
      () => `(v128.${random.pick(['and', 'or', 'xor'])} ${inner()} (v128.const ${random.pick(MASKS)}))`,
      () => `(v128.${random.pick(['and', 'or', 'xor'])} (v128.const ${random.pick(MASKS)}) ${inner()})`,
      () => `(v128.xor ${inner()} ${inner()})`,
      () => `(${random.pick(['f64x2', 'f32x4'])}.${random.pick(['neg', 'abs'])} ${inner()})`,
      () => `(select ${inner()} ${inner()} (i32.const ${random.below(2)}))`,
      () => `(f64x2.splat (f64x2.extract_lane ${random.below(2)} ${inner()}))`,
      () => `(f32x4.splat (f32.neg (f32x4.extract_lane ${random.below(4)} ${inner()})))`,
      () => `(f64x2.replace_lane 1 ${inner()} (f64x2.extract_lane 0 ${inner()}))`,
      () => `(f32x4.replace_lane 2 ${inner()} (f32x4.extract_lane 1 ${inner()}))`,
      () => `(f64x2.splat (f64.copysign (f64x2.extract_lane 0 ${inner()}) (f64x2.extract_lane 1 ${inner()})))`,
      () => `(local.tee ${random.below(3)} ${inner()})`,
      () => `(f64x2.gt ${inner()} ${inner()})`,
    ];
    return random.pick(makers)();
  }

  #made(shape: LaneShape, text: string): string {
    return made(shape, text, this.#canonical);
  }
}

/** What differs between the metered module of a seed and the one made canonical by hand; undefined if nothing does. */
export function compareExpressions(seed: number, rewriter: Rewriter, mode: 'simple' | 'merged'): string | undefined {
  const difference = compareMemory(
    (canonical) => new Expressions(seed, canonical).module(),
    16 * STORES,
    rewriter,
    mode,
  );
  return difference && `seed ${seed}, ${mode}: ${difference}`;
}
