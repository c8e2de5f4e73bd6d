/**
 * Random valid modules with control flow, memory, calls, tables, globals, vectors and floats that become NaN. A seed
 * gives a module; the same seed with `canonical` gives the same module with every NaN made canonical right where it is
 * made, by plain instructions: what the metered module has to compute, from an engine that knows nothing of metering.
 *
 * A module exports `run(i32, i64) -> i64`, `memory`, and `dump`, which writes all globals to the beginning of memory.
 * It ends by itself: every call and every round of a loop takes one from a global, and traps or leaves at zero.
 */
import { Body, Shape, type Signature, TABLE_SIZE, TYPES } from './body.ts';
import { constantFor } from './constants.ts';
import { leb, name, one, section, signed, sized, vector } from './encode.ts';
import { kernelFunctions } from './kernel-functions.ts';
import { F32, F64, I32, I64, STORES, V128 } from './operators.ts';
import { Random } from './random.ts';
import { Statements } from './statements.ts';
import { Values } from './values.ts';

const SEGMENT_BYTES = 48;
/** Rounds and calls. Even with all locals a function may have here it stays within the stack limit. */
const BUDGET = 150;

export interface GeneratorOptions {
  readonly seed: number;
  /** The reference: NaNs are canonical by construction. */
  readonly canonical: boolean;
  /** Rounds and calls before it ends by itself; few unless it says something else. */
  readonly budget?: number;
}

export function generateModule({ seed, canonical, budget = BUDGET }: GeneratorOptions): Uint8Array<ArrayBuffer> {
  return generated(new Random(seed), canonical, false, budget);
}

/**
 * The module as a kernel: each step but the last calls `run` with a full budget, and the output is all of memory, into
 * which the last step dumps all globals. Table and segments stay as they are, so that memory and globals are the whole state.
 */
export function generateKernel(seed: number): Uint8Array<ArrayBuffer> {
  return generated(new Random(seed), false, true, BUDGET);
}

function generated(random: Random, canonical: boolean, isKernel: boolean, budget: number): Uint8Array<ArrayBuffer> {
  const shape = new Shape(random, canonical, isKernel);
  const run = shape.functions.length - 2;
  const kernel = isKernel ? kernelFunctions(shape, run, budget) : [];
  const signature = ({ takes, gives }: Signature) => [0x60, ...vector(takes.map(one)), ...vector(gives.map(one))];
  const bodies = shape.functions.map((_, index) => (index === run + 1 ? dump(shape) : body(random, shape, index)));
  const globals = shape.globals.map((type, i) => [type, 1, ...constantFor(random, type, i === 0 ? budget : 0), 0x0b]);
  if (isKernel) globals.push([I32, 1, 0x41, 0, 0x0b], [I64, 1, 0x42, 0, 0x0b]);
  const inTable = Array.from({ length: TABLE_SIZE - 2 }, () => leb(random.below(shape.functions.length - 1)));
  const passive = Array.from({ length: 4 }, () => leb(random.below(shape.functions.length - 1)));
  const bytes = Array.from({ length: SEGMENT_BYTES }, () => random.below(256));
  return Uint8Array.from(
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(
      section(1, vector(shape.signatures.map(signature))),
      section(3, vector([...shape.functions, ...kernel.map(({ type }) => type)].map(leb))),
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

/** Writes all globals to the beginning of memory. */
function dump(shape: Shape): number[] {
  const stores = shape.globals.flatMap((type, index) => {
    const { code, alignment } = STORES.find((store) => store.type === type)!;
    return [0x41, ...signed(16 * index), 0x23, ...leb(index), ...code, alignment, 0];
  });
  return sized([0, ...stores, 0x0b]);
}

function body(random: Random, shape: Shape, index: number): number[] {
  const signature = shape.signatures[shape.functions[index]!]!;
  // Now and then many locals, so that frames have very different sizes.
  const extra = Array.from({ length: random.chance(0.05) ? 60 : 2 + random.below(5) }, () => random.pick(TYPES));
  const made = new Body(random, shape, signature, extra, 30 + random.below(120));
  const values = new Values(made);
  // A leaf without the budget's trap may be called from anywhere; it has no loops and no calls then.
  made.takeBudget();
  made.code.push(0x04, 0x40, 0x00, 0x0b);
  new Statements(made, values).some(3);
  for (const type of signature.gives) values.of(type, 4);
  const declared = [...extra, F32, F64, V128].map((type) => [1, type]);
  return sized([...vector(declared), ...made.code, 0x0b]);
}
