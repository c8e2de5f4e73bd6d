/**
 * Modules that have as much of something as a kernel may have, and one more. Written out in the binary format, because
 * no assembler makes most of them. Where a module has a function, the first is exported as `run`.
 */
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import * as LIMITS from '../../node/sandbox/limits.ts';
import type { KernelRefusalCode } from '../../node/sandbox/refusal.ts';

export interface ModuleLimit {
  /** What there is a limit for. */
  readonly name: string;
  /** With the largest number that is allowed, and so many more. */
  readonly make: (more: number) => Uint8Array;
  /** How one more is refused. */
  readonly code: KernelRefusalCode;
}

const I32 = 0x7f;
const V128 = 0x7b;
export const leb = (value: number): readonly number[] => [...new ByteWriter().u32(value).finish()];
const nothing = [0x60, 0, 0];

/** Sections as `[id, count, ...items]`; every item may be a list of bytes. */
export function moduleOf(
  ...sections: readonly (readonly [number, number, readonly (readonly number[])[]])[]
): Uint8Array {
  const out = new ByteWriter(1_024).put(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  for (const [id, count, items] of sections) {
    const content = new ByteWriter(1_024).u32(count);
    for (const item of items) content.append(Uint8Array.from(item));
    out.byte(id).u32(content.length).appendWriter(content);
  }
  return out.finish();
}

function codeOf(bytes: readonly number[], locals: readonly number[] = [0]): readonly number[] {
  const length = locals.length + bytes.length + 1;
  return [...leb(length), ...locals, ...bytes, 0x0b];
}

/** The first function, under the name that whoever runs the module looks for. */
const RUN: readonly [number, number, readonly (readonly number[])[]] = [7, 1, [[3, 0x72, 0x75, 0x6e, 0, 0]]];

/** One function () -> () of that code. */
function withBody(bytes: readonly number[], locals?: readonly number[]): Uint8Array {
  return moduleOf([1, 1, [nothing]], [3, 1, [[0]]], RUN, [10, 1, [codeOf(bytes, locals)]]);
}

const many = <T>(count: number, item: T): readonly T[] => new Array<T>(count).fill(item);
const localsOf = (count: number, type: number): readonly number[] => [1, ...leb(count), type];
const nested = (depth: number): readonly number[] => [...many(depth, [0x02, 0x40]).flat(), ...many(depth, 0x0b)];
const typeOf = (parameters: number, results: number): readonly number[] => [
  ...[0x60, ...leb(parameters), ...many(parameters, I32)],
  ...[...leb(results), ...many(results, I32)],
];
const operands = (count: number): readonly number[] => [...many(count, [0x41, 0]).flat(), ...many(count, 0x1a)];
const table = (labels: number): readonly number[] => [0x41, 0, 0x0e, ...leb(labels), ...many(labels + 1, 0)];
/** So many functions with so many locals each. */
const manyLocals = (functions: number, locals: number): Uint8Array =>
  moduleOf([1, 1, [nothing]], [3, functions, many(functions, [0])], RUN, [
    10,
    functions,
    many(functions, codeOf([], localsOf(locals, I32))),
  ]);
/** Calls of what takes a thousand values, where nothing runs. */
const manyCalls = (calls: number): Uint8Array =>
  moduleOf([1, 2, [nothing, typeOf(1_000, 0)]], [3, 2, [[0], [1]]], RUN, [
    10,
    2,
    [codeOf([0x00, ...many(calls, [0x10, 1]).flat()]), codeOf([])],
  ]);

/** Nothing but calls, which become twelve times as long: as many such functions as METERED_BYTES_MAX has room for. */
export function largestOnceMetered(more: number): Uint8Array {
  const count = 16 + more;
  const calls = codeOf(many(125_000, [0x10, 0]).flat());
  return moduleOf([1, 1, [nothing]], [3, count, many(count, [0])], RUN, [10, count, many(count, calls)]);
}

export const tableOf = (initial: number, maximum: number): Uint8Array =>
  moduleOf([4, 1, [[0x70, 1, ...leb(initial), ...leb(maximum)]]]);

/** Of that many bytes, nearly all of them in a section that means nothing. */
function sized(bytes: number): Uint8Array {
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0];
  // The length of the section takes four bytes.
  const out = new Uint8Array(bytes);
  out.set([...head, ...leb(bytes - head.length - 4)]);
  return out;
}

const LIMITS_OF_MODULES: readonly (readonly [string, (more: number) => Uint8Array, KernelRefusalCode])[] = [
  ['bytes of a kernel', (more) => sized(LIMITS.KERNEL_BYTES_MAX + more), 'too-large'],
  ['locals', (more) => withBody([], localsOf(LIMITS.LOCALS_MAX + more, I32)), 'too-many-locals'],
  ['locals of all functions', (more) => manyLocals(LIMITS.LOCALS_TOTAL_MAX / 40_000, 40_000 + more), 'too-many-locals'],
  ['slots of vectors', (more) => withBody([], localsOf(LIMITS.FRAME_SLOTS_MAX / 2 + more, V128)), 'function-too-large'],
  ['operands', (more) => withBody(operands(LIMITS.FRAME_SLOTS_MAX + more)), 'function-too-large'],
  ['blocks in blocks', (more) => withBody(nested(LIMITS.NESTING_MAX + more)), 'nesting-too-deep'],
  // Three bytes are its locals and its end, the rest does nothing.
  ['bytes of a function', (more) => withBody(many(LIMITS.FUNCTION_BYTES_MAX + more - 2, 0x01)), 'function-too-large'],
  ['labels of a branch', (more) => withBody(table(LIMITS.BRANCH_LABELS_MAX + more)), 'too-large'],
  ['parameters', (more) => moduleOf([1, 1, [typeOf(LIMITS.TYPE_VALUES_MAX + more, 0)]]), 'too-large'],
  ['results', (more) => moduleOf([1, 1, [typeOf(0, LIMITS.TYPE_VALUES_MAX + more)]]), 'too-large'],
  ['values moved', (more) => manyCalls(Math.floor(LIMITS.VALUES_MOVED_MAX / 1_000) + more), 'too-large'],
  ['types', (more) => moduleOf([1, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, nothing)]), 'too-large'],
  ['functions', (more) => manyLocals(LIMITS.ITEMS_MAX + more, 0), 'too-large'],
  [
    'globals',
    (more) => moduleOf([6, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [I32, 0, 0x41, 0, 0x0b])]),
    'too-large',
  ],
  [
    'data segments',
    (more) => moduleOf([11, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [1, 0])]),
    'too-large',
  ],
  [
    'element segments',
    (more) => moduleOf([9, LIMITS.ITEMS_MAX + more, many(LIMITS.ITEMS_MAX + more, [1, 0, 0])]),
    'too-large',
  ],
  [
    'exports',
    (more) => {
      const names = Array.from({ length: LIMITS.EXPORTS_MAX + more }, (_, i) => new TextEncoder().encode(String(i)));
      const exports = names.map((name) => [name.length, ...name, 2, 0]);
      return moduleOf([5, 1, [[0, 1]]], [7, exports.length, exports]);
    },
    'too-large',
  ],
  [
    'bytes of a name',
    (more) => {
      const name = many(LIMITS.NAME_BYTES_MAX + more, 0x61);
      return moduleOf([5, 1, [[0, 1]]], [7, 1, [[...leb(name.length), ...name, 2, 0]]]);
    },
    'too-large',
  ],
  [
    'tables',
    (more) => moduleOf([4, LIMITS.TABLES_MAX + more, many(LIMITS.TABLES_MAX + more, [0x70, 0, 1])]),
    'too-large',
  ],
  [
    'places in tables',
    (more) => moduleOf([4, 1, [[0x70, 0, ...leb(LIMITS.TABLE_ELEMENTS_MAX + more)]]]),
    'table-too-large',
  ],
  ['places a table may have', (more) => tableOf(1, LIMITS.TABLE_MAXIMUM_MAX + more), 'table-too-large'],
];

export const AT_THE_LIMIT: readonly ModuleLimit[] = LIMITS_OF_MODULES.map(([name, make, code]) => ({
  name,
  make,
  code,
}));
