/** A job's units as cells of a grid. Where there are more units than a person can see, one cell stands for several. */
import type { JobView, UnitState } from '../../../node/protocol/view.ts';
import { count, UNIT_STATES } from './words.ts';

export interface Cell {
  readonly first: number;
  readonly last: number;
  /** Of several units the one that is least far, but a dispute always shows. */
  readonly state: UnitState;
  readonly text: string;
}

export const CELLS_MAX = 1_024;

const RANK = new Map(UNIT_STATES.map(({ state }, index) => [state, index]));
const NAME = new Map(UNIT_STATES.map(({ state, name }) => [state, name]));

export function cellsOf({ unitRows }: Pick<JobView, 'unitRows'>, cellsMax = CELLS_MAX): readonly Cell[] {
  const perCell = Math.max(1, Math.ceil(unitRows.length / cellsMax));
  const cells: Cell[] = [];
  for (let at = 0; at < unitRows.length; at += perCell) {
    const rows = unitRows.slice(at, at + perCell);
    const state = rows.some((row) => row.state === 'disputed')
      ? 'disputed'
      : rows.reduce((least, row) => (rank(row.state) < rank(least) ? row.state : least), rows[0]!.state);
    const [first, last] = [rows[0]!.unit, rows.at(-1)!.unit];
    const text = rows.length === 1 ? `unit ${first}: ${nameOf(state)}` : `units ${first} to ${last}: ${tally(rows)}`;
    cells.push({ first, last, state, text });
  }
  return cells;
}

/** `12 agreed, 3 open`, in the order of the legend, for those who do not see the grid. */
export function tally(rows: readonly { readonly state: UnitState }[]): string {
  return UNIT_STATES.flatMap(({ state, name }) => {
    const number = rows.filter((row) => row.state === state).length;
    return number === 0 ? [] : [`${number} ${name}`];
  }).join(', ');
}

export function gridLabel(rows: readonly { readonly state: UnitState }[]): string {
  return `${count(rows.length, 'unit')}: ${tally(rows)}`;
}

/** Columns of a grid that is wider than high. */
export function columnsFor(cells: number): number {
  return Math.min(64, Math.max(8, Math.ceil(Math.sqrt(cells * 2.6))));
}

function rank(state: UnitState): number {
  return RANK.get(state) ?? 0;
}

function nameOf(state: UnitState): string {
  return NAME.get(state) ?? state;
}
