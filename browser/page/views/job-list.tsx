/** Every job this peer knows, with how far it is and what stands behind its results. */
import type { JSX } from 'preact';
import type { JobRow, PeerView } from '../../../node/protocol/view.ts';
import { doneUnits, isActive, JOB_STATES, labelOf, sorted } from '../model/jobs.ts';
import { count, shortId, shortPeerName } from '../model/words.ts';
import type { ViewProps } from './app.tsx';
import { Panel, Progress } from './parts.tsx';

const ROWS_MAX = 50;

export function JobList({ state, view }: ViewProps & { readonly view: PeerView }): JSX.Element {
  const jobs = sorted(view.jobs);
  const action = state.mayAct && state.source.submit !== undefined && (
    <a class="button primary" href="#submit">
      New job
    </a>
  );
  return (
    <Panel title="Jobs" class="jobs" aside={action}>
      {jobs.length === 0 ? (
        <p class="empty">No job is known yet. Jobs of this network appear here as soon as somebody submits one.</p>
      ) : (
        <ul class="job-list">
          {jobs.slice(0, ROWS_MAX).map((row) => (
            <JobItem key={row.job} row={row} />
          ))}
        </ul>
      )}
      {jobs.length > ROWS_MAX && <p class="note">and {count(jobs.length - ROWS_MAX, 'older job')}</p>}
    </Panel>
  );
}

function JobItem({ row }: { readonly row: JobRow }): JSX.Element {
  const done = doneUnits(row);
  const label = labelOf(row);
  return (
    <li class={isActive(row) ? 'job' : 'job job-ended'}>
      <div class="job-line">
        <a class="job-title" href={`#job/${row.job}`}>
          {row.title}
        </a>
        <span class="job-done">
          {done.toLocaleString('en')} of {count(row.units, 'unit')}
        </span>
      </div>
      <Progress done={done} all={row.units} label={`${row.title}: ${done} of ${row.units} units done`} />
      <div class="job-line job-facts">
        <span>
          {row.own ? <strong>yours</strong> : `for ${shortPeerName(row.submitter)}`} · {JOB_STATES[row.state]} ·{' '}
          <code>{shortId(row.job)}</code>
        </span>
        <span class="tags">
          {row.counts.disputed > 0 && <span class="tag tag-warn">{row.counts.disputed} disputed</span>}
          {row.refuted.length > 0 && <span class="tag tag-bad">{count(row.refuted.length, 'liar')} refuted</span>}
          {label !== undefined && <span class={`tag ${label === 'own' ? '' : 'tag-good'}`}>{label}</span>}
        </span>
      </div>
    </li>
  );
}
