/** A result with columns, as a table that scrolls by itself where it is large. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Columns } from '../../../node/sdk/manifest.ts';
import { type Table, tableOf } from '../model/table.ts';
import { count, sentence } from '../model/words.ts';

const ROWS_MAX = 200;

export function ResultTable(props: { readonly content: Uint8Array; readonly columns: Columns }): JSX.Element {
  const { content, columns } = props;
  // Decoded once: what surrounds it is drawn again whenever something happens in the network.
  const table = useMemo(() => readTable(content, columns), [content]);
  if ('problem' in table) return <p class="problem">{sentence(table.problem)}</p>;
  if (table.rowCount === 0) return <p class="empty">The table has no rows.</p>;
  const { rows, rowCount } = table;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="table-scroll result-table" tabIndex={0} aria-label="Rows of the result">
        <table>
          <thead>
            <tr>
              {table.columns.map(({ name, isNumber }, index) => (
                <th key={index} scope="col" class={isNumber ? 'number' : undefined}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <td key={column} class={table.columns[column]?.isNumber ? 'number' : undefined}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="note">
        {rows.length < rowCount
          ? `The first ${rows.length} of ${count(rowCount, 'row')}. Save as TSV to get all of them.`
          : `${count(rowCount, 'row')}.`}
      </p>
    </>
  );
}

/** What a kernel wrote need not be what its manifest says. */
function readTable(content: Uint8Array, columns: Columns): Table | { readonly problem: string } {
  try {
    return tableOf(content, columns, ROWS_MAX);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
