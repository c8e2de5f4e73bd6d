/**
 * What instructions give, worked out from the specification with JavaScript's integers of any size and its floats: a
 * second opinion that no WebAssembly engine has a part in. NaNs that arithmetic makes are the canonical ones here.
 * Operands and results are bits. Covers all scalar instructions, and those vector instructions that do the same in every lane.
 */

export const TRAP = 'trap';
export type Result = bigint | typeof TRAP;
export type Reference = (...operands: readonly bigint[]) => Result;

type Binary = (a: bigint, b: bigint) => bigint;
type Unary = (a: bigint) => bigint;

const bool = (value: boolean): bigint => (value ? 1n : 0n);
const signed = (width: number, bits: bigint): bigint => BigInt.asIntN(width, bits);
const unsigned = (width: number, bits: bigint): bigint => BigInt.asUintN(width, bits);

function clz(width: number, bits: bigint): bigint {
  return BigInt(width - (bits === 0n ? 0 : bits.toString(2).length));
}

function ctz(width: number, bits: bigint): bigint {
  if (bits === 0n) return BigInt(width);
  const text = bits.toString(2);
  return BigInt(text.length - 1 - text.lastIndexOf('1'));
}

function popcnt(bits: bigint): bigint {
  return BigInt(bits.toString(2).replaceAll('0', '').length);
}

function divide(width: number, isSigned: boolean, isRemainder: boolean): Reference {
  return (x, y) => {
    const [a, b] = isSigned ? [signed(width, x!), signed(width, y!)] : [x!, y!];
    if (b === 0n) return TRAP;
    if (isRemainder) return unsigned(width, a % b);
    const quotient = a / b;
    return isSigned && quotient === 1n << BigInt(width - 1) ? TRAP : unsigned(width, quotient);
  };
}

function rotate(width: number, bits: bigint, by: bigint): bigint {
  return unsigned(width, (bits << by) | (bits >> (BigInt(width) - by)));
}

/** Comparisons of integers, in the order of their opcodes: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u. */
function comparisons(width: number): readonly Binary[] {
  const s = (bits: bigint): bigint => signed(width, bits);
  return [
    (a, b) => bool(a === b),
    (a, b) => bool(a !== b),
    (a, b) => bool(s(a) < s(b)),
    (a, b) => bool(a < b),
    (a, b) => bool(s(a) > s(b)),
    (a, b) => bool(a > b),
    (a, b) => bool(s(a) <= s(b)),
    (a, b) => bool(a <= b),
    (a, b) => bool(s(a) >= s(b)),
    (a, b) => bool(a >= b),
  ];
}

/** In the order of their opcodes: clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr. */
function integerOperations(width: number): readonly Reference[] {
  const by = (bits: bigint): bigint => bits % BigInt(width);
  const binary =
    (operation: Binary): Reference =>
    (a, b) =>
      unsigned(width, operation(a!, b!));
  return [
    (a) => clz(width, a!),
    (a) => ctz(width, a!),
    (a) => popcnt(a!),
    binary((a, b) => a + b),
    binary((a, b) => a - b),
    binary((a, b) => a * b),
    divide(width, true, false),
    divide(width, false, false),
    divide(width, true, true),
    divide(width, false, true),
    binary((a, b) => a & b),
    binary((a, b) => a | b),
    binary((a, b) => a ^ b),
    binary((a, b) => a << by(b)),
    binary((a, b) => signed(width, a) >> by(b)),
    binary((a, b) => a >> by(b)),
    binary((a, b) => rotate(width, a, by(b))),
    binary((a, b) => rotate(width, a, by(BigInt(width) - by(b)))),
  ];
}

interface Float {
  readonly width: 32 | 64;
  readonly number: (bits: bigint) => number;
  /** Rounds to the type. A NaN becomes the canonical one. */
  readonly bits: (value: number) => bigint;
}

const view = new DataView(new ArrayBuffer(8));

export const FLOAT32: Float = {
  width: 32,
  number: (bits) => {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  },
  bits: (value) => {
    if (Number.isNaN(value)) return 0x7fc00000n;
    view.setFloat32(0, value);
    return BigInt(view.getUint32(0));
  },
};
export const FLOAT64: Float = {
  width: 64,
  number: (bits) => {
    view.setBigUint64(0, bits);
    return view.getFloat64(0);
  },
  bits: (value) => {
    if (Number.isNaN(value)) return 0x7ff8000000000000n;
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  },
};

function nearest(value: number): number {
  if (!Number.isFinite(value) || Number.isInteger(value)) return value;
  const below = Math.floor(value);
  const isUp = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  const rounded = isUp ? below + 1 : below;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

const SIGN = ({ width }: Float): bigint => 1n << BigInt(width - 1);

/** In the order of their opcodes: eq ne lt gt le ge. */
function floatComparisons({ number }: Float): readonly Binary[] {
  const compare =
    (operation: (a: number, b: number) => boolean): Binary =>
    (a, b) =>
      bool(operation(number(a), number(b)));
  return [
    compare((a, b) => a === b),
    compare((a, b) => a !== b),
    compare((a, b) => a < b),
    compare((a, b) => a > b),
    compare((a, b) => a <= b),
    compare((a, b) => a >= b),
  ];
}

function floatUnary(float: Float, operation: (a: number) => number): Unary {
  return (a) => float.bits(operation(float.number(a)));
}

function floatBinary(float: Float, operation: (a: number, b: number) => number): Binary {
  return (a, b) => float.bits(operation(float.number(a), float.number(b)));
}

/** By name. Results of + - * / and sqrt in double precision round to single precision as if they had been exact. */
function floatOperations(float: Float) {
  const sign = SIGN(float);
  const { number } = float;
  return {
    abs: (a: bigint) => a & (sign - 1n),
    neg: (a: bigint) => a ^ sign,
    ceil: floatUnary(float, Math.ceil),
    floor: floatUnary(float, Math.floor),
    trunc: floatUnary(float, Math.trunc),
    nearest: floatUnary(float, nearest),
    sqrt: floatUnary(float, Math.sqrt),
    add: floatBinary(float, (a, b) => a + b),
    sub: floatBinary(float, (a, b) => a - b),
    mul: floatBinary(float, (a, b) => a * b),
    div: floatBinary(float, (a, b) => a / b),
    min: floatBinary(float, Math.min),
    max: floatBinary(float, Math.max),
    copysign: (a: bigint, b: bigint) => (a & (sign - 1n)) | (b & sign),
    pmin: (a: bigint, b: bigint) => (number(b) < number(a) ? b : a),
    pmax: (a: bigint, b: bigint) => (number(a) < number(b) ? b : a),
  };
}

function truncate(from: Float, width: number, isSigned: boolean, saturates: boolean): Reference {
  const least = isSigned ? -(1n << BigInt(width - 1)) : 0n;
  const most = isSigned ? (1n << BigInt(width - 1)) - 1n : (1n << BigInt(width)) - 1n;
  return (a) => {
    const value = from.number(a!);
    if (Number.isNaN(value)) return saturates ? 0n : TRAP;
    const whole = Number.isFinite(value) ? BigInt(Math.trunc(value)) : value < 0 ? least - 1n : most + 1n;
    if (whole >= least && whole <= most) return unsigned(width, whole);
    return saturates ? unsigned(width, whole < least ? least : most) : TRAP;
  };
}

/** Rounded once: the bits below the highest 50 are gathered into one that is lower than any that decides. */
function convert(to: Float, width: number, isSigned: boolean): Unary {
  return (a) => {
    const value = isSigned ? signed(width, a) : a;
    const magnitude = value < 0n ? -value : value;
    const spare = BigInt(Math.max(magnitude.toString(2).length - 50, 0));
    const high = magnitude >> spare;
    const rest = high << spare === magnitude ? 0n : 1n;
    const rounded = to.width === 64 ? Number(value) : Number((high << 1n) | rest) * 2 ** (Number(spare) - 1);
    return to.bits(to.width === 64 ? rounded : value < 0n ? -rounded : rounded);
  };
}

function extend(width: number, from: number): Unary {
  return (a) => unsigned(width, signed(from, a));
}

/** The same in each lane of 128 bits. */
function eachLane(width: number, operation: (...lanes: readonly bigint[]) => bigint): Reference {
  return (...vectors) => {
    let result = 0n;
    for (let at = 0n; at < 128n; at += BigInt(width)) {
      const lane = operation(...vectors.map((bits) => unsigned(width, bits >> at)));
      result |= unsigned(width, lane) << at;
    }
    return result;
  };
}

function lanesOfSameShift(width: number, operation: Binary): Reference {
  return (vector, by) => eachLane(width, (lane) => operation(lane!, by! % BigInt(width)))(vector!);
}

const references = new Map<string, Reference>();

function define(code: readonly number[], reference: Reference): void {
  references.set(code.join(), reference);
}

function defineRange(first: number, list: readonly Reference[]): void {
  list.forEach((reference, index) => {
    define([first + index], reference);
  });
}

function defineSimd(code: number, reference: Reference): void {
  define(code < 0x80 ? [0xfd, code] : [0xfd, (code & 0x7f) | 0x80, code >> 7], reference);
}

const identity: Reference = (a) => a!;

for (const [eqz, first, operations, width] of [
  [0x45, 0x46, 0x67, 32],
  [0x50, 0x51, 0x79, 64],
] as const) {
  define([eqz], (a) => bool(a === 0n));
  defineRange(first, comparisons(width) as readonly Reference[]);
  defineRange(operations, integerOperations(width));
}
for (const [first, operations, float] of [
  [0x5b, 0x8b, FLOAT32],
  [0x61, 0x99, FLOAT64],
] as const) {
  const all = floatOperations(float);
  defineRange(first, floatComparisons(float) as readonly Reference[]);
  const { abs, neg, ceil, floor, trunc, nearest: near, sqrt, add, sub, mul, div, min, max, copysign } = all;
  const ordered = [abs, neg, ceil, floor, trunc, near, sqrt, add, sub, mul, div, min, max, copysign];
  defineRange(operations, ordered as readonly Reference[]);
}
define([0xa7], (a) => unsigned(32, a!));
for (const [first, saturating, width] of [
  [0xa8, 0, 32],
  [0xae, 4, 64],
] as const) {
  [FLOAT32, FLOAT64].forEach((from, index) => {
    for (const [offset, isSigned] of [
      [0, true],
      [1, false],
    ] as const) {
      define([first + index * 2 + offset], truncate(from, width, isSigned, false));
      define([0xfc, saturating + index * 2 + offset], truncate(from, width, isSigned, true));
    }
  });
}
define([0xac], extend(64, 32) as Reference);
define([0xad], identity);
[FLOAT32, FLOAT64].forEach((to, index) => {
  const first = 0xb2 + index * 5;
  const list = [convert(to, 32, true), convert(to, 32, false), convert(to, 64, true), convert(to, 64, false)];
  defineRange(first, list as readonly Reference[]);
});
define([0xb6], (a) => FLOAT32.bits(FLOAT64.number(a!)));
define([0xbb], (a) => FLOAT64.bits(FLOAT32.number(a!)));
defineRange(0xbc, [identity, identity, identity, identity]);
const extensions = [extend(32, 8), extend(32, 16), extend(64, 8), extend(64, 16), extend(64, 32)];
defineRange(0xc0, extensions as readonly Reference[]);

// Vectors: the first opcode of the comparisons, then by name.
for (const [width, compare, { neg, abs, add, sub, shl, mul, min }] of [
  [8, 35, { neg: 97, abs: 96, add: 110, sub: 113, shl: 107, mul: undefined, min: 118 }],
  [16, 45, { neg: 129, abs: 128, add: 142, sub: 145, shl: 139, mul: 149, min: 150 }],
  [32, 55, { neg: 161, abs: 160, add: 174, sub: 177, shl: 171, mul: 181, min: 182 }],
  [64, undefined, { neg: 193, abs: 192, add: 206, sub: 209, shl: 203, mul: 213, min: undefined }],
] as const) {
  const mask = (operation: Binary): Reference => eachLane(width, (a, b) => -operation(a!, b!));
  const list = comparisons(width);
  if (compare !== undefined)
    list.forEach((operation, index) => {
      defineSimd(compare + index, mask(operation));
    });
  // Of 64 bits only the signed ones exist.
  else
    [0, 1, 2, 4, 6, 8].forEach((which, index) => {
      defineSimd(214 + index, mask(list[which]!));
    });
  defineSimd(
    neg,
    eachLane(width, (a) => -a!),
  );
  defineSimd(
    abs,
    eachLane(width, (a) => (signed(width, a!) < 0n ? -a! : a!)),
  );
  defineSimd(
    add,
    eachLane(width, (a, b) => a! + b!),
  );
  defineSimd(
    sub,
    eachLane(width, (a, b) => a! - b!),
  );
  if (mul !== undefined)
    defineSimd(
      mul,
      eachLane(width, (a, b) => a! * b!),
    );
  defineSimd(
    shl,
    lanesOfSameShift(width, (a, by) => a << by),
  );
  defineSimd(
    shl + 1,
    lanesOfSameShift(width, (a, by) => signed(width, a) >> by),
  );
  defineSimd(
    shl + 2,
    lanesOfSameShift(width, (a, by) => a >> by),
  );
  if (min === undefined) continue;
  const s = (bits: bigint): bigint => signed(width, bits);
  defineSimd(
    min,
    eachLane(width, (a, b) => (s(a!) < s(b!) ? a! : b!)),
  );
  defineSimd(
    min + 1,
    eachLane(width, (a, b) => (a! < b! ? a! : b!)),
  );
  defineSimd(
    min + 2,
    eachLane(width, (a, b) => (s(a!) > s(b!) ? a! : b!)),
  );
  defineSimd(
    min + 3,
    eachLane(width, (a, b) => (a! > b! ? a! : b!)),
  );
}
for (const [float, compare, first, rounding] of [
  [FLOAT32, 65, 224, [103, 104, 105, 106]],
  [FLOAT64, 71, 236, [116, 117, 122, 148]],
] as const) {
  const { width } = float;
  const operations = floatOperations(float);
  floatComparisons(float).forEach((operation, index) => {
    defineSimd(
      compare + index,
      eachLane(width, (a, b) => -operation(a!, b!)),
    );
  });
  (['ceil', 'floor', 'trunc', 'nearest'] as const).forEach((name, index) => {
    defineSimd(
      rounding[index]!,
      eachLane(width, (a) => operations[name](a!)),
    );
  });
  (['abs', 'neg', undefined, 'sqrt'] as const).forEach((name, index) => {
    if (name !== undefined)
      defineSimd(
        first + index,
        eachLane(width, (a) => operations[name](a!)),
      );
  });
  (['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax'] as const).forEach((name, index) => {
    defineSimd(
      first + 4 + index,
      eachLane(width, (a, b) => operations[name](a!, b!)),
    );
  });
}
const select: Reference = (a, b, condition) => (condition === 0n ? b! : a!);
define([0x1b], select);
define([0x1c], select);
defineSimd(77, (a) => unsigned(128, ~a!));
defineSimd(78, (a, b) => a! & b!);
defineSimd(79, (a, b) => a! & unsigned(128, ~b!));
defineSimd(80, (a, b) => a! | b!);
defineSimd(81, (a, b) => a! ^ b!);
defineSimd(82, (a, b, mask) => (a! & mask!) | (b! & unsigned(128, ~mask!)));

/** By the bytes of the instruction; undefined where there is no second opinion. */
export function referenceOf(code: readonly number[]): Reference | undefined {
  return references.get(code.join());
}
