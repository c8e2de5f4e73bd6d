/** From the time of the small generated programs to what a weight may be. */
import { COSTS, type Cost } from './counts.ts';
import { FUEL_PER_NS, type Plausible } from './fit.ts';
import type { Form, Micro } from './micro.ts';

export interface MicroTime {
  readonly form: Form;
  readonly micro: Micro;
  /** Of one round. */
  readonly ns: number;
}

/** Of one instruction, in nanoseconds: the fastest and the slowest of the programs of its class, and their mean. */
export interface Measured {
  readonly least: number;
  readonly most: number;
  readonly mean: number;
}

/** Less than this nothing is said to take. */
const LEAST_NS = 1 / FUEL_PER_NS;
/** A weight may be this much outside what was measured: a real program mixes instructions. */
const MARGIN = 1.1;

/** What optimised code has no instruction for, or what is not measured apart: at its least, or what is sensible. */
const GIVEN: Readonly<Partial<Record<Cost, Plausible>>> = {
  structure: { least: 0, most: 0, likely: 0 },
  operand: { least: 1, most: 2, likely: 1 },
  'local-write': { least: 1, most: 2, likely: 1 },
  'function-entry': { least: 2, most: 4, likely: 2 },
  // What a page costs is the system's business, not the engine's: a unit a byte, as for filling it.
  page: { least: 65_536, most: 65_536, likely: 65_536 },
};
/** The kernels hardly use these, so their weight is what was measured. */
const NOT_FITTED: ReadonlySet<Cost> = new Set(['bulk', 'bulk-byte', 'table-element', 'memory-grow']);

export function measuredCosts(times: readonly MicroTime[]): ReadonlyMap<Cost, Measured> {
  const values = new Map<Cost, { readonly form: Form; readonly ns: number }[]>();
  // First what is measured alone, since the others contain some of it.
  const alone = (time: MicroTime): number => (Object.keys(time.micro.beside).length === 0 ? 0 : 1);
  for (const { form, micro, ns } of [...times].sort((a, b) => alone(a) - alone(b))) {
    let rest = ns;
    for (const [cost, count] of Object.entries(micro.beside) as [Cost, number][]) {
      const known = values.get(cost) ?? [];
      const same = known.filter((value) => value.form === form || form === 'loop');
      if (same.length > 0) rest -= Math.min(...same.map((value) => value.ns)) * count;
    }
    const list = values.get(micro.cost) ?? [];
    values.set(micro.cost, list);
    list.push({ form, ns: Math.max(LEAST_NS, rest / micro.times) });
  }
  return new Map(
    [...values].map(([cost, list]) => {
      const each = list.map((value) => value.ns);
      const mean = Math.exp(each.reduce((sum, ns) => sum + Math.log(ns), 0) / each.length);
      return [cost, { least: Math.min(...each), most: Math.max(...each), mean }];
    }),
  );
}

/** Throws where a class has no program. */
export function plausibleCosts(measured: ReadonlyMap<Cost, Measured>): Readonly<Record<Cost, Plausible>> {
  const entries = COSTS.map((cost): readonly [Cost, Plausible] => {
    const given = GIVEN[cost];
    if (given !== undefined) return [cost, given];
    const found = measured.get(cost);
    if (found === undefined) throw new Error(`no program of micro.ts measures the cost of ${cost}`);
    if (cost === 'bulk-byte') {
      // A table says how many bytes a unit of fuel moves, a whole number.
      const perByte = 1 / Math.max(1, Math.round(1 / (found.mean * FUEL_PER_NS)));
      return [cost, { least: perByte, most: perByte, likely: perByte }];
    }
    const likely = Math.max(1, Math.round(found.mean * FUEL_PER_NS));
    if (NOT_FITTED.has(cost)) return [cost, { least: likely, most: likely, likely }];
    const least = Math.max(1, Math.floor((found.least * FUEL_PER_NS) / MARGIN));
    return [cost, { least, most: Math.max(likely, Math.ceil(found.most * FUEL_PER_NS * MARGIN)), likely }];
  });
  return Object.fromEntries(entries) as Record<Cost, Plausible>;
}
