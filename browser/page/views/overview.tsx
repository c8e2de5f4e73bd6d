/** What my machine does right now, for whom and why, and what has come of it. */
import type { JSX } from 'preact';
import type { JobView, PeerView } from '../../../node/protocol/view.ts';
import { connectedPeers, isActive, shareOf } from '../model/jobs.ts';
import { nowOf } from '../model/now.ts';
import { touchOfJob } from '../model/touch.ts';
import { amount, count, duration, percent, sentence, shortId } from '../model/words.ts';
import type { ViewProps } from './app.tsx';
import { CheckGraphPanel } from './check-graph.tsx';
import { JobList } from './job-list.tsx';
import { PaceChart } from './pace-chart.tsx';
import { Facts, Panel, Reasons } from './parts.tsx';
import { PeerTable } from './peer-table.tsx';
import { drawsPicture, JobPicture } from './picture.tsx';

export function Overview({ state }: ViewProps): JSX.Element | null {
  const view = state.view.value;
  const job = state.job.value?.view;
  if (view === undefined) return null;
  const hasPicture = state.source.kind === 'tab' && job !== undefined && isActive(job) && drawsPicture(state, job);
  const picture = hasPicture ? <JobPicture state={state} view={job} /> : null;
  return (
    <>
      <NowPanel state={state} view={view} />
      <Totals state={state} view={view} />
      <div class="columns">
        <div class="stack">
          {picture}
          <JobList state={state} view={view} />
          {picture === null ? (
            <CheckGraphPanel view={view} job={job} />
          ) : (
            <KernelPanel state={state} job={job} view={view} />
          )}
        </div>
        <div class="stack">
          <PaceChart state={state} />
          {picture === null ? (
            <KernelPanel state={state} job={job} view={view} />
          ) : (
            <CheckGraphPanel view={view} job={job} />
          )}
          <PeerTable view={view} />
        </div>
      </div>
    </>
  );
}

function NowPanel({ state, view }: ViewProps & { readonly view: PeerView }): JSX.Element {
  const now = nowOf(view, state.source.kind);
  const isWorking = now.mood === 'working';
  return (
    <section class={`now now-${now.mood}`} aria-labelledby="now-title">
      <p class="eyebrow">Right now</p>
      <h1 id="now-title" tabIndex={-1} aria-live="polite">
        {now.headline}
      </h1>
      {!isWorking && <Reasons reasons={now.reasons} />}
      {state.unitFailure.value !== undefined && (
        <p class="banner banner-bad unit-failure">
          <strong>Units fail on this machine.</strong> {sentence(state.unitFailure.value)} Others compute them instead.
        </p>
      )}
      {now.running.length > 0 && (
        <ul class="running" aria-label="Units this peer holds">
          {now.running.map(({ job, title, unit, doing, sinceMs, part }) => (
            <li key={`${job} ${unit}`}>
              <a href={`#job/${job}`} title={`job ${shortId(job)}`}>
                {title}
              </a>{' '}
              unit {unit}, {doing} for {duration(view.nowMs - sinceMs).replace(' ', '\u00a0')}
              {part !== undefined && `, ${Math.floor(100 * part)}\u00a0% done`}
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
      {isWorking && now.reasons.length > 0 && (
        <details class="also">
          <summary>What waits for others</summary>
          <Reasons reasons={now.reasons} />
        </details>
      )}
    </section>
  );
}

function Totals({ state, view }: ViewProps & { readonly view: PeerView }): JSX.Element {
  const { unitsExecuted, unitsCounted, fuelExecuted } = view.totals;
  const job = state.job.value?.view;
  const share = job && shareOf(view.self, job);
  const connected = connectedPeers(view);
  const tiles: readonly (readonly [name: string, value: string, note: string])[] = [
    [
      'Units computed',
      amount(unitsExecuted),
      state.source.kind === 'tab' ? 'since this page was opened' : 'since this peer started',
    ],
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

/** While this machine works on a job: exactly what its kernel may touch. */
function KernelPanel(
  props: ViewProps & { readonly job: JobView | undefined; readonly view: PeerView },
): JSX.Element | null {
  const { state, job, view } = props;
  if (job === undefined || !isActive(job) || !view.replicas.some((replica) => replica.job === job.job)) return null;
  return (
    <Panel title="What it may touch here" aside={<span class="note">the kernel of “{job.title}”</span>}>
      <Facts facts={touchOfJob(job, state.inspection(job.spec.kernel))} />
    </Panel>
  );
}
