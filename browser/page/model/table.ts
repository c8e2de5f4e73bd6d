/** A result with columns as rows a page can hold: the first of them, and how many there are in all. */
import { namedCells } from '../../../node/sdk/format.ts';
import type { Columns } from '../../../node/sdk/manifest.ts';

export interface Table {
  readonly columns: readonly { readonly name: string; readonly isNumber: boolean }[];
  /** Cells in the order of `columns`; at most `rowsMax` rows. */
  readonly rows: readonly (readonly string[])[];
  readonly rowCount: number;
}

/** Columns without a name are for programs and are left out. Throws an SdkError `result-malformed`. */
export function tableOf(bytes: Uint8Array, columns: Columns, rowsMax: number): Table {
  const { rows } = namedCells(bytes, columns);
  return {
    columns: columns.flatMap(({ name, type }) => (name === undefined ? [] : [{ name, isNumber: type !== 'text' }])),
    rows: rows.slice(0, rowsMax),
    rowCount: rows.length,
  };
}
