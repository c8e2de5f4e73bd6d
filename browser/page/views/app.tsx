/** The frame: who this is, how it is connected, where to go, and the view the address asks for. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { PeerView } from '../../../node/protocol/view.ts';
import { connectedPeers } from '../model/jobs.ts';
import { hashOf, type Route } from '../model/route.ts';
import { count, sentence } from '../model/words.ts';
import type { PageState } from '../state.ts';
import { Gate } from './gate.tsx';
import { InvitePage } from './invite-page.tsx';
import { JobPage } from './job-page.tsx';
import { Kind } from './kind.ts';
import { Overview } from './overview.tsx';
import { PeerPage } from './peer-page.tsx';
import { SubmitPage } from './submit-page.tsx';

export interface ViewProps {
  readonly state: PageState;
}

export function App({ state }: ViewProps): JSX.Element {
  const hasView = state.view.value !== undefined;
  const { state: connection } = state.connection.value;
  const isGate = !hasView || connection === 'refused';
  return (
    <Kind value={state.source.kind}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header state={state} isGate={isGate} />
      <Banner state={state} hasView={hasView} />
      <main id="main" tabIndex={-1}>
        {isGate ? <Gate state={state} /> : <CurrentView state={state} />}
      </main>
      <Footer state={state} />
    </Kind>
  );
}

function CurrentView({ state }: ViewProps): JSX.Element {
  const route = state.route.value;
  const shown = hashOf(route);
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return;
    before.current = shown;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>('main h1')?.focus();
  }, [shown]);
  if (route.view === 'submit') return <SubmitPage state={state} />;
  if (route.view === 'invite') return <InvitePage state={state} />;
  if (route.view === 'peer') return <PeerPage state={state} />;
  if (route.view === 'job') return <JobPage key={route.job} state={state} job={route.job} />;
  return <Overview state={state} />;
}

function Header({ state, isGate }: ViewProps & { readonly isGate: boolean }): JSX.Element {
  const about = state.about.value;
  return (
    <header class="top">
      <a class="brand" href="#overview" title="Overview">
        <Mark />
        <span class="brand-text">
          <strong>Shoal</strong>
          <span class="brand-network">{about === undefined ? 'volunteer compute' : networkOf(about)}</span>
        </span>
      </a>
      {!isGate && (
        <nav aria-label="Views">
          <NavLink state={state} view="overview" text="Overview" />
          {state.mayAct && state.source.submit !== undefined && <NavLink state={state} view="submit" text="New job" />}
          <NavLink state={state} view="peer" text={state.source.kind === 'tab' ? 'This tab' : 'This peer'} />
          {state.mayAct && <NavLink state={state} view="invite" text="Invite" />}
        </nav>
      )}
      <div class="top-end">
        <ConnectionPill state={state} />
        {!isGate && <PauseButton state={state} />}
      </div>
    </header>
  );
}

function NavLink(props: ViewProps & { readonly view: Exclude<Route['view'], 'job'>; readonly text: string }) {
  const { view } = props.state.route.value as Route;
  return (
    <a href={`#${props.view}`} aria-current={view === props.view ? 'page' : undefined}>
      {props.text}
    </a>
  );
}

function ConnectionPill({ state }: ViewProps): JSX.Element {
  const view = state.view.value;
  if (state.source.kind === 'tab' && view !== undefined) return <ReachPill view={view} />;
  const connection = state.connection.value.state;
  const text = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting', refused: 'No access' }[connection];
  return (
    <span class={`pill pill-${connection}`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

/** How many peers a tab is connected to: it has no other connection that could be lost. */
export function ReachPill({ view }: { readonly view: PeerView }): JSX.Element {
  const connected = connectedPeers(view);
  return (
    <span class={`pill pill-${connected > 0 ? 'live' : 'connecting'}`} role="status">
      <span class="dot" aria-hidden="true" />
      {connected > 0 ? count(connected, 'peer') : 'Connecting'}
    </span>
  );
}

export function PauseButton({ state }: ViewProps): JSX.Element | null {
  const view = state.view.value;
  const { source } = state;
  if (view === undefined || source.setCapacity === undefined || !state.mayAct) return null;
  const isPaused = view.paused.includes('manual');
  return (
    <button
      type="button"
      class="pause"
      onClick={() => void state.attempt('Not done', async () => source.setCapacity?.({ paused: !isPaused }))}
    >
      {isPaused ? 'Resume' : 'Pause'}
    </button>
  );
}

function Banner({ state, hasView }: ViewProps & { readonly hasView: boolean }): JSX.Element {
  const connection = state.connection.value;
  const failure = state.failure.value;
  return (
    <div class="banners" aria-live="polite">
      {connection.state === 'lost' && hasView && (
        <p class="banner banner-bad">
          <strong>The peer does not answer.</strong> What you see is from before. This page tries again by itself; if
          the peer was started again, its address is new: <code>shoal dashboard</code> prints it.
        </p>
      )}
      {connection.state === 'live' && state.about.value?.mayAct === false && (
        <p class="banner">You may look at this peer. To submit jobs and change settings, use the full address.</p>
      )}
      {failure !== undefined && (
        <p class="banner banner-bad" role="alert">
          {sentence(failure)}{' '}
          <button
            type="button"
            class="small"
            onClick={() => {
              state.failure.value = undefined;
            }}
          >
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}

function Footer({ state }: ViewProps): JSX.Element | null {
  const about = state.about.value;
  if (about === undefined) return null;
  return (
    <footer>
      <p>
        Shoal {about.version}. Peers compute for each other and check each other; there is no coordinator.{' '}
        {state.source.kind === 'tab'
          ? 'To stop, close the tab: it says goodbye, others take over its work at once, and at most the unit in progress is lost.'
          : 'This page comes from your own machine and talks to nobody else.'}
      </p>
    </footer>
  );
}

export function networkOf({ network, preset }: { readonly network: string; readonly preset: string }): string {
  const kind =
    { open: 'open network', private: 'private network', test: 'test network' }[preset] ?? `${preset} network`;
  return network === preset || network === '' ? kind : `${kind} “${network}”`;
}

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M6 11.500c3.500-3.400 7.700-3.400 11.200 0l2.800-2.300v4.600l-2.800-2.300c-3.500 3.400-7.700 3.400-11.200 0z" />
      <path
        class="mark-far"
        d="M11 20.500c3.500-3.400 7.700-3.400 11.200 0l2.800-2.300v4.600l-2.800-2.300c-3.500 3.400-7.700 3.400-11.200 0z"
      />
    </svg>
  );
}
