/**
 * Random valid modules with control flow, memory, calls, tables, globals, vectors and floats that become NaN. A seed
 * gives a module; the same seed with `canonical` gives the same module with every NaN made canonical right where it is
 * made, by plain instructions: what the metered module has to compute, from an engine that knows nothing of metering.
 *
 * A module exports `run(i32, i64) -> i64`, `memory`, and `dump`, which writes all globals to the beginning of memory.
 * It ends by itself: every call and every round of a loop takes one from a global, and traps or leaves at zero.
 */
import { leb, name, one, section, signed, sized, vector } from './encode.ts';
import { F32, F64, I32, I64, LOADS, type NanShape, OPERATORS, STORES, V128, type ValueType } from './operators.ts';
import { Random } from './random.ts';

const TYPES: readonly ValueType[] = [I32, I64, F32, F64, V128];
const TABLE_SIZE = 8;
const SEGMENT_BYTES = 48;
/** Rounds and calls. Even with all locals a function may have here it stays within the stack limit. */
const BUDGET = 150;

interface Signature {
  readonly takes: readonly ValueType[];
  readonly gives: readonly ValueType[];
}

interface Label {
  readonly types: readonly ValueType[];
  readonly isLoop: boolean;
}

export interface GeneratorOptions {
  readonly seed: number;
  /** The reference: NaNs are canonical by construction. */
  readonly canonical: boolean;
}

/** Steps of a generated kernel: each calls `run`, the last one `dump`. */
export const KERNEL_STEPS = 5;

export function generateModule({ seed, canonical }: GeneratorOptions): Uint8Array<ArrayBuffer> {
  return new Generator(new Random(seed), canonical, false).module();
}

/**
 * The module as a kernel: each step but the last calls `run` with a full budget, and the output is all of memory, into
 * which the last step dumps all globals. Table and segments stay as they are, so that memory and globals are the whole state.
 */
export function generateKernel(seed: number): Uint8Array<ArrayBuffer> {
  return new Generator(new Random(seed), false, true).module();
}

class Generator {
  readonly #random: Random;
  readonly #canonical: boolean;
  readonly #isKernel: boolean;
  readonly #signatures: Signature[];
  /** Signature index of each function; the last two are `run` and `dump`. */
  readonly #functions: number[];
  readonly #globals: readonly ValueType[];
  /** Of the function being made. */
  #locals: ValueType[] = [];
  #gives: readonly ValueType[] = [];
  #labels: Label[] = [];
  #code: number[] = [];
  #size = 0;
  /** First of the three locals that the reference needs. */
  #spare = 0;

  constructor(random: Random, canonical: boolean, isKernel: boolean) {
    this.#random = random;
    this.#canonical = canonical;
    this.#isKernel = isKernel;
    const some = (): ValueType[] => Array.from({ length: random.below(4) }, () => random.pick(TYPES));
    const drawn = Array.from({ length: 3 }, () => ({ takes: some(), gives: some().slice(0, 3) }));
    const run: Signature = { takes: [I32, I64], gives: [I64] };
    this.#signatures = [run, { takes: [], gives: [] }, { takes: [I32], gives: [I32] }, ...drawn];
    const count = 2 + random.below(3);
    const inner = Array.from({ length: count }, () => random.below(this.#signatures.length));
    this.#functions = [...inner, 0, 1];
    // The budget first; then a few of every type.
    this.#globals = [I32, I32, I64, F32, F64, V128, ...some()];
  }

  module(): Uint8Array<ArrayBuffer> {
    const random = this.#random;
    const run = this.#functions.length - 2;
    const kernel = this.#isKernel ? this.#kernelFunctions(run) : [];
    const signature = ({ takes, gives }: Signature) => [0x60, ...vector(takes.map(one)), ...vector(gives.map(one))];
    const bodies = this.#functions.map((_, index) => (index === run + 1 ? this.#dump() : this.#body(index)));
    const globals = this.#globals.map((type, i) => [type, 1, ...this.#constantFor(type, i === 0 ? BUDGET : 0), 0x0b]);
    if (this.#isKernel) globals.push([I32, 1, 0x41, 0, 0x0b], [I64, 1, 0x42, 0, 0x0b]);
    const inTable = Array.from({ length: TABLE_SIZE - 2 }, () => leb(random.below(this.#functions.length - 1)));
    const passive = Array.from({ length: 4 }, () => leb(random.below(this.#functions.length - 1)));
    const bytes = Array.from({ length: SEGMENT_BYTES }, () => random.below(256));
    return Uint8Array.from(
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(
        section(1, vector(this.#signatures.map(signature))),
        section(3, vector([...this.#functions, ...kernel.map(({ type }) => type)].map(leb))),
        section(4, vector([[0x70, 1, TABLE_SIZE, TABLE_SIZE]])),
        section(5, vector([[1, 1, 3]])),
        section(6, vector(globals)),
        section(
          7,
          vector([
            [...name('memory'), 2, 0],
            [...name('run'), 0, ...leb(run)],
            [...name('dump'), 0, ...leb(run + 1)],
            ...kernel.map((item, i) => [...name(item.name), 0, ...leb(run + 2 + i)]),
          ]),
        ),
        section(
          9,
          vector([
            [0, 0x41, 0, 0x0b, ...vector(inTable)],
            [1, 0, ...vector(passive)],
          ]),
        ),
        section(12, [2]),
        section(10, vector([...bodies, ...kernel.map(({ body }) => body)])),
        section(
          11,
          vector([
            [0, 0x41, 0x10, 0x0b, ...vector(bytes.map(one))],
            [1, ...vector(bytes.map(one))],
          ]),
        ),
      ),
    );
  }

  /** What makes a kernel of it, behind `run` and `dump`, with two globals of its own: steps left, and the last result. */
  #kernelFunctions(run: number): readonly { readonly name: string; readonly type: number; readonly body: number[] }[] {
    const [left, result] = [leb(this.#globals.length), leb(this.#globals.length + 1)];
    const toI32 = this.#signature({ takes: [], gives: [I32] });
    const i32ToI32 = this.#signature({ takes: [I32], gives: [I32] });
    const made = (title: string, type: number, code: readonly number[]) => {
      return { name: `shoal_${title}`, type, body: sized([0, ...code, 0x0b]) };
    };
    const countDown = [0x23, ...left, 0x41, 1, 0x6b, 0x24, ...left, 0x23, ...left];
    const round = [
      0x41,
      ...signed(BUDGET),
      0x24,
      0,
      0x23,
      ...left,
      0x23,
      ...result,
      0x10,
      ...leb(run),
      0x24,
      ...result,
    ];
    const last = [0x10, ...leb(run + 1), 0x41, ...signed(16 * this.#globals.length), 0x23, ...result, 0x37, 3, 0];
    return [
      made('abi', toI32, [0x41, 1]),
      made('alloc', i32ToI32, [0x41, ...signed(4_096)]),
      made('init', toI32, [0x41, KERNEL_STEPS, 0x24, ...left, 0x41, KERNEL_STEPS]),
      made('step', i32ToI32, [...countDown, 0x04, 0x40, ...round, 0x05, ...last, 0x0b, 0x23, ...left]),
      made('out_ptr', toI32, [0x41, 0]),
      made('out_len', toI32, [0x3f, 0, 0x41, ...signed(65_536), 0x6c]),
    ];
  }

  #dump(): number[] {
    const stores = this.#globals.flatMap((type, index) => {
      const { code, alignment } = STORES.find((store) => store.type === type)!;
      return [0x41, ...signed(16 * index), 0x23, ...leb(index), ...code, alignment, 0];
    });
    return sized([0, ...stores, 0x0b]);
  }

  #body(index: number): number[] {
    const random = this.#random;
    const { takes, gives } = this.#signatures[this.#functions[index]!]!;
    // Now and then many locals, so that frames have very different sizes.
    const extra = Array.from({ length: random.chance(0.05) ? 60 : 2 + random.below(5) }, () => random.pick(TYPES));
    this.#locals = [...takes, ...extra];
    this.#spare = this.#locals.length;
    this.#gives = gives;
    this.#labels = [{ types: gives, isLoop: false }];
    this.#code = [];
    this.#size = 30 + random.below(120);
    // A leaf without the budget's trap may be called from anywhere; it has no loops and no calls then.
    this.#takeBudget();
    this.#code.push(0x04, 0x40, 0x00, 0x0b);
    this.#statements(3);
    for (const type of gives) this.#value(type, 4);
    const declared = [...extra, F32, F64, V128].map((type) => [1, type]);
    return sized([...vector(declared), ...this.#code, 0x0b]);
  }

  /** Leaves 1 when the budget is used up. */
  #takeBudget(): void {
    this.#code.push(0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x41, 0, 0x48);
  }

  #statements(depth: number): void {
    for (let count = 1 + this.#random.below(4); count > 0 && this.#size > 0; count--) this.#statement(depth);
  }

  #statement(depth: number): void {
    const random = this.#random;
    const code = this.#code;
    this.#size--;
    const kinds = depth > 0 ? 20 : 9;
    switch (random.below(kinds)) {
      case 0:
      case 1: {
        const local = random.below(this.#locals.length);
        this.#value(this.#locals[local]!, 4);
        code.push(0x21, ...leb(local));
        return;
      }
      case 2: {
        const global = 1 + random.below(this.#globals.length - 1);
        this.#value(this.#globals[global]!, 3);
        code.push(0x24, ...leb(global));
        return;
      }
      case 3:
      case 4:
        this.#store();
        return;
      case 5:
        this.#value(random.pick(TYPES), 3);
        code.push(0x1a);
        return;
      case 6:
        this.#call(random.below(this.#functions.length - 2), undefined);
        return;
      case 7:
        this.#bulk();
        return;
      case 8:
        this.#branchIf();
        return;
      case 9:
      case 10:
      case 11:
        this.#if(depth);
        return;
      case 12:
      case 13:
        this.#inside(0x02, [], [], () => this.#statements(depth - 1));
        return;
      case 14:
      case 15:
      case 16:
        this.#loop(depth);
        return;
      case 17:
        this.#table(depth);
        return;
      case 18:
        this.#if(depth, () => this.#leave());
        return;
      case 19:
        this.#withParameters(depth);
        return;
    }
  }

  #store(): void {
    const random = this.#random;
    const { code, type, alignment } = random.pick(STORES);
    this.#address();
    this.#value(type, 3);
    this.#code.push(...code, random.below(alignment + 1), ...leb(random.below(64)));
  }

  /** Mostly within the first page. */
  #address(): void {
    this.#value(I32, 2);
    if (!this.#random.chance(0.02)) this.#code.push(0x41, ...signed(0xfff), 0x71);
  }

  #bulk(): void {
    const random = this.#random;
    const code = this.#code;
    const small = (): void => {
      this.#value(I32, 1);
      code.push(0x41, ...signed(random.chance(0.05) ? 0x3ff : 0x0f), 0x71);
    };
    switch (random.below(7)) {
      case 0:
        this.#address();
        this.#value(I32, 1);
        small();
        code.push(0xfc, 11, 0);
        return;
      case 1:
        this.#address();
        this.#address();
        small();
        code.push(0xfc, 10, 0, 0);
        return;
      case 2:
        this.#address();
        code.push(0x41, 0);
        small();
        code.push(0xfc, 8, 1, 0);
        return;
      case 3:
        this.#hidden([0x41, random.below(6), 0x41, random.below(6), 0x41, random.below(3), 0xfc, 14, 0, 0]);
        return;
      case 4:
        this.#hidden([0x41, random.below(6), 0x41, random.below(3), 0x41, random.below(3), 0xfc, 12, 1, 0]);
        return;
      case 5:
        this.#hidden(random.pick([[0x01], [0x01], [0x01], [0xfc, 9, 1], [0xfc, 13, 1]]));
        return;
      case 6:
        this.#value(I32, 1);
        code.push(0x41, 1, 0x71, 0x40, 0, 0x1a);
        return;
    }
  }

  /** Changes the table, or drops a segment. */
  #hidden(code: readonly number[]): void {
    if (!this.#isKernel) this.#code.push(...code);
  }

  /** br_if with the values its label wants. */
  #branchIf(): void {
    const depth = this.#random.below(this.#labels.length);
    const { types, isLoop } = this.#labels[this.#labels.length - 1 - depth]!;
    for (const type of types) this.#value(type, 2);
    if (isLoop) {
      // Going round again costs budget.
      this.#takeBudget();
      this.#code.push(0x45);
      this.#value(I32, 2);
      this.#code.push(0x71);
    } else this.#value(I32, 2);
    this.#code.push(0x0d, ...leb(depth));
    for (let i = 0; i < types.length; i++) this.#code.push(0x1a);
  }

  #if(depth: number, then = () => this.#statements(depth - 1)): void {
    this.#value(I32, 3);
    this.#code.push(0x04, 0x40);
    this.#labels.push({ types: [], isLoop: false });
    then();
    if (this.#random.chance(0.5)) {
      this.#code.push(0x05);
      this.#statements(depth - 1);
    }
    this.#labels.pop();
    this.#code.push(0x0b);
  }

  #inside(opcode: number, takes: readonly ValueType[], gives: readonly ValueType[], body: () => void): void {
    this.#code.push(opcode, ...this.#blockType(takes, gives));
    this.#labels.push({ types: opcode === 0x03 ? takes : gives, isLoop: opcode === 0x03 });
    body();
    this.#labels.pop();
    this.#code.push(0x0b);
  }

  #blockType(takes: readonly ValueType[], gives: readonly ValueType[]): number[] {
    if (takes.length === 0 && gives.length === 0) return [0x40];
    if (takes.length === 0 && gives.length === 1) return [gives[0]!];
    return signed(this.#signature({ takes, gives }));
  }

  #signature(wanted: Signature): number {
    const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();
    const found = this.#signatures.findIndex(
      (item) => same(item.takes, wanted.takes) && same(item.gives, wanted.gives),
    );
    return found >= 0 ? found : this.#signatures.push(wanted) - 1;
  }

  #loop(depth: number): void {
    const rotated = this.#random.chance(0.5);
    this.#inside(0x02, [], [], () =>
      this.#inside(0x03, [], [], () => {
        if (rotated) {
          this.#takeBudget();
          this.#code.push(0x0d, 1);
        }
        this.#statements(depth - 1);
        if (rotated && this.#random.chance(0.5)) {
          this.#value(I32, 2);
          this.#code.push(0x45, 0x0d, 1, 0x0c, 0);
          return;
        }
        this.#takeBudget();
        this.#code.push(0x45);
        this.#value(I32, 2);
        this.#code.push(0x71, 0x0d, 0);
      }),
    );
  }

  /** Three blocks and a br_table, which may also leave further out. */
  #table(depth: number): void {
    this.#inside(0x02, [], [], () =>
      this.#inside(0x02, [], [], () => {
        this.#inside(0x02, [], [], () => {
          this.#value(I32, 3);
          const targets = [0, 1, 2].map(() => this.#random.below(3));
          const last = this.#labels.findLastIndex((label) => label.types.length === 0 && !label.isLoop);
          const away = last < 0 ? 0 : this.#labels.length - 1 - last;
          this.#code.push(0x0e, ...vector(targets.map(leb)), ...leb(this.#random.chance(0.5) ? away : 0));
          // Dead code, with operands out of nowhere.
          if (this.#random.chance(0.3)) this.#code.push(0x6a, 0x1a, 0x02, 0x40, 0x0b);
        });
        this.#statements(depth - 1);
        if (this.#random.chance(0.5)) this.#code.push(0x0c, 1);
      }),
    );
  }

  /** Always leaves the function or some blocks. */
  #leave(): void {
    const random = this.#random;
    if (random.chance(0.05)) {
      this.#code.push(0x00);
      return;
    }
    const depth = random.below(this.#labels.length);
    const { types, isLoop } = this.#labels[this.#labels.length - 1 - depth]!;
    if (isLoop || random.chance(0.3)) {
      for (const type of this.#gives) this.#value(type, 2);
      this.#code.push(0x0f);
      return;
    }
    for (const type of types) this.#value(type, 2);
    this.#code.push(0x0c, ...leb(depth));
  }

  /** A block, loop or if that takes and gives values. */
  #withParameters(depth: number): void {
    const random = this.#random;
    const takes = Array.from({ length: 1 + random.below(3) }, () => random.pick(TYPES));
    for (const type of takes) this.#value(type, 2);
    const passOn = (): void => {
      const kept = takes.map((type) => this.#localOf(type));
      if (kept.every((local) => local !== undefined)) {
        for (const local of [...kept].reverse()) this.#code.push(0x21, ...leb(local!));
        this.#statements(depth - 1);
        for (const local of kept) this.#code.push(0x20, ...leb(local!));
      }
    };
    if (random.chance(0.3)) {
      this.#value(I32, 2);
      this.#inside(0x04, takes, takes, passOn);
    } else if (random.chance(0.5)) {
      this.#inside(0x03, takes, takes, passOn);
    } else this.#inside(0x02, takes, takes, passOn);
    for (let i = 0; i < takes.length; i++) this.#code.push(0x1a);
  }

  #localOf(type: ValueType): number | undefined {
    const found = this.#locals.flatMap((local, index) => (local === type ? [index] : []));
    return found.length === 0 ? undefined : this.#random.pick(found);
  }

  /** Calls and drops the results, or keeps the one of type `wanted`. */
  #call(target: number, wanted: ValueType | undefined): void {
    const random = this.#random;
    const type = this.#functions[target]!;
    const { takes, gives } = this.#signatures[type]!;
    for (const parameter of takes) this.#value(parameter, 2);
    if (random.chance(0.1)) {
      this.#code.push(0x41, ...signed(random.below(TABLE_SIZE)), 0x11, ...leb(type), 0);
    } else this.#code.push(0x10, ...leb(target));
    for (let i = gives.length - 1; i >= (wanted === undefined ? 0 : 1); i--) this.#code.push(0x1a);
  }

  #value(type: ValueType, depth: number): void {
    const random = this.#random;
    const code = this.#code;
    this.#size--;
    if (depth <= 0 || this.#size < 0) {
      const local = random.chance(0.6) ? this.#localOf(type) : undefined;
      if (local === undefined) code.push(...this.#constantFor(type));
      else code.push(0x20, ...leb(local));
      return;
    }
    switch (random.below(16)) {
      case 0:
        code.push(...this.#constantFor(type));
        return;
      case 1:
      case 2: {
        const local = this.#localOf(type);
        if (local === undefined) break;
        code.push(0x20, ...leb(local));
        return;
      }
      case 3: {
        const local = this.#localOf(type);
        if (local === undefined) break;
        this.#value(type, depth - 1);
        code.push(0x22, ...leb(local));
        return;
      }
      case 4: {
        const found = this.#globals.flatMap((global, index) => (global === type && index > 0 ? [index] : []));
        code.push(0x23, ...leb(random.pick(found)));
        return;
      }
      case 5: {
        const { code: load, alignment } = random.pick(LOADS.filter((item) => item.type === type));
        this.#address();
        code.push(...load, random.below(alignment + 1), ...leb(random.below(64)));
        return;
      }
      case 6:
        this.#value(type, depth - 1);
        this.#value(type, depth - 1);
        this.#value(I32, depth - 1);
        if (random.chance(0.5)) code.push(0x1c, 1, type);
        else code.push(0x1b);
        return;
      case 7:
        this.#value(I32, depth - 1);
        this.#inside(0x04, [], [type], () => {
          this.#value(type, depth - 1);
          code.push(0x05);
          this.#value(type, depth - 1);
        });
        return;
      case 8:
        this.#inside(0x02, [], [type], () => {
          this.#value(type, depth - 1);
          this.#value(I32, depth - 1);
          code.push(0x0d, 0, 0x1a);
          this.#value(type, depth - 1);
        });
        return;
      case 9: {
        const found = this.#functions.flatMap((signature, index) => {
          const { gives } = this.#signatures[signature]!;
          return index < this.#functions.length - 2 && gives[0] === type ? [index] : [];
        });
        if (found.length === 0) break;
        this.#call(random.pick(found), type);
        return;
      }
      default:
    }
    this.#operate(type, depth);
  }

  #operate(type: ValueType, depth: number): void {
    const random = this.#random;
    let operator = random.pick(OPERATORS.get(type)!);
    // Most programs should run on.
    while (operator.traps === true && random.chance(0.8)) operator = random.pick(OPERATORS.get(type)!);
    for (const operand of operator.takes) this.#value(operand, depth - 1);
    this.#code.push(...operator.code);
    if (operator.lanes !== undefined) this.#code.push(random.below(operator.lanes));
    if (this.#canonical && operator.makesNan !== undefined) this.#makeCanonical(operator.makesNan);
  }

  #makeCanonical(shape: NanShape): void {
    const [nan, equal, choose] = CANONICAL[shape];
    const local = leb(this.#spare + { f32: 0, f64: 1, f32x4: 2, f64x2: 2 }[shape]);
    this.#code.push(0x21, ...local, 0x20, ...local, ...nan, 0x20, ...local, 0x20, ...local, ...equal, ...choose);
  }

  #constantFor(type: ValueType, given = 0): number[] {
    const random = this.#random;
    switch (type) {
      case I32: {
        const value = random.pick([0, 1, 2, 3, 7, -1, 100, 0x7fffffff, -0x80000000, random.u32() | 0]);
        return [0x41, ...signed(given === 0 ? value : given)];
      }
      case I64:
        return [0x42, ...signed(random.pick([0, 1, -1, 5, 2 ** 40, -(2 ** 50), random.u32()]))];
      case F32:
        return [0x43, ...random.pick(F32_CONSTANTS)];
      case F64:
        return [0x44, ...random.pick(F64_CONSTANTS)];
      case V128:
        return [0xfd, 12, ...Array.from({ length: 2 }, () => random.pick(LANE_CONSTANTS)).flat()];
    }
  }
}

const NAN32 = [0, 0, 0xc0, 0x7f];
const NAN64 = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/** The canonical NaN, the comparison that is false only for a NaN, and the choice by it. */
const CANONICAL: Readonly<Record<NanShape, readonly [readonly number[], readonly number[], readonly number[]]>> = {
  f32: [[0x43, ...NAN32], [0x5b], [0x1b]],
  f64: [[0x44, ...NAN64], [0x61], [0x1b]],
  f32x4: [
    [0xfd, 12, ...NAN32, ...NAN32, ...NAN32, ...NAN32],
    [0xfd, 65],
    [0xfd, 82],
  ],
  f64x2: [
    [0xfd, 12, ...NAN64, ...NAN64],
    [0xfd, 71],
    [0xfd, 82],
  ],
};

/** Zeros, infinities and the like make NaNs; those with a payload are there from the beginning. */
const NUMBERS = [0, -0, 1, -1.5, 3, 1e30, -1e-30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const F32_CONSTANTS = [
  ...NUMBERS.map((value) => [...new Uint8Array(Float32Array.of(value).buffer)]),
  [1, 2, 0xb0, 0xff],
];
const F64_CONSTANTS = [
  ...NUMBERS.map((value) => [...new Uint8Array(Float64Array.of(value).buffer)]),
  [1, 2, 3, 4, 5, 6, 0xf4, 0xff],
];
const LANE_CONSTANTS = [
  ...F64_CONSTANTS,
  ...F32_CONSTANTS.map((lane) => [...lane, ...lane]),
  [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
  [1, 2, 3, 4, 5, 6, 7, 8],
];
