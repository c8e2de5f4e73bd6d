/**
 * The instructions a kernel may use: MVP, sign extension, saturating conversions, multi-value, bulk memory and
 * fixed-width SIMD. One table serves the allow-list, the classes of cost, the operand heights and NaN canonicalisation.
 * What is not in the table is refused by the name of its proposal.
 *
 * Fuel is consensus: moving an instruction to another class of cost needs a class that only a new WEIGHTS_VERSION tells
 * apart from the old one.
 */
import { ByteReader } from './bytes.ts';
import { forbidFeature, KernelRefusedError } from './refusal.ts';
import type { CostClass } from './weights.ts';

export type Immediate =
  | 'none'
  | 'block'
  | 'index'
  | 'labels'
  | 'indirect'
  | 'memarg'
  | 'memarg-lane'
  | 's32'
  | 's64'
  | 'bytes-4'
  | 'bytes-8'
  | 'bytes-16'
  | 'lane'
  | 'two-indexes'
  | 'value-types';

/** The floating-point shape whose NaNs an instruction makes or looks through. */
export type FloatShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

export interface Instruction {
  readonly name: string;
  readonly immediate: Immediate;
  /** Operands taken and left; calls, blocks and branches are computed from their types instead. */
  readonly pops: number;
  readonly pushes: number;
  readonly cost: CostClass;
  readonly feature: string;
  /** Its result may be a NaN whose bits differ between engines. */
  readonly makesNan: FloatShape | undefined;
  /** It takes operands of this shape and gives the same result whatever the bits of a NaN among them. */
  readonly ignoresNanBits: FloatShape | undefined;
}

const base: (Instruction | undefined)[] = new Array(256);
const prefixed: (Instruction | undefined)[] = new Array(18);
const simd: (Instruction | undefined)[] = new Array(256);

type Extra = Partial<Pick<Instruction, 'feature' | 'makesNan' | 'ignoresNanBits' | 'cost'>>;

function define(
  table: (Instruction | undefined)[],
  codes: readonly number[],
  name: string,
  immediate: Immediate,
  arity: readonly [number, number],
  extra: Extra = {},
): void {
  for (const code of codes) {
    table[code] = {
      name,
      immediate,
      pops: arity[0],
      pushes: arity[1],
      cost: 'integer',
      feature: 'mvp',
      makesNan: undefined,
      ignoresNanBits: undefined,
      ...table[code],
      ...extra,
    };
  }
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const UNARY = [1, 1] as const;
const BINARY = [2, 1] as const;
const NOTHING = [0, 0] as const;

// Control
define(base, [0x00], 'unreachable', 'none', NOTHING, { cost: 'branch' });
define(base, [0x01], 'nop', 'none', NOTHING, { cost: 'structure' });
define(base, [0x02], 'block', 'block', NOTHING, { cost: 'structure' });
define(base, [0x03], 'loop', 'block', NOTHING, { cost: 'structure' });
define(base, [0x04], 'if', 'block', [1, 0], { cost: 'branch' });
define(base, [0x05], 'else', 'none', NOTHING, { cost: 'structure' });
define(base, [0x0b], 'end', 'none', NOTHING, { cost: 'structure' });
define(base, [0x0c], 'br', 'index', NOTHING, { cost: 'branch' });
define(base, [0x0d], 'br_if', 'index', [1, 0], { cost: 'branch' });
define(base, [0x0e], 'br_table', 'labels', [1, 0], { cost: 'branch-table' });
define(base, [0x0f], 'return', 'none', NOTHING, { cost: 'branch' });
define(base, [0x10], 'call', 'index', NOTHING, { cost: 'call' });
define(base, [0x11], 'call_indirect', 'indirect', [1, 0], { cost: 'call-indirect' });
define(base, [0x1a], 'drop', 'none', [1, 0], { cost: 'operand' });
define(base, [0x1b], 'select', 'none', [3, 1], { cost: 'select' });
define(base, [0x1c], 'select', 'value-types', [3, 1], { cost: 'select' });
// Variables and memory
define(base, [0x20], 'local.get', 'index', [0, 1], { cost: 'operand' });
define(base, [0x21], 'local.set', 'index', [1, 0], { cost: 'local-write' });
define(base, [0x22], 'local.tee', 'index', [1, 1], { cost: 'local-write' });
define(base, [0x23], 'global.get', 'index', [0, 1], { cost: 'global' });
define(base, [0x24], 'global.set', 'index', [1, 0], { cost: 'global' });
define(base, range(0x28, 0x35), 'load', 'memarg', UNARY, { cost: 'load' });
define(base, range(0x36, 0x3e), 'store', 'memarg', [2, 0], { cost: 'store' });
define(base, [0x3f], 'memory.size', 'index', [0, 1], { cost: 'memory-size' });
define(base, [0x40], 'memory.grow', 'index', UNARY, { cost: 'memory-grow' });
// Constants
define(base, [0x41], 'i32.const', 's32', [0, 1], { cost: 'operand' });
define(base, [0x42], 'i64.const', 's64', [0, 1], { cost: 'operand' });
define(base, [0x43], 'f32.const', 'bytes-4', [0, 1], { cost: 'operand' });
define(base, [0x44], 'f64.const', 'bytes-8', [0, 1], { cost: 'operand' });
// Integers
define(base, [0x45, 0x50], 'eqz', 'none', UNARY);
define(base, [...range(0x46, 0x4f), ...range(0x51, 0x5a)], 'integer comparison', 'none', BINARY);
define(base, [...range(0x67, 0x69), ...range(0x79, 0x7b)], 'bit count', 'none', UNARY, { cost: 'bit-count' });
define(base, [...range(0x6a, 0x78), ...range(0x7c, 0x8a)], 'integer arithmetic', 'none', BINARY);
define(base, [0x6c, 0x7e], 'integer mul', 'none', BINARY, { cost: 'multiply' });
define(base, range(0x6d, 0x70), 'i32 division', 'none', BINARY, { cost: 'divide-32' });
define(base, range(0x7f, 0x82), 'i64 division', 'none', BINARY, { cost: 'divide-64' });
// Floats
const FLOAT_COMPARISON = { cost: 'float-comparison' } as const;
const SCALAR_F32 = { cost: 'float', makesNan: 'f32', ignoresNanBits: 'f32' } as const;
const SCALAR_F64 = { cost: 'float', makesNan: 'f64', ignoresNanBits: 'f64' } as const;
define(base, range(0x5b, 0x60), 'f32 comparison', 'none', BINARY, { ...FLOAT_COMPARISON, ignoresNanBits: 'f32' });
define(base, range(0x61, 0x66), 'f64 comparison', 'none', BINARY, { ...FLOAT_COMPARISON, ignoresNanBits: 'f64' });
define(base, [0x8b, 0x8c, 0x99, 0x9a], 'float sign', 'none', UNARY, { cost: 'float' });
define(base, range(0x8d, 0x90), 'f32 rounding', 'none', UNARY, { ...SCALAR_F32, cost: 'float-rounding' });
define(base, range(0x92, 0x97), 'f32 arithmetic', 'none', BINARY, SCALAR_F32);
define(base, range(0x9b, 0x9e), 'f64 rounding', 'none', UNARY, { ...SCALAR_F64, cost: 'float-rounding' });
define(base, range(0xa0, 0xa5), 'f64 arithmetic', 'none', BINARY, SCALAR_F64);
define(base, [0x91], 'f32.sqrt', 'none', UNARY, { ...SCALAR_F32, cost: 'float-root' });
define(base, [0x9f], 'f64.sqrt', 'none', UNARY, { ...SCALAR_F64, cost: 'float-root' });
define(base, [0x95, 0xa3], 'float division', 'none', BINARY, { cost: 'float-division' });
define(base, [0x96, 0x97, 0xa4, 0xa5], 'float min or max', 'none', BINARY, { cost: 'float-minimum' });
define(base, [0x98, 0xa6], 'copysign', 'none', BINARY, { cost: 'float' });
// Conversions
const TRUNC = { cost: 'float-to-integer' } as const;
define(base, [0xa7, 0xac, 0xad], 'integer conversion', 'none', UNARY);
define(base, [...range(0xb2, 0xb5), ...range(0xb7, 0xba)], 'convert', 'none', UNARY, { cost: 'integer-to-float' });
define(base, range(0xbc, 0xbf), 'reinterpret', 'none', UNARY, { cost: 'reinterpret' });
define(base, [0xa8, 0xa9, 0xae, 0xaf], 'trunc', 'none', UNARY, { ...TRUNC, ignoresNanBits: 'f32' });
define(base, [0xaa, 0xab, 0xb0, 0xb1], 'trunc', 'none', UNARY, { ...TRUNC, ignoresNanBits: 'f64' });
define(base, [0xb6], 'f32.demote_f64', 'none', UNARY, { cost: 'float-width', makesNan: 'f32', ignoresNanBits: 'f64' });
define(base, [0xbb], 'f64.promote_f32', 'none', UNARY, { cost: 'float-width', makesNan: 'f64', ignoresNanBits: 'f32' });
define(base, range(0xc0, 0xc4), 'sign extension', 'none', UNARY, { feature: 'sign-extension' });

// 0xFC
const SATURATING = { cost: 'float-to-integer', feature: 'saturating-conversion' } as const;
const BULK = { cost: 'bulk', feature: 'bulk-memory' } as const;
define(prefixed, [0, 1, 4, 5], 'trunc_sat', 'none', UNARY, { ...SATURATING, ignoresNanBits: 'f32' });
define(prefixed, [2, 3, 6, 7], 'trunc_sat', 'none', UNARY, { ...SATURATING, ignoresNanBits: 'f64' });
define(prefixed, [8], 'memory.init', 'two-indexes', [3, 0], BULK);
define(prefixed, [9], 'data.drop', 'index', NOTHING, BULK);
define(prefixed, [10], 'memory.copy', 'two-indexes', [3, 0], BULK);
define(prefixed, [11], 'memory.fill', 'index', [3, 0], BULK);
define(prefixed, [12], 'table.init', 'two-indexes', [3, 0], BULK);
define(prefixed, [13], 'elem.drop', 'index', NOTHING, BULK);
define(prefixed, [14], 'table.copy', 'two-indexes', [3, 0], BULK);

// 0xFD below 256
const SIMD = { cost: 'simd-integer', feature: 'simd' } as const;
const SIMD_LANE = { ...SIMD, cost: 'simd-lane' } as const;
const SIMD_SHUFFLE = { ...SIMD, cost: 'simd-shuffle' } as const;
const SIMD_CONVERSION = { ...SIMD, cost: 'simd-conversion' } as const;
define(simd, [...range(0, 10), 92, 93], 'v128.load', 'memarg', UNARY, { ...SIMD, cost: 'simd-load' });
define(simd, [11], 'v128.store', 'memarg', [2, 0], { ...SIMD, cost: 'simd-store' });
define(simd, [12], 'v128.const', 'bytes-16', [0, 1], { ...SIMD, cost: 'simd-constant' });
define(simd, [13], 'i8x16.shuffle', 'bytes-16', BINARY, SIMD_SHUFFLE);
define(simd, [14], 'i8x16.swizzle', 'none', BINARY, SIMD_SHUFFLE);
define(simd, range(15, 20), 'splat', 'none', UNARY, SIMD_LANE);
define(simd, [21, 22, 24, 25, 27, 29, 31, 33], 'extract_lane', 'lane', UNARY, SIMD_LANE);
define(simd, [23, 26, 28, 30, 32, 34], 'replace_lane', 'lane', BINARY, SIMD_LANE);
define(simd, [...range(35, 76), ...range(214, 219)], 'simd comparison', 'none', BINARY, SIMD);
define(simd, range(65, 70), 'f32x4 comparison', 'none', BINARY, { cost: 'simd-float', ignoresNanBits: 'f32x4' });
define(simd, range(71, 76), 'f64x2 comparison', 'none', BINARY, { cost: 'simd-float', ignoresNanBits: 'f64x2' });
define(simd, [77], 'v128.not', 'none', UNARY, SIMD);
define(simd, range(78, 81), 'v128 bitwise', 'none', BINARY, SIMD);
define(simd, [82], 'v128.bitselect', 'none', [3, 1], SIMD);
const simdTest = [83, 99, 100, 131, 132, 163, 164, 195, 196];
define(simd, simdTest, 'simd test', 'none', UNARY, { ...SIMD, cost: 'simd-test' });
define(simd, range(84, 87), 'v128.load_lane', 'memarg-lane', BINARY, { ...SIMD, cost: 'simd-load-lane' });
define(simd, range(88, 91), 'v128.store_lane', 'memarg-lane', [2, 0], { ...SIMD, cost: 'simd-store' });
const simdUnary = [96, 97, 98, 124, 125, 126, 127, 128, 129, 160, 161, 192, 193, 224, 225, 236, 237];
const simdExtend = [...range(135, 138), ...range(167, 170), ...range(199, 202)];
define(simd, [...simdUnary, ...simdExtend], 'simd unary', 'none', UNARY, SIMD);
define(simd, [250, 251, 254, 255], 'simd convert', 'none', UNARY, SIMD_CONVERSION);
const simdShift = [...range(107, 109), ...range(139, 141), ...range(171, 173), ...range(203, 205)];
const simdBytes = [101, 102, ...range(110, 115), ...range(118, 121), 123];
const simdShorts = [130, 133, 134, ...range(142, 147), ...range(149, 153), ...range(155, 159)];
const simdWords = [174, 177, ...range(181, 186), ...range(188, 191)];
const simdLongs = [206, 209, 213, ...range(220, 223)];
const simdBinary = [...simdShift, ...simdBytes, ...simdShorts, ...simdWords, ...simdLongs, 234, 235, 246, 247];
define(simd, simdBinary, 'simd binary', 'none', BINARY, SIMD);
const simdMultiply = [130, 149, ...range(156, 159), 181, 186, ...range(188, 191), ...range(220, 223)];
define(simd, simdMultiply, 'simd multiply', 'none', BINARY, { cost: 'simd-multiply' });
// No processor has these: popcnt of bytes, shifts of bytes, i64x2.shr_s and i64x2.mul are several instructions each.
define(simd, [98], 'simd unary', 'none', UNARY, { cost: 'simd-emulated' });
define(simd, [...range(107, 109), 204, 213], 'simd binary', 'none', BINARY, { cost: 'simd-emulated' });
const F32X4 = { ...SIMD, cost: 'simd-float', makesNan: 'f32x4', ignoresNanBits: 'f32x4' } as const;
const F64X2 = { ...SIMD, cost: 'simd-float', makesNan: 'f64x2', ignoresNanBits: 'f64x2' } as const;
define(simd, range(103, 106), 'f32x4 rounding', 'none', UNARY, { ...F32X4, cost: 'simd-float-rounding' });
define(simd, [227], 'f32x4.sqrt', 'none', UNARY, { ...F32X4, cost: 'simd-float-root' });
define(simd, range(228, 233), 'f32x4 arithmetic', 'none', BINARY, F32X4);
define(simd, [116, 117, 122, 148], 'f64x2 rounding', 'none', UNARY, { ...F64X2, cost: 'simd-float-rounding' });
define(simd, [239], 'f64x2.sqrt', 'none', UNARY, { ...F64X2, cost: 'simd-float-root' });
define(simd, range(240, 245), 'f64x2 arithmetic', 'none', BINARY, F64X2);
define(simd, [231, 243], 'simd division', 'none', BINARY, { cost: 'simd-float-division' });
define(simd, [232, 233, 244, 245], 'simd min or max', 'none', BINARY, { cost: 'simd-float-minimum' });
define(simd, [94], 'f32x4.demote', 'none', UNARY, { ...SIMD_CONVERSION, makesNan: 'f32x4', ignoresNanBits: 'f64x2' });
define(simd, [95], 'f64x2.promote_low', 'none', UNARY, {
  ...SIMD_CONVERSION,
  makesNan: 'f64x2',
  ignoresNanBits: 'f32x4',
});
define(simd, [248, 249], 'i32x4.trunc_sat', 'none', UNARY, { ...SIMD_CONVERSION, ignoresNanBits: 'f32x4' });
define(simd, [252, 253], 'i32x4.trunc_sat', 'none', UNARY, { ...SIMD_CONVERSION, ignoresNanBits: 'f64x2' });

/** One decoded instruction; the reader reuses it, so keep nothing of it. */
export interface Decoded {
  instruction: Instruction;
  /** First byte: 0xFC and 0xFD are prefixes, `code` is what follows them. */
  prefix: number;
  code: number;
  /** Position of its first byte. */
  start: number;
  /** First index, label or constant. For a block: its type as a signed number, negative for a value type. */
  first: number;
  second: number;
}

export function newDecoded(): Decoded {
  return { instruction: base[1]!, prefix: 0, code: 1, start: 0, first: 0, second: 0 };
}

/** Reads one instruction into `into`. Throws a KernelRefusedError when it is not one of the table. */
export function readInstruction(reader: ByteReader, into: Decoded): void {
  into.start = reader.position;
  const opcode = reader.byte();
  into.prefix = opcode === 0xfc || opcode === 0xfd ? opcode : 0;
  into.code = into.prefix === 0 ? opcode : reader.u32();
  const table = opcode === 0xfc ? prefixed : opcode === 0xfd ? simd : base;
  const instruction = table[into.code];
  if (instruction === undefined) throw refuseOpcode(opcode, into.code, into.start);
  into.instruction = instruction;
  switch (instruction.immediate) {
    case 'none':
      return;
    case 'block':
    case 's32':
      into.first = reader.s33();
      return;
    case 'index':
      into.first = reader.u32();
      return;
    case 'indirect':
    case 'two-indexes':
      into.first = reader.u32();
      into.second = reader.u32();
      return;
    case 'memarg':
      readMemoryArgument(reader);
      return;
    case 'memarg-lane':
      readMemoryArgument(reader);
      reader.skip(1);
      return;
    case 's64':
      reader.skipLeb64();
      return;
    case 'lane':
      reader.skip(1);
      return;
    case 'bytes-4':
      reader.skip(4);
      return;
    case 'bytes-8':
      reader.skip(8);
      return;
    case 'bytes-16':
      reader.skip(16);
      return;
    case 'labels': {
      for (let count = reader.u32(); count >= 0; count--) into.first = reader.u32();
      return;
    }
    case 'value-types': {
      for (let count = reader.u32(); count > 0; count--) {
        if (reader.byte() < 0x7b) throw forbidFeature('reference types');
      }
      return;
    }
  }
}

/** All labels of a `br_table`, whose instruction follows. */
export function peekLabels(reader: ByteReader): readonly number[] | undefined {
  if (reader.peek() !== 0x0e) return undefined;
  const ahead = new ByteReader(reader.bytes, reader.position + 1, reader.end);
  return Array.from({ length: ahead.u32() + 1 }, () => ahead.u32());
}

function readMemoryArgument(reader: ByteReader): void {
  // Bit 6 of the alignment says that a memory index follows.
  if (reader.u32() >= 0x40) throw forbidFeature('several memories');
  reader.u32();
}

function refuseOpcode(opcode: number, code: number, position: number): KernelRefusedError {
  const feature = featureOf(opcode, code);
  if (feature !== undefined) return forbidFeature(feature);
  const hex = [opcode, ...(opcode >= 0xfb ? [code] : [])].map((value) => value.toString(16).padStart(2, '0')).join(' ');
  return new KernelRefusedError(
    'forbidden-feature',
    `the kernel has an unknown instruction ${hex} at byte ${position}`,
  );
}

function featureOf(opcode: number, code: number): string | undefined {
  if (opcode === 0xfe) return 'threads';
  if (opcode === 0xfb) return 'garbage collection';
  if (opcode === 0xfd && code >= 0x100) return 'relaxed SIMD';
  if (opcode === 0xfc && code === 15) return 'table.grow';
  if (opcode === 0xfc && code <= 17) return 'reference types';
  if (opcode === 0x12 || opcode === 0x13) return 'tail calls';
  if ([0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f].includes(opcode)) return 'exceptions';
  if (opcode === 0x25 || opcode === 0x26 || (opcode >= 0xd0 && opcode <= 0xd2)) return 'reference types';
  if (opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) return 'typed function references';
  return undefined;
}
