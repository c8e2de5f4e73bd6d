/**
 * One module for every operator, which applies it to values that engines like to get wrong: zeros and NaNs of both
 * signs, the ends of the whole numbers, lanes that look like NaN. An operand is a constant in the code, a local or
 * something read from memory, because compilers have different code for each; a result is stored, or branched on. All
 * of it is repeated until the baseline and the optimising compiler have taken over, and every round goes into the sum.
 */
import { leb, name, one, section, sized, vector } from '../fuzz/encode.ts';
import { F32, F64, I32, I64, OPERATORS, type Operator, V128, type ValueType } from '../fuzz/operators.ts';

/** JavaScriptCore optimises a function after 50,000 / 15 calls. */
const ROUNDS = 3_600;
/** What works on memory has loops of its own, and is done in every eighth round. */
const MEMORY_ROUNDS = 8;
/** Pairs and triples of constants are this many at most, evenly from all. */
const CONSTANT_TUPLES_MAX = 100;
const TABLE = 1_024;
const RESULT = 0;

export interface OperatorModule {
  readonly name: string;
  readonly wasm: Uint8Array<ArrayBuffer>;
}

export function operatorModules(): readonly OperatorModule[] {
  return [...OPERATORS.values()].flat().flatMap((operator) =>
    [...new Set([0, (operator.lanes ?? 1) - 1])].map((lane) => {
      const code = operator.lanes === undefined ? operator.code : [...operator.code, lane];
      const hex = operator.code.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      return {
        name: `operator ${hex}${operator.lanes === undefined ? '' : ` of lane ${lane}`}`,
        wasm: moduleOf({ ...operator, code }),
      };
    }),
  );
}

type Bytes = readonly number[];

/** Bytes of a value, little-endian. */
function values(type: ValueType, { traps, takes }: Operator, position: number): readonly Bytes[] {
  const all = VALUES[type];
  if (traps !== true) return all;
  // Division by zero and the one overflow, or what no integer can hold.
  if (takes.length === 2) return position === 0 ? all : all.filter((bytes) => !isDivisorOfTrap(bytes));
  return TRUNCATED[type as typeof F32 | typeof F64];
}

function isDivisorOfTrap(bytes: Bytes): boolean {
  return bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff);
}

const ofI32 = (value: number): Bytes => [...new Uint8Array(Int32Array.of(value).buffer)];
const ofI64 = (value: bigint): Bytes => [...new Uint8Array(BigInt64Array.of(value).buffer)];
const ofF32 = (value: number): Bytes => [...new Uint8Array(Float32Array.of(value).buffer)];
const ofF64 = (value: number): Bytes => [...new Uint8Array(Float64Array.of(value).buffer)];
const NUMBERS = [0, -0, 1, -1.5, 2.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const SIGNALLING_F32 = [1, 2, 0xb0, 0xff];
const SIGNALLING_F64 = [1, 2, 3, 4, 5, 6, 0xf4, 0xff];
const F64S = [...NUMBERS, 5e-324, -(2 ** 63), 2 ** 32].map(ofF64);
const F32S = [...NUMBERS, 1e-45, -(2 ** 31), 2 ** 32].map(ofF32);
const TRUNCATED = {
  [F32]: [0, -0, 0.99, -0.99, 2.5, 2_147_483_520].map(ofF32),
  [F64]: [0, -0, 0.99, -0.99, 2.5, 2_147_483_647.5].map(ofF64),
};

const VALUES: Readonly<Record<ValueType, readonly Bytes[]>> = {
  [I32]: [0, 1, -1, 7, 31, 0x7fffffff, -0x80000000].map(ofI32),
  [I64]: [0n, 1n, -1n, 7n, 63n, 2n ** 63n - 1n, -(2n ** 63n)].map(ofI64),
  [F32]: [...F32S, SIGNALLING_F32, [0, 0, 0xc0, 0xff]],
  [F64]: [...F64S, SIGNALLING_F64, [0, 0, 0, 0, 0, 0, 0xf8, 0xff]],
  [V128]: [
    [...ofF64(0), ...ofF64(-0)],
    [...ofF64(-1.5), ...ofF64(Number.NEGATIVE_INFINITY)],
    [...SIGNALLING_F64, ...ofF64(2.5)],
    [...ofF32(-0), ...SIGNALLING_F32, ...ofF32(0.5), ...ofF32(Number.POSITIVE_INFINITY)],
    [...ofF32(2 ** 31), ...ofF32(1e-45), 0, 0, 0xc0, 0xff, ...ofF32(-2.5)],
    [...ofI64(-1n), ...ofI64(0n)],
    [0x80, 0x7f, 0xff, 1, 0, 0x80, 0xff, 0x7f, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f],
    Array.from({ length: 16 }, (_, index) => 15 - index),
  ],
};

const CONSTANT: Readonly<Record<ValueType, (bytes: Bytes) => Bytes>> = {
  [I32]: (bytes) => [0x41, ...signedLeb(BigInt(new Int32Array(Uint8Array.from(bytes).buffer)[0]!))],
  [I64]: (bytes) => [0x42, ...signedLeb(new BigInt64Array(Uint8Array.from(bytes).buffer)[0]!)],
  [F32]: (bytes) => [0x43, ...bytes],
  [F64]: (bytes) => [0x44, ...bytes],
  [V128]: (bytes) => [0xfd, 12, ...bytes],
};
const LOAD: Readonly<Record<ValueType, Bytes>> = {
  [I32]: [0x28, 2],
  [I64]: [0x29, 3],
  [F32]: [0x2a, 2],
  [F64]: [0x2b, 3],
  [V128]: [0xfd, 0, 4],
};
const STORE: Readonly<Record<ValueType, Bytes>> = {
  [I32]: [0x36, 2],
  [I64]: [0x37, 3],
  [F32]: [0x38, 2],
  [F64]: [0x39, 3],
  [V128]: [0xfd, 11, 4],
};

function signedLeb(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  return (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40) ? [low] : [low | 0x80, ...signedLeb(rest)];
}

const i32 = (value: number): Bytes => CONSTANT[I32](ofI32(value));
/** Local 0 is the sum. */
const addToSum = (value: Bytes): Bytes => [0x20, 0, 0x42, 7, 0x89, ...value, 0x7c, 0x21, 0];

/** Adds the bits of a value to the sum, and, of an i32, which way a branch on it goes. */
function observe(value: Bytes, type: ValueType): Bytes {
  const stored = [...i32(RESULT), ...value, ...STORE[type], 0];
  const bits = [0, 8].flatMap((at) => addToSum([...i32(RESULT), 0x29, 3, at]));
  if (type !== I32) return [...stored, ...bits];
  const branched = addToSum([...value, 0x04, I64, 0x42, 3, 0x05, 0x42, 5, 0x0b]);
  return [...stored, ...bits, ...branched];
}

/** All tuples of one element of each list. */
function tuples<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>(
    (sofar, list) => sofar.flatMap((tuple) => list.map((item) => [...tuple, item])),
    [[]],
  );
}

function some<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)]!);
}

function moduleOf(operator: Operator): Uint8Array<ArrayBuffer> {
  const { takes, code, gives } = operator;
  const lists = takes.map((type, position) => values(type, operator, position));
  const constants = lists.map((list, position) => list.map(CONSTANT[takes[position]!]));

  const folded = some(tuples(constants), CONSTANT_TUPLES_MAX).flatMap((operands) =>
    observe([...operands.flat(), ...code], gives),
  );

  // Locals 1 to n walk over the tables of values; n + 1 on hold what is there.
  const count = takes.length;
  const tables = lists.map((_, position) => TABLE + 1_024 * position);
  const held = takes.map((_, position) => [0x20, 1 + count + position]);
  const read = takes.map((type, position) => [0x20, 1 + position, ...LOAD[type], 0]);
  const hold = takes.flatMap((_, position) => [...read[position]!, 0x21, 1 + count + position]);
  const mixed = takes.flatMap((_, position) =>
    count === 1
      ? []
      : some(constants[position]!, 12).flatMap((constant) =>
          observe([...held.with(position, [...constant]).flat(), ...code], gives),
        ),
  );
  let walk: Bytes = [
    ...hold,
    ...observe([...held.flat(), ...code], gives),
    ...observe([...read.flat(), ...code], gives),
    ...mixed,
  ];
  lists.forEach((list, position) => {
    const at = 1 + position;
    walk = [
      ...[...i32(tables[position]!), 0x21, at, 0x03, 0x40, ...walk],
      ...[0x20, at, 0x41, 16, 0x6a, 0x22, at, ...i32(tables[position]! + 16 * list.length), 0x49, 0x0d, 0, 0x0b],
    ];
  });
  const walkLocals = [...takes.map(() => [1, I32]), ...takes.map((type) => [1, type])];

  // run(i32, i64): local 2 counts the rounds.
  const run: Bytes = [
    ...[0x03, 0x40, 0x20, 1, 0x10, 0, 0x21, 1],
    ...[0x20, 2, ...i32(MEMORY_ROUNDS), 0x70, 0x45, 0x04, 0x40, 0x20, 1, 0x10, 1, 0x21, 1, 0x0b],
    ...[0x20, 2, 0x41, 1, 0x6a, 0x22, 2, ...i32(ROUNDS), 0x49, 0x0d, 0, 0x0b, 0x20, 1],
  ];
  const body = (locals: readonly Bytes[], instructions: Bytes): number[] =>
    sized([...vector(locals.map((local) => [...local])), ...instructions, 0x0b]);
  const sum = [0x20, 0];
  const data = lists.map((list, position) => {
    const bytes = list.flatMap((value) => [...value, ...new Array<number>(16 - value.length).fill(0)]);
    return [0, ...i32(tables[position]!), 0x0b, ...vector(bytes.map(one))];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      vector([
        [0x60, 2, I32, I64, 1, I64],
        [0x60, 0, 0],
        [0x60, 1, I64, 1, I64],
      ]),
    ),
    ...section(3, vector([[2], [2], [0], [1]])),
    ...section(5, vector([[1, 1, 1]])),
    ...section(
      7,
      vector([
        [...name('memory'), 2, 0],
        [...name('run'), 0, ...leb(2)],
        [...name('dump'), 0, ...leb(3)],
      ]),
    ),
    ...section(
      10,
      vector([body([], [...folded, ...sum]), body(walkLocals, [...walk, ...sum]), body([[1, I32]], run), body([], [])]),
    ),
    ...section(11, vector(data)),
  ]);
}
