/**
 * How often each class of cost occurs in one run of a program: the program is metered with a table in which only that
 * class costs something, and the fuel is the count. So the counting is the sandbox's own.
 */
import { meter } from '../../../node/sandbox/meter.ts';
import { COST_CLASSES, type CostClass, type Weights } from '../../../node/sandbox/weights.ts';
import { fuelOf, type Work } from './measure.ts';

/** What else a table prices. */
export const OTHER_COSTS = ['function-entry', 'bulk-byte', 'table-element', 'page'] as const;
export type Cost = CostClass | (typeof OTHER_COSTS)[number];
export const COSTS: readonly Cost[] = [...COST_CLASSES, ...OTHER_COSTS];

export type Counts = Readonly<Partial<Record<Cost, number>>>;

/** More bytes than any operation has. */
const NEVER = 2 ** 40;

function tableOf(cost: Cost | undefined): Weights {
  return {
    classes: Object.fromEntries(COST_CLASSES.map((name) => [name, name === cost ? 1 : 0])) as Weights['classes'],
    functionEntry: cost === 'function-entry' ? 1 : 0,
    localsPerFuel: Number.POSITIVE_INFINITY,
    bulkBytesPerFuel: cost === 'bulk-byte' ? 1 : NEVER,
    tableElement: cost === 'table-element' ? 1 : 0,
    page: cost === 'page' ? 1 : 0,
  };
}

export function countsOf(wasm: Uint8Array, memoryPagesMax: number, work: Work): Counts {
  const metered = (cost: Cost | undefined): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(meter(wasm, { memoryPagesMax, mode: 'merged', weights: tableOf(cost) }));
  const none = metered(undefined);
  // A bulk operation counts as one at least, whatever the table says.
  const rest = fuelOf(new WebAssembly.Module(none), work);
  const counts: Partial<Record<Cost, number>> = {};
  for (const cost of COSTS) {
    const bytes = metered(cost);
    if (Buffer.compare(bytes, none) === 0) continue;
    const count = fuelOf(new WebAssembly.Module(bytes), work) - (cost === 'bulk-byte' ? 0 : rest);
    if (count > 0) counts[cost] = count;
  }
  return counts;
}
