/**
 * Kernels that try to take more than they are given, and how each must end. One list for every platform: it is written
 * out in the binary format with nothing but this project's own writer, so that a page can make it too.
 *
 * "refused": the kernel is never run. "ends": it ran, and that is its result on every machine. "fails": it was stopped,
 * which is no result.
 */
import type { ExecutionFailureCode } from '../../node/protocol/effect.ts';
import { TRAP, type TrapKind } from '../../node/protocol/trust/commitment.ts';
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import type { KernelRefusalCode } from '../../node/sandbox/refusal.ts';

export interface Game {
  readonly name: string;
  readonly kernel: () => Uint8Array;
  readonly expected:
    | { readonly refused: KernelRefusalCode }
    | { readonly ends: TrapKind }
    | { readonly fails: ExecutionFailureCode };
  readonly limits?: GameLimits;
}

export interface GameLimits {
  readonly fuelPerTaskMax?: number;
  readonly memoryPagesMax?: number;
  readonly wallClockMaxMs?: number;
}

/** Pages a game gets unless it says something else: 16 MiB. */
export const GAME_PAGES = 256;

type Code = readonly number[];

interface Parts {
  /** Body of each ABI function, without `end`. */
  readonly alloc?: Code;
  readonly init?: Code;
  readonly step?: Code;
  readonly outPointer?: Code;
  readonly outLength?: Code;
  /** Runs of i32 locals of `shoal_init`: one count, or none. */
  readonly initLocals?: number;
  /** Further functions of type () -> i32, as whole bodies; the first has index 6. */
  readonly functions?: readonly Uint8Array[];
  /** Sections as a whole: content behind the count, by id. */
  readonly memory?: readonly [initial: number, maximum?: number];
  readonly table?: number;
  /** Functions in the table, from 0. */
  readonly elements?: readonly number[];
  readonly start?: number;
  readonly extra?: (section: number) => Section | undefined;
  /** Bytes of a custom section at the end. */
  readonly custom?: number;
}

interface Section {
  readonly count: number;
  readonly items: ByteWriter;
}

const I32 = 0x7f;
const constant = (value: number): Code => [0x41, ...signed(value)];
const END = 0x0b;

function signed(value: number): Code {
  return [...new ByteWriter().signed(value).finish()];
}

function unsigned(value: number): Code {
  return [...new ByteWriter().u32(value).finish()];
}

/** A function body: `locals` i32 locals, the code, and its end. */
export function body(code: Code | Uint8Array, locals = 0): Uint8Array {
  const out = new ByteWriter(code.length + 16);
  if (locals === 0) out.byte(0);
  else out.byte(1).u32(locals).byte(I32);
  return out.append(Uint8Array.from(code)).byte(END).finish();
}

/** Types: 0 is () -> i32, 1 is (i32) -> i32, 2 is () -> (). */
const TYPES = [
  [0x60, 0, 1, I32],
  [0x60, 1, I32, 1, I32],
  [0x60, 0, 0],
];
const ABI = ['shoal_abi', 'shoal_alloc', 'shoal_init', 'shoal_step', 'shoal_out_ptr', 'shoal_out_len'];
const ABI_TYPES = [0, 1, 0, 1, 0, 0];

export function kernelOf(parts: Parts = {}): Uint8Array {
  const { functions = [], memory = [1], table, elements = [], start, extra, custom } = parts;
  const out = new ByteWriter(65_536).put(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, count: number, items: ByteWriter): void => {
    const more = extra?.(id);
    const head = unsigned(count + (more?.count ?? 0));
    if (count + (more?.count ?? 0) === 0) return;
    out
      .byte(id)
      .u32(head.length + items.length + (more?.items.length ?? 0))
      .put(...head)
      .appendWriter(items);
    if (more !== undefined) out.appendWriter(more.items);
  };
  const types = new ByteWriter();
  for (const type of TYPES) types.put(...type);
  section(1, TYPES.length, types);
  const indexes = new ByteWriter().put(...ABI_TYPES);
  for (const _ of functions) indexes.byte(0);
  section(3, ABI.length + functions.length, indexes);
  section(
    4,
    Number(table !== undefined),
    new ByteWriter().put(...(table === undefined ? [] : [0x70, 0, ...unsigned(table)])),
  );
  const [initial, maximum] = memory;
  const limits = maximum === undefined ? [0, ...unsigned(initial)] : [1, ...unsigned(initial), ...unsigned(maximum)];
  section(5, 1, new ByteWriter().put(...limits));
  section(6, 0, new ByteWriter());
  const exports = new ByteWriter().name('memory').put(2, 0);
  for (const [index, name] of ABI.entries()) exports.name(name).put(0, index);
  section(7, ABI.length + 1, exports);
  if (start !== undefined) out.put(8, unsigned(start).length, ...unsigned(start));
  const filled = new ByteWriter().put(0, ...constant(0), END).u32(elements.length);
  for (const index of elements) filled.u32(index);
  section(9, Number(elements.length > 0), elements.length > 0 ? filled : new ByteWriter());
  const code = new ByteWriter();
  const bodies = [
    body(constant(1)),
    body(parts.alloc ?? constant(1_024)),
    body(parts.init ?? constant(0), parts.initLocals),
    body(parts.step ?? constant(0)),
    body(parts.outPointer ?? constant(0)),
    body(parts.outLength ?? constant(0)),
    ...functions,
  ];
  for (const bytes of bodies) code.u32(bytes.length).append(bytes);
  section(10, bodies.length, code);
  section(11, 0, new ByteWriter());
  if (custom !== undefined) {
    const name = new ByteWriter().name('name');
    out
      .byte(0)
      .u32(name.length + custom)
      .appendWriter(name)
      .append(new Uint8Array(custom));
  }
  return out.finish();
}

/** `count` times the same bytes in one section. */
function repeated(section: number, count: number, item: (index: number) => Code): Parts['extra'] {
  return (id) => {
    if (id !== section) return undefined;
    const items = new ByteWriter(count * 4);
    for (let i = 0; i < count; i++) items.put(...item(i));
    return { count, items };
  };
}

function times(count: number, code: Code): Uint8Array {
  const out = new ByteWriter(count * code.length + 16);
  for (let i = 0; i < count; i++) out.put(...code);
  return out.finish();
}

const LOOP_FOREVER: Code = [0x03, 0x40, 0x0c, 0, END, 0x00];
const MUCH_FUEL = 2 ** 42;
const slow: GameLimits = { fuelPerTaskMax: MUCH_FUEL, wallClockMaxMs: 300 };

/** Calls itself with nothing in between; function 6. */
const recursion = (locals = 0): Parts => ({ init: [0x10, 6], functions: [body([0x10, 6], locals)] });
const fill = (address: number, length: number): Code => [
  ...constant(address),
  ...constant(7),
  ...constant(length),
  0xfc,
  11,
  0,
];

/** Doubles the memory asked for until there is no more, then writes into each page there is. */
const takeAll: Code = [
  ...[0x03, 0x40, ...constant(1), 0x40, 0, ...constant(-1), 0x47, 0x0d, 0, END],
  ...[...constant(0), ...constant(255), 0x3f, 0, ...constant(16), 0x74, 0xfc, 11, 0],
  ...constant(0),
];

export const GAMES: readonly Game[] = [
  // Modules that are not let in.
  { name: 'a module of 100 MB', kernel: () => oversized(100_000_000), expected: { refused: 'too-large' } },
  {
    name: 'names that fill the module',
    kernel: () => kernelOf({ custom: 9_000_000 }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'an export that is called like ours',
    kernel: () => kernelOf({ extra: repeated(7, 1, () => [...new ByteWriter().name('shoal:fuel').finish(), 0, 0]) }),
    expected: { refused: 'reserved-export' },
  },
  {
    name: 'a global that is ours once it is rewritten',
    kernel: () => kernelOf({ init: [0x42, 0, 0x24, 0, ...constant(0)] }),
    expected: { refused: 'invalid' },
  },
  {
    name: 'a call of a function that is ours',
    kernel: () => kernelOf({ init: [0x42, 0, 0x10, 6, ...constant(0)] }),
    expected: { refused: 'invalid' },
  },
  { name: '50,000 locals', kernel: () => kernelOf({ initLocals: 50_000 }), expected: { refused: 'too-many-locals' } },
  {
    name: '4 billion locals',
    kernel: () => kernelOf({ initLocals: 2 ** 32 - 1 }),
    expected: { refused: 'too-many-locals' },
  },
  {
    name: 'blocks nested 80,000 deep',
    kernel: () =>
      kernelOf({ functions: [body(concat(times(80_000, [0x02, 0x40]), times(80_000, [END]), constant(0)))] }),
    expected: { refused: 'nesting-too-deep' },
  },
  {
    name: 'a branch with a million labels',
    kernel: () =>
      kernelOf({ functions: [body(concat(constant(0), [0x0e, ...unsigned(1_000_000)], times(1_000_001, [0])))] }),
    expected: { refused: 'function-too-large' },
  },
  {
    name: 'a function of 300 KB',
    kernel: () => kernelOf({ functions: [body(concat(times(300_000, [0x01]), constant(0)))] }),
    expected: { refused: 'function-too-large' },
  },
  {
    name: 'a table of 10 million',
    kernel: () => kernelOf({ table: 10_000_000 }),
    expected: { refused: 'table-too-large' },
  },
  {
    name: 'a million types',
    kernel: () => kernelOf({ extra: repeated(1, 1_000_000, () => [0x60, 0, 0]) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'a million functions',
    kernel: () => kernelOf({ functions: new Array<Uint8Array>(1_000_000).fill(body(constant(0))) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'a million exports',
    kernel: () => kernelOf({ extra: repeated(7, 800_000, (i) => exportOf(i)) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'a million globals',
    kernel: () => kernelOf({ extra: repeated(6, 1_000_000, () => [I32, 0, ...constant(0), END]) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'a million data segments',
    kernel: () => kernelOf({ extra: repeated(11, 1_000_000, () => [1, 0]) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'a segment behind the memory',
    kernel: () =>
      kernelOf({ extra: repeated(11, 1, () => [0, ...constant(65_530), END, 9, ...new Array<number>(9).fill(1)]) }),
    expected: { refused: 'segment-out-of-bounds' },
  },
  {
    name: 'four gigabytes of memory to begin with',
    kernel: () => kernelOf({ memory: [65_536] }),
    expected: { refused: 'memory-too-large' },
  },
  {
    name: 'sections that promise more than there is',
    kernel: () => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 9, 10, 1, 3, 0x70, ...unsigned(2 ** 32 - 1)]),
    expected: { refused: 'invalid' },
  },
  // Modules that run.
  { name: 'a loop without end', kernel: () => kernelOf({ init: LOOP_FOREVER }), expected: { ends: TRAP.outOfFuel } },
  {
    name: 'a loop without end and with all fuel',
    kernel: () => kernelOf({ init: LOOP_FOREVER }),
    expected: { fails: 'wall-clock' },
    limits: slow,
  },
  {
    name: 'a start function without end',
    kernel: () => kernelOf({ start: 6, functions: [], extra: withStart }),
    expected: { ends: TRAP.outOfFuel },
  },
  {
    name: 'steps without end',
    kernel: () => kernelOf({ init: constant(5), step: constant(5) }),
    expected: { ends: TRAP.outOfFuel },
  },
  {
    name: 'steps without end and with all fuel',
    kernel: () => kernelOf({ init: constant(5), step: constant(5) }),
    expected: { fails: 'wall-clock' },
    limits: slow,
  },
  {
    name: 'two billion steps',
    kernel: () => kernelOf({ init: constant(2 ** 31 - 1), step: constant(2 ** 31 - 1) }),
    expected: { ends: TRAP.outOfFuel },
  },
  {
    name: 'fewer steps than none',
    kernel: () => kernelOf({ init: constant(-(2 ** 31)) }),
    expected: { ends: TRAP.kernelError },
  },
  {
    name: 'recursion',
    kernel: () => kernelOf(recursion()),
    expected: { ends: TRAP.trap },
    limits: { fuelPerTaskMax: 2 ** 36 },
  },
  {
    name: 'recursion with 49,000 locals',
    kernel: () => kernelOf(recursion(49_000)),
    expected: { ends: TRAP.trap },
    limits: { fuelPerTaskMax: 2 ** 36 },
  },
  {
    name: 'recursion through a table',
    kernel: () =>
      kernelOf({ table: 1, elements: [6], init: [0x10, 6], functions: [body([...constant(0), 0x11, 0, 0])] }),
    expected: { ends: TRAP.trap },
    limits: { fuelPerTaskMax: 2 ** 36 },
  },
  {
    name: 'a call of an empty place',
    kernel: () =>
      kernelOf({ table: 2, elements: [6], init: [...constant(1), 0x11, 0, 0], functions: [body(constant(0))] }),
    expected: { ends: TRAP.trap },
  },
  {
    name: 'a call of another type',
    kernel: () => kernelOf({ table: 1, elements: [1], init: [...constant(0), 0x11, 0, 0] }),
    expected: { ends: TRAP.trap },
  },
  {
    name: 'all memory there is',
    kernel: () => kernelOf({ init: takeAll }),
    expected: { ends: TRAP.none },
    limits: { fuelPerTaskMax: 2 ** 36 },
  },
  {
    name: 'growth by four gigabytes',
    kernel: () => kernelOf({ init: [...constant(65_535), 0x40, 0, ...constant(1), 0x6a] }),
    expected: { ends: TRAP.none },
  },
  {
    name: 'a fill of four gigabytes',
    kernel: () => kernelOf({ init: [...fill(0, -1), ...constant(0)] }),
    expected: { ends: TRAP.outOfFuel },
  },
  {
    name: 'a fill of four gigabytes with all fuel',
    kernel: () => kernelOf({ init: [...fill(0, -1), ...constant(0)] }),
    expected: { ends: TRAP.trap },
    limits: { fuelPerTaskMax: MUCH_FUEL },
  },
  {
    name: 'fills without end',
    kernel: () => kernelOf({ init: [0x03, 0x40, ...fill(0, 65_536), 0x0c, 0, END, 0x00] }),
    expected: { ends: TRAP.outOfFuel },
  },
  {
    name: 'an input behind the memory',
    kernel: () => kernelOf({ alloc: constant(-2) }),
    expected: { ends: TRAP.kernelError },
  },
  {
    name: 'no place for the input',
    kernel: () => kernelOf({ alloc: constant(0) }),
    expected: { ends: TRAP.kernelError },
  },
  {
    name: 'an output of four gigabytes',
    kernel: () => kernelOf({ outLength: constant(-1) }),
    expected: { ends: TRAP.outputTooLarge },
  },
  {
    name: 'an output behind the memory',
    kernel: () => kernelOf({ outLength: constant(64), outPointer: constant(-32) }),
    expected: { ends: TRAP.kernelError },
  },
  // Modules that cost something before they run.
  { name: '49,000 locals', kernel: () => kernelOf({ initLocals: 49_000 }), expected: { ends: TRAP.trap } },
  {
    name: 'as many exports as are allowed',
    kernel: () => kernelOf({ extra: repeated(7, 9_993, (i) => exportOf(i)) }),
    expected: { ends: TRAP.none },
  },
  { name: '3,000 functions of different types', kernel: () => differentTypes(3_000), expected: { ends: TRAP.none } },
  {
    name: '90,000 tables',
    kernel: () => kernelOf({ extra: repeated(4, 90_000, () => [0x70, 0, 1]) }),
    expected: { refused: 'too-large' },
  },
  {
    name: '100,000 exports',
    kernel: () => kernelOf({ extra: repeated(7, 99_990, (i) => exportOf(i)) }),
    expected: { refused: 'too-large' },
  },
  {
    name: 'functions of 1,000 nested loops, each left at its head',
    kernel: () => kernelOf({ functions: new Array<Uint8Array>(3).fill(nestedLoops(1_000, 55_000)) }),
    expected: { ends: TRAP.none },
  },
  {
    name: 'calls with 900 parameters, where nothing runs',
    kernel: () => manyValues((type) => body(concat([0x00], times(20_000, [0x10, ...unsigned(type)]), [0x00]))),
    expected: { refused: 'too-large' },
  },
  {
    name: 'conditions that hand on 900 values, where nothing runs',
    kernel: () => manyValues(() => body(concat([0x00], times(20_000, [0x04, TYPES.length, END]), [0x00]))),
    expected: { refused: 'too-large' },
  },
  {
    name: 'branches to 900 labels with 900 values each',
    kernel: () => manyValues(() => body(wideBranches(900, 40))),
    expected: { refused: 'too-large' },
  },
  {
    name: '1,000 functions of 49,000 locals',
    kernel: () => kernelOf({ functions: new Array<Uint8Array>(1_000).fill(body(constant(0), 49_000)) }),
    expected: { refused: 'too-many-locals' },
  },
  {
    name: 'a branch with 60,000 labels',
    kernel: () => kernelOf({ functions: [wideBranch(60_000)] }),
    expected: { ends: TRAP.none },
  },
  { name: 'code that takes an optimiser long', kernel: () => manyPhis(), expected: { ends: TRAP.none } },
];

function concat(...parts: readonly (Code | Uint8Array)[]): Uint8Array {
  const out = new ByteWriter();
  for (const part of parts) out.append(Uint8Array.from(part));
  return out.finish();
}

/** Begins like a module, and is of that size. */
function oversized(byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  bytes.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  return bytes;
}

function exportOf(index: number): Code {
  return [...new ByteWriter().name(index.toString(36)).finish(), 0, 0];
}

/** A function of type () -> (), which a start function must be. */
function withStart(section: number): Section | undefined {
  if (section === 3) return { count: 1, items: new ByteWriter().byte(2) };
  const bytes = body(LOOP_FOREVER);
  return section === 10 ? { count: 1, items: new ByteWriter().u32(bytes.length).append(bytes) } : undefined;
}

/** Each function gives other results, and its body is a block of that type. */
function differentTypes(count: number): Uint8Array {
  const resultsOf = (index: number): Code => Array.from({ length: 15 }, (_, bit) => I32 - ((index >> bit) & 1));
  return kernelOf({
    extra: (section) => {
      const items = new ByteWriter(count * 24);
      for (let i = 0; i < count; i++) {
        if (section === 1) items.put(0x60, 0, 15, ...resultsOf(i));
        else if (section === 3) items.u32(TYPES.length + i);
        else if (section === 10) {
          const bytes = body(resultsOf(i).flatMap((type) => (type === I32 ? [0x41, 0] : [0x42, 0])));
          items.u32(bytes.length).append(bytes);
        } else return undefined;
      }
      return { count, items };
    },
  });
}

/** Each loop is left by a branch at its head, and its end leads to its head. The innermost has a call and many branches. */
function nestedLoops(depth: number, branches: number): Uint8Array {
  const exit: Code = [...constant(0), 0x0d, 1];
  return body(
    concat(
      times(depth / 2, [0x02, 0x40, 0x03, 0x40, ...exit]),
      times(branches, [0x20, 0, 0x0d, 0]),
      [0x10, 0, 0x1a],
      times(depth / 2, [0x0c, 0, END, END]),
      constant(0),
    ),
    1,
  );
}

/** One function like that, another that takes and gives 900 values of type `TYPES.length`, and its index is handed in. */
function manyValues(other: (index: number) => Uint8Array): Uint8Array {
  const values = new Array<number>(900).fill(I32);
  const index = ABI.length + 1;
  return kernelOf({
    functions: [other(index)],
    extra: (section) => {
      if (section === 1) {
        return {
          count: 1,
          items: new ByteWriter().put(0x60, ...unsigned(900), ...values, ...unsigned(900), ...values),
        };
      }
      if (section === 3) return { count: 1, items: new ByteWriter().u32(TYPES.length) };
      const bytes = body([0x00]);
      return section === 10 ? { count: 1, items: new ByteWriter().u32(bytes.length).append(bytes) } : undefined;
    },
  });
}

/** Blocks in each other, and branches that may lead to each of them. */
function wideBranches(depth: number, branches: number): Uint8Array {
  const labels = concat(...Array.from({ length: depth }, (_, label) => unsigned(label)));
  const branch = concat([0x0e], unsigned(depth - 1), labels);
  return concat(
    [0x00],
    times(depth, [0x02, TYPES.length]),
    [0x00],
    ...new Array<Uint8Array>(branches).fill(branch),
    times(depth, [END]),
    [0x00],
  );
}

function wideBranch(labels: number): Uint8Array {
  return body(
    concat([0x02, 0x40], constant(0), [0x0e, ...unsigned(labels)], times(labels + 1, [0]), [END], constant(0)),
  );
}

/** Many locals that change in many loops: each loop joins all of them. */
function manyPhis(): Uint8Array {
  const locals = 400;
  const parts: Uint8Array[] = [];
  for (let i = 0; i < 3_000; i++) {
    const local = unsigned(i % locals);
    parts.push(Uint8Array.from([0x03, 0x40, 0x20, ...local, 0x41, 1, 0x6a, 0x21, ...local, 0x41, 0, 0x0d, 0, END]));
  }
  const whole = body(concat(...parts, constant(0)), locals);
  return kernelOf({ functions: new Array<Uint8Array>(20).fill(whole) });
}
