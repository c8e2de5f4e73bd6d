/**
 * A case for each instruction that takes and gives values: its operands are read from memory, the instruction runs, its
 * result is written to memory. All cases are functions of one module, which needs no assembler.
 */
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import { type NanShape, OPERATORS, V128, type ValueType } from '../fuzz/operators.ts';
import { LOAD, STORE } from './adapter.ts';
import { type NumberType, TYPE_BYTE } from './values.ts';

/** Where a case finds its operands, 16 bytes apart, and where it puts its result. */
export const OPERAND_AT = 256;
export const RESULT_AT = 512;
export const SLOT_BYTES = 16;
/** Where instructions that take an address may read and write. */
export const ADDRESS_AT = 1_024;
export const MEMORY_BYTES = 65_536;

export interface Case {
  readonly name: string;
  /** The instruction's first bytes, without immediates. */
  readonly code: readonly number[];
  readonly immediates: readonly number[];
  readonly takes: readonly NumberType[];
  readonly gives: NumberType | undefined;
  readonly makesNan: NanShape | undefined;
  /** Bytes it reads or writes where its first operand, an address, says. */
  readonly accesses: number | undefined;
}

const NAMES = new Map<ValueType, NumberType>(
  Object.entries(TYPE_BYTE).map(([name, byte]) => [byte as ValueType, name as NumberType]),
);

function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

function simd(code: number): readonly number[] {
  return [0xfd, ...leb(code)];
}

function make(
  code: readonly number[],
  takes: readonly NumberType[],
  gives: NumberType | undefined,
  rest: Partial<Case> = {},
): Case {
  const immediates = rest.immediates ?? [];
  const name = [...code, ...immediates].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return { name, code, immediates, takes, gives, makesNan: undefined, accesses: undefined, ...rest };
}

/** What the generator of modules does not use. */
const MORE_VECTORS = [
  143, 144, 145, 146, 147, 150, 151, 152, 153, 155, 156, 157, 158, 159, 182, 183, 184, 185, 188, 189, 190, 191,
];
const SHUFFLES = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [31, 30, 29, 28, 27, 26, 25, 24, 7, 6, 5, 4, 3, 2, 1, 0],
  [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],
];

function operatorCases(): readonly Case[] {
  const known = [...OPERATORS.values()].flat().flatMap(({ code, takes, gives, makesNan, lanes }) => {
    const variants = lanes === undefined ? [[]] : [[0], [lanes >> 1], [lanes - 1]];
    const types = takes.map((type) => NAMES.get(type)!);
    return variants.map((immediates) => make(code, types, NAMES.get(gives)!, { makesNan, immediates }));
  });
  const vectors = MORE_VECTORS.map((code) => make(simd(code), ['v128', 'v128'], NAMES.get(V128)));
  const selects = (Object.keys(TYPE_BYTE) as NumberType[]).flatMap((type) => [
    make([0x1b], [type, type, 'i32'], type),
    make([0x1c], [type, type, 'i32'], type, { immediates: [1, TYPE_BYTE[type]] }),
  ]);
  return [
    ...known,
    ...vectors,
    ...selects,
    ...SHUFFLES.map((immediates) => make(simd(13), ['v128', 'v128'], 'v128', { immediates })),
  ];
}

/** Opcode, what it loads or stores, and how many bytes. */
type Access = readonly [readonly number[], NumberType, number];

const LOADS: readonly Access[] = [
  [[0x28], 'i32', 4],
  [[0x29], 'i64', 8],
  [[0x2a], 'f32', 4],
  [[0x2b], 'f64', 8],
  ...[1, 1, 2, 2].map((bytes, index): Access => [[0x2c + index], 'i32', bytes]),
  ...[1, 1, 2, 2, 4, 4].map((bytes, index): Access => [[0x30 + index], 'i64', bytes]),
  ...[16, 8, 8, 8, 8, 8, 8, 1, 2, 4, 8].map((bytes, code): Access => [simd(code), 'v128', bytes]),
  [simd(92), 'v128', 4],
  [simd(93), 'v128', 8],
];
const STORES: readonly Access[] = [
  [[0x36], 'i32', 4],
  [[0x37], 'i64', 8],
  [[0x38], 'f32', 4],
  [[0x39], 'f64', 8],
  [[0x3a], 'i32', 1],
  [[0x3b], 'i32', 2],
  ...[1, 2, 4].map((bytes, index): Access => [[0x3c + index], 'i64', bytes]),
  [simd(11), 'v128', 16],
];

function accessCases(): readonly Case[] {
  const near = [0, 0];
  const far = [0, ...leb(0xfff0)];
  const both = (list: (immediates: readonly number[]) => readonly Case[]): readonly Case[] => [near, far].flatMap(list);
  return both((immediates) => [
    ...LOADS.map(([code, type, accesses]) => make(code, ['i32'], type, { immediates, accesses })),
    ...STORES.map(([code, type, accesses]) => make(code, ['i32', type], undefined, { immediates, accesses })),
    ...[1, 2, 4, 8].flatMap((accesses, index) =>
      [0, 16 / accesses - 1].flatMap((lane) => {
        const rest = { immediates: [...immediates, lane], accesses };
        return [
          make(simd(84 + index), ['i32', 'v128'], 'v128', rest),
          make(simd(88 + index), ['i32', 'v128'], undefined, rest),
        ];
      }),
    ),
  ]);
}

function constantCases(): readonly Case[] {
  const f32s = [
    [0, 0, 0x80, 0xff],
    [1, 0, 0x80, 0x7f],
    [0x45, 0x23, 0xe1, 0xff],
    [1, 0, 0, 0x80],
  ];
  const f64s = [
    [0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
    [1, 0, 0, 0, 0, 0, 0xf0, 0xff],
    [0, 0, 0, 0, 0, 0, 0xf8, 0xff],
  ];
  const vectors = [f32s.flat(), [...f64s[1]!, ...f64s[2]!]];
  return [
    ...[[0], [0x7f], [0xff, 0xff, 0xff, 0xff, 0x07], [0x80, 0x80, 0x80, 0x80, 0x78]].flatMap((immediates) => [
      make([0x41], [], 'i32', { immediates }),
      make([0x42], [], 'i64', { immediates }),
    ]),
    make([0x42], [], 'i64', { immediates: [...new Array<number>(9).fill(0x80), 0x7f] }),
    ...f32s.map((immediates) => make([0x43], [], 'f32', { immediates })),
    ...f64s.map((immediates) => make([0x44], [], 'f64', { immediates })),
    ...vectors.map((immediates) => make(simd(12), [], 'v128', { immediates })),
  ];
}

export function allCases(): readonly Case[] {
  return [...operatorCases(), ...accessCases(), ...constantCases()];
}

/** Exports its memory, and each case as a function under its number. */
export function caseModule(cases: readonly Case[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(1 << 16).put(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, content: ByteWriter): void => {
    out.byte(id).u32(content.length).appendWriter(content);
  };
  section(1, new ByteWriter().put(1, 0x60, 0, 0));
  const functions = new ByteWriter().u32(cases.length);
  const exports = new ByteWriter()
    .u32(cases.length + 1)
    .name('memory')
    .put(2, 0);
  const code = new ByteWriter(1 << 16).u32(cases.length);
  cases.forEach((item, index) => {
    functions.byte(0);
    exports.name(String(index)).byte(0).u32(index);
    const body = bodyOf(item);
    code.u32(body.length).appendWriter(body);
  });
  section(3, functions);
  section(5, new ByteWriter().put(1, 1, 1, 1));
  section(7, exports);
  section(10, code);
  return Uint8Array.from(out.finish());
}

function bodyOf({ code, immediates, takes, gives }: Case): ByteWriter {
  const body = new ByteWriter().byte(0);
  if (gives !== undefined) body.byte(0x41).signed(RESULT_AT);
  takes.forEach((type, index) => {
    body
      .byte(0x41)
      .signed(OPERAND_AT + index * SLOT_BYTES)
      .put(...LOAD[type], 0);
  });
  body.put(...code, ...immediates);
  if (gives !== undefined) body.put(...STORE[gives], 0);
  return body.byte(0x0b);
}
