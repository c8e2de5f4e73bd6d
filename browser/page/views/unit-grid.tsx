/** The units of a job as small cells, each in the colour of its state, with a legend that counts them. */
import type { JSX } from 'preact';
import type { JobView } from '../../../node/protocol/view.ts';
import { cellsOf, columnsFor, gridLabel } from '../model/cells.ts';
import { UNIT_STATES } from '../model/words.ts';

const SIZE = 12;
const GAP = 2;

export function UnitGrid({ job }: { readonly job: JobView }): JSX.Element {
  const cells = cellsOf(job);
  const columns = Math.min(cells.length, columnsFor(cells.length));
  const rows = Math.ceil(cells.length / Math.max(1, columns));
  const perCell = Math.ceil(job.unitRows.length / Math.max(1, cells.length));
  const width = columns * (SIZE + GAP) - GAP;
  return (
    <>
      <svg
        class="units"
        viewBox={`0 0 ${Math.max(SIZE, width)} ${Math.max(SIZE, rows * (SIZE + GAP) - GAP)}`}
        width={width * 2}
        role="img"
        aria-label={gridLabel(job.unitRows)}
      >
        {cells.map(({ first, state, text }, index) => {
          const x = (index % columns) * (SIZE + GAP);
          const y = Math.floor(index / columns) * (SIZE + GAP);
          return (
            <g key={first}>
              <title>{text}</title>
              <rect class={`unit unit-${state}`} x={x} y={y} width={SIZE} height={SIZE} rx="2.5" />
              {state === 'disputed' && <path class="unit-cross" d={`M${x + 3.5} ${y + 3.5}l5 5m0-5l-5 5`} />}
            </g>
          );
        })}
      </svg>
      {perCell > 1 && <p class="note">One cell stands for {perCell} units and shows the one that is least far.</p>}
      <ul class="legend" aria-label="Units by state">
        {UNIT_STATES.filter(({ state }) => job.counts[state] > 0 || ['open', 'claimed', 'agreed'].includes(state)).map(
          ({ state, name, meaning }) => (
            <li key={state} title={meaning}>
              <i class={`key unit-${state}`} /> {name}{' '}
              <span class="note">{job.counts[state].toLocaleString('en')}</span>
            </li>
          ),
        )}
      </ul>
    </>
  );
}
