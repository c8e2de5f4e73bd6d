/**
 * Instructions by what they take and give, for the generator of modules. Written from the specification's opcode table,
 * apart from the sandbox's own, so that a mistake in one of them shows.
 */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

/** The shape of the lanes whose NaN an operator may make. */
export type NanShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

export interface Operator {
  readonly code: readonly number[];
  readonly takes: readonly ValueType[];
  readonly gives: ValueType;
  readonly makesNan?: NanShape;
  /** Traps on some operands. */
  readonly traps?: boolean;
  /** Lanes, where the instruction ends with a lane index. */
  readonly lanes?: number;
}

const operators: Operator[] = [];

function add(
  codes: readonly number[],
  takes: readonly ValueType[],
  gives: ValueType,
  extra: Partial<Operator> = {},
): void {
  for (const code of codes) operators.push({ code: [code], takes, gives, ...extra });
}

function simd(
  codes: readonly number[],
  takes: readonly ValueType[],
  gives: ValueType,
  extra: Partial<Operator> = {},
): void {
  for (const code of codes) {
    const leb = code < 0x80 ? [code] : [(code & 0x7f) | 0x80, code >> 7];
    operators.push({ code: [0xfd, ...leb], takes, gives, ...extra });
  }
}

const span = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

add([0x45], [I32], I32);
add(span(0x46, 0x4f), [I32, I32], I32);
add([0x50], [I64], I32);
add(span(0x51, 0x5a), [I64, I64], I32);
add(span(0x5b, 0x60), [F32, F32], I32);
add(span(0x61, 0x66), [F64, F64], I32);
add(span(0x67, 0x69), [I32], I32);
add([0x6a, 0x6b, 0x6c, ...span(0x71, 0x78)], [I32, I32], I32);
add(span(0x6d, 0x70), [I32, I32], I32, { traps: true });
add(span(0x79, 0x7b), [I64], I64);
add([0x7c, 0x7d, 0x7e, ...span(0x83, 0x8a)], [I64, I64], I64);
add(span(0x7f, 0x82), [I64, I64], I64, { traps: true });
add([0x8b, 0x8c], [F32], F32);
add(span(0x8d, 0x91), [F32], F32, { makesNan: 'f32' });
add(span(0x92, 0x97), [F32, F32], F32, { makesNan: 'f32' });
add([0x98], [F32, F32], F32);
add([0x99, 0x9a], [F64], F64);
add(span(0x9b, 0x9f), [F64], F64, { makesNan: 'f64' });
add(span(0xa0, 0xa5), [F64, F64], F64, { makesNan: 'f64' });
add([0xa6], [F64, F64], F64);
add([0xa7], [I64], I32);
add([0xa8, 0xa9], [F32], I32, { traps: true });
add([0xaa, 0xab], [F64], I32, { traps: true });
add([0xac, 0xad], [I32], I64);
add([0xae, 0xaf], [F32], I64, { traps: true });
add([0xb0, 0xb1], [F64], I64, { traps: true });
add([0xb2, 0xb3], [I32], F32);
add([0xb4, 0xb5], [I64], F32);
add([0xb6], [F64], F32, { makesNan: 'f32' });
add([0xb7, 0xb8], [I32], F64);
add([0xb9, 0xba], [I64], F64);
add([0xbb], [F32], F64, { makesNan: 'f64' });
add([0xbc], [F32], I32);
add([0xbd], [F64], I64);
add([0xbe], [I32], F32);
add([0xbf], [I64], F64);
add([0xc0, 0xc1], [I32], I32);
add([0xc2, 0xc3, 0xc4], [I64], I64);
for (const [code, from, to] of [
  [0, F32, I32],
  [1, F32, I32],
  [2, F64, I32],
  [3, F64, I32],
  [4, F32, I64],
  [5, F32, I64],
  [6, F64, I64],
  [7, F64, I64],
] as const) {
  operators.push({ code: [0xfc, code], takes: [from], gives: to });
}

simd([15, 16, 17], [I32], V128);
simd([18], [I64], V128);
simd([19], [F32], V128);
simd([20], [F64], V128);
simd([21, 22], [V128], I32, { lanes: 16 });
simd([24, 25], [V128], I32, { lanes: 8 });
simd([27], [V128], I32, { lanes: 4 });
simd([29], [V128], I64, { lanes: 2 });
simd([31], [V128], F32, { lanes: 4 });
simd([33], [V128], F64, { lanes: 2 });
simd([23], [V128, I32], V128, { lanes: 16 });
simd([26], [V128, I32], V128, { lanes: 8 });
simd([28], [V128, I32], V128, { lanes: 4 });
simd([30], [V128, I64], V128, { lanes: 2 });
simd([32], [V128, F32], V128, { lanes: 4 });
simd([34], [V128, F64], V128, { lanes: 2 });
simd([14, ...span(35, 76), ...span(78, 81), ...span(214, 219)], [V128, V128], V128);
simd([77, 96, 97, 98, 128, 160, 192, ...span(124, 127), 129, 161, 193, 224, 225, 236, 237], [V128], V128);
simd([82], [V128, V128, V128], V128);
simd([83, 99, 100, 131, 132, 163, 164, 195, 196], [V128], I32);
simd([107, 108, 109, 139, 140, 141, 171, 172, 173, 203, 204, 205], [V128, I32], V128);
simd([101, 102, ...span(110, 115), ...span(118, 121), 123, 133, 134, 130, 142, 149, 174, 177, 181], [V128, V128], V128);
simd([186, 206, 209, 213, ...span(220, 223), 234, 235, 246, 247], [V128, V128], V128);
simd([...span(135, 138), ...span(167, 170), ...span(199, 202), 248, 249, 250, 251, 252, 253, 254, 255], [V128], V128);
simd([103, 104, 105, 106, 227], [V128], V128, { makesNan: 'f32x4' });
simd(span(228, 233), [V128, V128], V128, { makesNan: 'f32x4' });
simd([116, 117, 122, 148, 239], [V128], V128, { makesNan: 'f64x2' });
simd(span(240, 245), [V128, V128], V128, { makesNan: 'f64x2' });
simd([94], [V128], V128, { makesNan: 'f32x4' });
simd([95], [V128], V128, { makesNan: 'f64x2' });

export const OPERATORS: ReadonlyMap<ValueType, readonly Operator[]> = new Map(
  [I32, I64, F32, F64, V128].map((type) => [
    type as ValueType,
    operators.filter((operator) => operator.gives === type),
  ]),
);

interface Access {
  readonly code: readonly number[];
  readonly type: ValueType;
  /** Logarithm of the natural alignment. */
  readonly alignment: number;
}

const access = (type: ValueType, code: readonly number[], alignment: number): Access => ({ type, code, alignment });

export const LOADS: readonly Access[] = [
  access(I32, [0x28], 2),
  access(I64, [0x29], 3),
  access(F32, [0x2a], 2),
  access(F64, [0x2b], 3),
  ...[0x2c, 0x2d].map((code) => access(I32, [code], 0)),
  ...[0x2e, 0x2f].map((code) => access(I32, [code], 1)),
  ...[0x30, 0x31].map((code) => access(I64, [code], 0)),
  ...[0x34, 0x35].map((code) => access(I64, [code], 2)),
  access(V128, [0xfd, 0], 4),
  access(V128, [0xfd, 1], 3),
  access(V128, [0xfd, 9], 2),
  access(V128, [0xfd, 93], 3),
];

export const STORES: readonly Access[] = [
  access(I32, [0x36], 2),
  access(I64, [0x37], 3),
  access(F32, [0x38], 2),
  access(F64, [0x39], 3),
  access(I32, [0x3a], 0),
  access(I64, [0x3e], 2),
  access(V128, [0xfd, 11], 4),
];
