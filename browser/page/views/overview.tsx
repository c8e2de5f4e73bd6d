/** What my machine does right now, for whom and why, and what has come of it. */
import type { JSX } from 'preact';
import type { PeerView } from '../../../node/protocol/view.ts';
import { shareOf } from '../model/jobs.ts';
import { nowOf } from '../model/now.ts';
import { amount, count, duration, percent, shortId } from '../model/words.ts';
import type { ViewProps } from './app.tsx';
import { CheckGraphPanel } from './check-graph.tsx';
import { JobList } from './job-list.tsx';
import { PaceChart } from './pace-chart.tsx';
import { Reasons } from './parts.tsx';
import { PeerTable } from './peer-table.tsx';

export function Overview({ state }: ViewProps): JSX.Element | null {
  const view = state.view.value;
  if (view === undefined) return null;
  return (
    <>
      <NowPanel view={view} />
      <Totals state={state} view={view} />
      <div class="columns">
        <div class="stack">
          <JobList state={state} view={view} />
          <CheckGraphPanel view={view} job={state.job.value?.view} />
        </div>
        <div class="stack">
          <PaceChart state={state} />
          <PeerTable view={view} />
        </div>
      </div>
    </>
  );
}

function NowPanel({ view }: { readonly view: PeerView }): JSX.Element {
  const now = nowOf(view);
  return (
    <section class={`now now-${now.mood}`} aria-labelledby="now-title">
      <p class="eyebrow">Right now</p>
      <h1 id="now-title" tabIndex={-1} aria-live="polite">
        {now.headline}
      </h1>
      <Reasons reasons={now.reasons} />
      {now.running.length > 0 && (
        <ul class="running" aria-label="Units this peer holds">
          {now.running.map(({ job, title, unit, doing, sinceMs }) => (
            <li key={`${job} ${unit}`}>
              <a href={`#job/${job}`} title={`job ${shortId(job)}`}>
                {title}
              </a>{' '}
              unit {unit}, {doing} for {duration(view.nowMs - sinceMs)}
            </li>
          ))}
        </ul>
      )}
      {now.held.length > 0 && (
        <p class="note held">
          Computed and not settled yet:{' '}
          {now.held.map(({ units, doing }) => `${count(units, 'unit')} ${doing}`).join(', ')}.
        </p>
      )}
    </section>
  );
}

function Totals({ state, view }: ViewProps & { readonly view: PeerView }): JSX.Element {
  const { unitsExecuted, unitsCounted, fuelExecuted } = view.totals;
  const job = state.job.value?.view;
  const share = job && shareOf(view.self, job);
  const connected = view.peers.filter((peer) => peer.connected && peer.incompatible === undefined).length;
  const tiles: readonly (readonly [name: string, value: string, note: string])[] = [
    ['Units computed', amount(unitsExecuted), 'since this peer started'],
    ['Agreed', amount(unitsCounted), 'others had the same result'],
    ['Fuel', amount(fuelExecuted), 'instructions, metered'],
    [
      'My share',
      share === undefined ? '–' : percent(share, 1),
      job === undefined ? 'of a job, once there is one' : `of “${job.title}”`,
    ],
    ['Peers', String(connected), connected === 1 ? 'connected' : 'connected now'],
    ['Cores', String(view.cores), view.paused.length > 0 ? 'paused' : 'given to the network'],
  ];
  return (
    <section aria-label="Totals">
      <dl class="totals">
        {tiles.map(([name, value, note]) => (
          <div key={name} class="total">
            <dt>{name}</dt>
            <dd>
              <span class="figure">{value}</span>
              <span class="note">{note}</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
