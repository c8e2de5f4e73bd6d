/**
 * What running costs: fuel by class of instruction. A table that has been used by a job never changes: a job names its
 * version, and every replica counts with that table, so a new one is added beside it. One unit of fuel is meant to be a
 * tenth of a nanosecond of an ordinary core; `docs/decisions/0009-weights.md` says how the numbers were found.
 */

/** Instructions that take about the same time. `instructions.ts` says which one belongs where. */
export const COST_CLASSES = [
  'structure',
  'operand',
  'local-write',
  'branch',
  'branch-table',
  'call',
  'call-indirect',
  'select',
  'global',
  'load',
  'store',
  'memory-size',
  'memory-grow',
  'integer',
  'bit-count',
  'multiply',
  'divide-32',
  'divide-64',
  'float',
  'float-comparison',
  'float-minimum',
  'float-rounding',
  'float-division',
  'float-root',
  'integer-to-float',
  'float-to-integer',
  'float-width',
  'reinterpret',
  'bulk',
  'simd-load',
  'simd-load-lane',
  'simd-store',
  'simd-constant',
  'simd-shuffle',
  'simd-lane',
  'simd-test',
  'simd-integer',
  'simd-multiply',
  'simd-emulated',
  'simd-float',
  'simd-float-minimum',
  'simd-float-rounding',
  'simd-float-division',
  'simd-float-root',
  'simd-conversion',
] as const;
export type CostClass = (typeof COST_CLASSES)[number];

/** Whole numbers. Everything that runs costs something, except `structure`, which no engine makes code of. */
export interface Weights {
  readonly classes: Readonly<Record<CostClass, number>>;
  /** Charged by the first block of every function. */
  readonly functionEntry: number;
  /** Declared locals per unit of fuel: they are set to zero on every call. */
  readonly localsPerFuel: number;
  /** memory.copy, memory.fill, memory.init: this many bytes a unit of fuel, rounded up. */
  readonly bulkBytesPerFuel: number;
  /** table.copy, table.init: fuel per element. */
  readonly tableElement: number;
  /** memory.grow: fuel per page, charged only when the limit allows the growth. */
  readonly page: number;
}

/** Guessed, not measured. */
const VERSION_1: Weights = {
  classes: {
    structure: 0,
    operand: 1,
    'local-write': 1,
    branch: 1,
    'branch-table': 3,
    call: 4,
    'call-indirect': 8,
    select: 1,
    global: 1,
    load: 2,
    store: 2,
    'memory-size': 1,
    'memory-grow': 16,
    integer: 1,
    'bit-count': 1,
    multiply: 2,
    'divide-32': 8,
    'divide-64': 12,
    float: 1,
    'float-comparison': 1,
    'float-minimum': 1,
    'float-rounding': 1,
    'float-division': 4,
    'float-root': 6,
    'integer-to-float': 1,
    'float-to-integer': 2,
    'float-width': 1,
    reinterpret: 1,
    bulk: 8,
    'simd-load': 2,
    'simd-load-lane': 2,
    'simd-store': 2,
    'simd-constant': 2,
    'simd-shuffle': 2,
    'simd-lane': 2,
    'simd-test': 2,
    'simd-integer': 2,
    'simd-multiply': 2,
    'simd-emulated': 2,
    'simd-float': 2,
    'simd-float-minimum': 2,
    'simd-float-rounding': 2,
    'simd-float-division': 8,
    'simd-float-root': 8,
    'simd-conversion': 2,
  },
  functionEntry: 2,
  localsPerFuel: 4,
  bulkBytesPerFuel: 8,
  tableElement: 2,
  page: 4_096,
};

/** Fitted to measured time. */
const VERSION_2: Weights = {
  classes: {
    structure: 0,
    operand: 1,
    'local-write': 1,
    branch: 2,
    'branch-table': 2,
    call: 24,
    'call-indirect': 24,
    select: 3,
    global: 1,
    load: 1,
    store: 1,
    'memory-size': 1,
    'memory-grow': 12_000,
    integer: 1,
    'bit-count': 4,
    multiply: 5,
    'divide-32': 47,
    'divide-64': 31,
    float: 3,
    'float-comparison': 1,
    'float-minimum': 1,
    'float-rounding': 5,
    'float-division': 17,
    'float-root': 28,
    'integer-to-float': 1,
    'float-to-integer': 5,
    'float-width': 5,
    reinterpret: 5,
    bulk: 77,
    'simd-load': 1,
    'simd-load-lane': 5,
    'simd-store': 1,
    'simd-constant': 2,
    'simd-shuffle': 4,
    'simd-lane': 6,
    'simd-test': 1,
    'simd-integer': 2,
    'simd-multiply': 12,
    'simd-emulated': 19,
    'simd-float': 4,
    'simd-float-minimum': 16,
    'simd-float-rounding': 11,
    'simd-float-division': 23,
    'simd-float-root': 25,
    'simd-conversion': 8,
  },
  functionEntry: 4,
  localsPerFuel: 1,
  bulkBytesPerFuel: 1,
  tableElement: 200,
  // A unit a byte, as for filling it: how dear a fresh page is, is the system's business.
  page: 65_536,
};

const TABLES: ReadonlyMap<number, Weights> = new Map([
  [1, VERSION_1],
  [2, VERSION_2],
]);

/** The table of new jobs. */
export const WEIGHTS_VERSION = 2;

/** Undefined for a version that is not known here. */
export function weightsOf(version: number): Weights | undefined {
  return TABLES.get(version);
}
