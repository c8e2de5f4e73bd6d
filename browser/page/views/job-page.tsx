/** One job: how far it is, what stands behind its results, who computed what, and the result. */
import type { JSX } from 'preact';
import type { JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { JobRow, JobView } from '../../../node/protocol/view.ts';
import { contributions, doneUnits, isActive, JOB_STATES, labelOf } from '../model/jobs.ts';
import { reasonWords } from '../model/reasons.ts';
import { touchOfJob } from '../model/touch.ts';
import { amount, count, duration, percent, shortPeerName } from '../model/words.ts';
import type { OwnJob } from '../peer-source.ts';
import type { PageState } from '../state.ts';
import { CheckGraphPanel } from './check-graph.tsx';
import { Facts, Panel, PeerTag, Progress, Reasons } from './parts.tsx';
import { drawsPicture, JobPicture } from './picture.tsx';
import { ResultPanel } from './result.tsx';
import { UnitGrid } from './unit-grid.tsx';

export interface JobProps {
  readonly state: PageState;
  readonly job: JobId;
}

export function JobPage({ state, job }: JobProps): JSX.Element | null {
  const view = state.view.value;
  const watched = state.job.value;
  const jobView = watched?.view;
  const own = watched?.own;
  if (view === undefined) return null;
  if (jobView === undefined) return <Unknown isLoading={view.jobs.some((row) => row.job === job)} own={own} />;
  const reasons = isActive(jobView)
    ? jobView.why.map((reason) => reasonWords(state.source.kind, reason, { peer: shortPeerName, nowMs: view.nowMs }))
    : [];
  const hasPicture = drawsPicture(state, jobView);
  const kernel = (
    <Panel title="What its kernel may touch">
      <Facts facts={touchOfJob(jobView, state.inspection(jobView.spec.kernel))} />
    </Panel>
  );
  return (
    <>
      <JobHead state={state} job={jobView} own={own} nowMs={view.nowMs} />
      <Reasons reasons={reasons} />
      <Refuted job={jobView} />
      {own?.outcome !== undefined && <ResultPanel state={state} job={job} own={own} outcome={own.outcome} />}
      <div class="columns">
        <div class="stack">
          <JobPicture state={state} view={jobView} />
          <Panel title="Units">
            <UnitGrid job={jobView} />
          </Panel>
          {!hasPicture && kernel}
        </div>
        <div class="stack">
          <Panel title="Who computed it">
            <Contributions job={jobView} self={view.self} />
          </Panel>
          <CheckGraphPanel view={view} job={jobView} />
          {hasPicture && kernel}
        </div>
      </div>
    </>
  );
}

function JobHead(props: {
  readonly state: PageState;
  readonly job: JobView;
  readonly own: OwnJob | undefined;
  readonly nowMs: number;
}): JSX.Element {
  const { state, job, own, nowMs } = props;
  const done = doneUnits(job);
  const stateName = own?.state === 'joining' ? 'putting the result together' : JOB_STATES[job.state];
  const label = own?.label !== undefined && own.label !== '' ? own.label : labelOf(job);
  const elapsedMs = own?.elapsedMs ?? (job.finishedAtMs ?? nowMs) - job.submittedAtMs;
  return (
    <section class="job-head" aria-labelledby="job-title">
      <p class="eyebrow">
        <a href="#overview">Jobs</a> · {job.own ? 'yours' : `for ${shortPeerName(job.submitter)}`}
      </p>
      <div class="job-head-line">
        <h1 id="job-title" tabIndex={-1}>
          {job.title}
        </h1>
        <span class={`tag tag-state tag-${job.state}`} role="status">
          {stateName}
        </span>
        {label !== undefined && (
          <span class={`tag ${label === 'own' ? '' : 'tag-good'}`} data-testid="label">
            {label}
          </span>
        )}
        {job.own && isActive(job) && state.mayAct && state.source.cancel !== undefined && (
          <button
            type="button"
            class="danger"
            onClick={() => void state.attempt('Not cancelled', async () => state.source.cancel?.(job.job))}
          >
            Cancel job
          </button>
        )}
      </div>
      <p class="purpose">{job.spec.purpose}</p>
      <Progress done={done} all={job.units} label={`${done} of ${job.units} units done`} />
      <dl class="strip">
        <Figure name="Units" value={`${done.toLocaleString('en')} of ${job.units.toLocaleString('en')}`} />
        <Figure name="Tasks" value={job.tasks.toLocaleString('en')} />
        <Figure name="Fuel" value={amount(job.fuel)} />
        <Figure name="Runs per unit" value={done === 0 ? '–' : (job.executions / done).toFixed(2)} />
        <Figure name="Needed to agree" value={count(job.quorum, 'peer')} />
        <Figure name="Able to help" value={count(job.roster, 'peer')} />
        <Figure name={isActive(job) ? 'Running for' : 'Took'} value={duration(elapsedMs)} />
        {own?.etaSeconds !== undefined && isActive(job) && done < job.units && (
          <Figure name="Ready in about" value={duration(own.etaSeconds * 1_000)} />
        )}
      </dl>
    </section>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Refuted({ job }: { readonly job: Pick<JobRow, 'refuted'> }): JSX.Element | null {
  if (job.refuted.length === 0) return null;
  return (
    <section class="refuted" aria-label="Refuted peers">
      {job.refuted.map(({ author, units }) => (
        <p key={author}>
          <strong>
            <PeerTag peer={author} /> gave a wrong result.
          </strong>{' '}
          Re-execution refuted it on {count(units, 'unit')}; nothing it did in this job counts any more.
        </p>
      ))}
    </section>
  );
}

function Contributions({ job, self }: { readonly job: JobView; readonly self: PeerKey }): JSX.Element {
  const all = contributions(job);
  const total = all.reduce((sum, { counted }) => sum + counted, 0);
  if (all.length === 0) return <p class="empty">Nobody has shown a result yet.</p>;
  return (
    <ul class="contributions">
      {all.map(({ peer, counted, revealed, isRefuted }) => (
        <li key={peer} class={isRefuted ? 'bad' : peer === self ? 'self' : ''}>
          <div class="job-line">
            <PeerTag peer={peer} self={self} />
            <span>
              {isRefuted
                ? 'refuted, counts for nothing'
                : `${count(counted, 'unit')} counted, ${percent(counted, total)}${revealed > counted ? ` (${revealed} shown)` : ''}`}
            </span>
          </div>
          <Progress done={counted} all={total} label={`${counted} of ${total} results that count`} />
        </li>
      ))}
    </ul>
  );
}

function Unknown({ isLoading, own }: { readonly isLoading: boolean; readonly own: OwnJob | undefined }): JSX.Element {
  return (
    <section class="gate" role="status">
      <h1 tabIndex={-1}>{isLoading ? 'Looking at the job' : 'This job is not known here'}</h1>
      <p>
        {own !== undefined
          ? `It is ${own.state}; the network has forgotten its units.`
          : isLoading
            ? 'Its units are on their way.'
            : 'It may have ended long ago. '}
        <a href="#overview">All jobs</a>
      </p>
    </section>
  );
}
