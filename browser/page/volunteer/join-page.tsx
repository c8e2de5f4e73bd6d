/** Before the one button: what this network is and does right now, what would run here, and how much of it. */
import type { JSX } from 'preact';
import type { JobRow, PeerView } from '../../../node/protocol/view.ts';
import { connectedPeers, doneUnits, isActive, sorted } from '../model/jobs.ts';
import { reasonWords } from '../model/reasons.ts';
import { touchOfJob } from '../model/touch.ts';
import { count, sentence, shortPeerName } from '../model/words.ts';
import type { PageState } from '../state.ts';
import { networkOf, ReachPill } from '../views/app.tsx';
import { Facts, Progress } from '../views/parts.tsx';
import { Frame } from './frame.tsx';
import type { Joined, VolunteerSession } from './session.ts';

const JOBS_SHOWN = 2;

export function JoinPage({
  session,
  joined,
}: {
  readonly session: VolunteerSession;
  readonly joined: Joined;
}): JSX.Element {
  const { state, peer } = joined;
  const about = state.about.value;
  const view = state.view.value;
  return (
    <Frame network={about && networkOf(about)} aside={view && <ReachPill view={view} />}>
      <div class="join">
        <section class="join-lead" aria-labelledby="join-title">
          <h1 id="join-title">Lend this browser to a network that checks itself.</h1>
          <p class="lead">
            Shoal splits problems that are too large for one computer into small units. Your tab computes some of them,
            other volunteers compute the same ones, and a result counts only when they agree. You check others, others
            check you, and nobody in the middle has to be trusted.
          </p>
          {view !== undefined && <WorkNow state={state} view={view} />}
        </section>
        <Offer session={session} slot={peer.slot} />
        <Safety state={state} />
      </div>
    </Frame>
  );
}

/** What the work is for: the jobs that run, or why none is seen. */
function WorkNow({ state, view }: { readonly state: PageState; readonly view: PeerView }): JSX.Element {
  const active = sorted(view.jobs).filter(isActive);
  if (connectedPeers(view) === 0) return <Unreached view={view} />;
  return (
    <div class="work-now" aria-live="polite">
      <h2 class="eyebrow">{active.length === 0 ? 'Right now' : 'It is working on'}</h2>
      {active.length === 0 ? (
        <p>
          No job is running. If you start, your tab waits and begins by itself as soon as somebody asks for something.
        </p>
      ) : (
        <ul class="job-list">
          {active.slice(0, JOBS_SHOWN).map((row) => (
            <Work key={row.job} row={row} purpose={state.source.jobView(row.job)?.spec.purpose} />
          ))}
        </ul>
      )}
      {active.length > JOBS_SHOWN && <p class="note">and {count(active.length - JOBS_SHOWN, 'more job')}</p>}
    </div>
  );
}

function Work({ row, purpose }: { readonly row: JobRow; readonly purpose: string | undefined }): JSX.Element {
  const done = doneUnits(row);
  return (
    <li class="job">
      <div class="job-line">
        <strong class="job-title">{row.title}</strong>
        <span class="job-done">
          {done.toLocaleString('en')} of {count(row.units, 'unit')}
        </span>
      </div>
      <Progress done={done} all={row.units} label={`${row.title}: ${done} of ${row.units} units done`} />
      <p class="job-facts">
        {purpose !== undefined && purpose !== '' && `${sentence(purpose)} `}Asked for by {shortPeerName(row.submitter)}.
      </p>
    </li>
  );
}

/** No peer answers (yet): what was tried, and what to do about it. */
function Unreached({ view }: { readonly view: PeerView }): JSX.Element {
  const failures = view.why.filter(({ code }) => code === 'dial-failed');
  if (failures.length === 0) {
    return (
      <div class="work-now" role="status">
        <h2 class="eyebrow">Connecting</h2>
        <p>Looking for a peer of this network. This takes a moment.</p>
      </div>
    );
  }
  return (
    <div class="work-now work-unreached" role="status">
      <h2>No peer of this network answers</h2>
      <ul class="reasons">
        {failures.map((reason) => {
          const { text, advice } = reasonWords('tab', reason, { peer: shortPeerName, nowMs: view.nowMs });
          return (
            <li key={text}>
              {sentence(text)} {advice !== undefined && <span class="advice">{sentence(advice)}</span>}
            </li>
          );
        })}
      </ul>
      <p class="note">This page keeps trying. You may start now; it begins when a peer answers.</p>
    </div>
  );
}

function Offer({ session, slot }: { readonly session: VolunteerSession; readonly slot: number }): JSX.Element {
  const cores = session.cores.value;
  const { coresMax } = session;
  return (
    <section class="panel offer" aria-labelledby="offer-title">
      <h2 id="offer-title">What you give</h2>
      <div class="range range-tall">
        <label for="join-cores" class="setting-name">
          Cores
        </label>
        <output for="join-cores">
          <strong>{cores}</strong> of {coresMax}
        </output>
        <input
          id="join-cores"
          type="range"
          min="1"
          max={coresMax}
          step="1"
          value={cores}
          disabled={coresMax === 1}
          aria-valuetext={`${cores} of ${count(coresMax, 'core')}`}
          aria-describedby="join-cores-hint"
          onInput={(event) => {
            session.cores.value = Number(event.currentTarget.value);
          }}
        />
      </div>
      <p id="join-cores-hint" class="note">
        {coresWords(cores, coresMax)} You can change it at any time.
      </p>
      {slot > 0 && (
        <p class="banner second-tab">
          Another tab of this page volunteers already. This one would be a second peer, with a key of its own, on the
          same machine: give it cores that the other one leaves free.
        </p>
      )}
      <button type="button" class="primary start" onClick={() => void session.start()}>
        Start computing
      </button>
      <label class="check-line">
        <input
          type="checkbox"
          checked={session.startsByItself.value}
          onChange={(event) => {
            session.startsByItself.value = event.currentTarget.checked;
          }}
        />
        <span>Start by itself when I open this page</span>
      </label>
      <p class="note">
        To stop, pause or close the tab. There is nothing to install, and no account. Until you start, the page only
        listens to what the network says.
      </p>
    </section>
  );
}

function coresWords(cores: number, coresMax: number): string {
  if (coresMax === 1) return 'This browser sees one core.';
  if (cores === coresMax) return 'All of them: other programs may feel slow.';
  return cores * 2 === coresMax ? 'Half of this machine.' : `${coresMax - cores} stay free for everything else.`;
}

function Safety({ state }: { readonly state: PageState }): JSX.Element {
  const job = state.job.value?.view;
  return (
    <section class="safety" aria-labelledby="safety-title">
      <h2 id="safety-title">What would run on this machine</h2>
      <ul class="promises">
        <li>
          <h3>It touches nothing</h3>
          <p>
            A kernel is a WebAssembly program without a single import: no files, no network, no camera, no clock, and
            nothing of this page.
          </p>
        </li>
        <li>
          <h3>It is bounded</h3>
          <p>
            Memory and fuel are fixed before it runs. Fuel counts its instructions; where it runs out, it is stopped.
          </p>
        </li>
        <li>
          <h3>It is yours to stop</h3>
          <p>
            Closing the tab says goodbye to the network. Others take over, and at most the unit in progress is lost.
          </p>
        </li>
        <li>
          <h3>What others see</h3>
          <p>A random key made in this browser, and, as with every connection, your IP address. Nothing else.</p>
        </li>
      </ul>
      {job !== undefined && isActive(job) && (
        <details class="panel touch-now">
          <summary>Exactly what the kernel of “{job.title}” may touch</summary>
          <Facts facts={touchOfJob(job, state.inspection(job.spec.kernel))} />
        </details>
      )}
    </section>
  );
}
