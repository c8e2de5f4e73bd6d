/** The module that the suite's scripts import from without defining it, as the suite's own README describes it. */
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import { type NumberType, TYPE_BYTE } from './values.ts';

/** By name: what the function takes. None gives anything, and none does anything that a script could see. */
export const PRINT_FUNCTIONS: Readonly<Record<string, readonly NumberType[]>> = {
  print: [],
  print_i32: ['i32'],
  print_i64: ['i64'],
  print_f32: ['f32'],
  print_f64: ['f64'],
  print_i32_f32: ['i32', 'f32'],
  print_f64_f64: ['f64', 'f64'],
};

export const TABLE = { minimum: 10, maximum: 20 } as const;
export const MEMORY = { minimum: 1, maximum: 2 } as const;

function f32(value: number): readonly number[] {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}

function f64(value: number): readonly number[] {
  return [...new Uint8Array(Float64Array.of(value).buffer)];
}

/** By name: the type, and the instruction that makes the value. */
export const GLOBALS: Readonly<Record<string, readonly [NumberType, readonly number[]]>> = {
  global_i32: ['i32', [0x41, 0x9a, 0x05]],
  global_i64: ['i64', [0x42, 0x9a, 0x05]],
  global_f32: ['f32', [0x43, ...f32(666.6)]],
  global_f64: ['f64', [0x44, ...f64(666.6)]],
};

/** A module of its own, so that functions, memory and table are such as other modules can import. */
export function spectestModule(): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().put(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, content: ByteWriter): void => {
    out.byte(id).u32(content.length).appendWriter(content);
  };
  const prints = Object.entries(PRINT_FUNCTIONS);
  const globals = Object.entries(GLOBALS);
  const types = new ByteWriter().u32(prints.length);
  const functions = new ByteWriter().u32(prints.length);
  const code = new ByteWriter().u32(prints.length);
  const exports = new ByteWriter().u32(prints.length + globals.length + 2);
  prints.forEach(([name, takes], index) => {
    types
      .byte(0x60)
      .u32(takes.length)
      .put(...takes.map((type) => TYPE_BYTE[type]))
      .byte(0);
    functions.u32(index);
    code.put(2, 0, 0x0b);
    exports.name(name).byte(0).u32(index);
  });
  const values = new ByteWriter().u32(globals.length);
  globals.forEach(([name, [type, value]], index) => {
    values.put(TYPE_BYTE[type], 0, ...value, 0x0b);
    exports.name(name).byte(3).u32(index);
  });
  exports.name('table').put(1, 0).name('memory').put(2, 0);
  section(1, types);
  section(3, functions);
  section(4, new ByteWriter().put(1, 0x70, 1, TABLE.minimum, TABLE.maximum));
  section(5, new ByteWriter().put(1, 1, MEMORY.minimum, MEMORY.maximum));
  section(6, values);
  section(7, exports);
  section(10, code);
  return Uint8Array.from(out.finish());
}
