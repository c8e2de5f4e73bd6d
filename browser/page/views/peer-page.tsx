/** This peer: what its owner can set, who and where it is, and its log. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { PeerView } from '../../../node/protocol/view.ts';
import { bytes, count, duration } from '../model/words.ts';
import type { About } from '../peer-source.ts';
import { networkOf, PauseButton, type ViewProps } from './app.tsx';
import { CitizenPanel } from './citizen-panel.tsx';
import { CopyButton, Facts, Panel, Progress } from './parts.tsx';

export interface PeerPanelProps extends ViewProps {
  readonly view: PeerView;
  readonly about: About;
}

export function PeerPage({ state }: ViewProps): JSX.Element | null {
  const view = state.view.value;
  const about = state.about.value;
  if (view === undefined || about === undefined) return null;
  const isTab = state.source.kind === 'tab';
  const { citizen } = state.extras;
  return (
    <>
      <section class="page-head">
        <h1 tabIndex={-1}>{isTab ? 'This tab' : 'This peer'}</h1>
        <p class="purpose name-line">
          <code class="full-name">{about.peerName}</code> <CopyButton text={about.peerName} what="the peer's name" />
        </p>
      </section>
      <div class="columns">
        <div class="stack">
          <Settings state={state} view={view} about={about} />
          {citizen !== undefined && <CitizenPanel citizen={citizen} startsByItself={state.extras.startsByItself} />}
        </div>
        {isTab ? <TabIdentity state={state} view={view} about={about} /> : <Identity view={view} about={about} />}
      </div>
      <Log state={state} />
    </>
  );
}

function Settings({ state, view, about }: PeerPanelProps): JSX.Element {
  const wanted = useSignal<number | undefined>(undefined);
  const cores = wanted.value ?? view.cores;
  const set = async (value: number): Promise<void> => {
    wanted.value = value;
    await state.attempt('Not changed', async () => state.source.setCapacity?.({ cores: value }));
    wanted.value = undefined;
  };
  const mayChange = state.mayAct && state.source.setCapacity !== undefined;
  const isPaused = view.paused.length > 0;
  const isTab = state.source.kind === 'tab';
  return (
    <Panel title="What you give">
      <div class="setting">
        <div>
          <p class="setting-name">{isPaused ? 'Paused' : 'Computing for others is on'}</p>
          <p class="note">{pauseNote(isTab, isPaused)}</p>
        </div>
        <PauseButton state={state} />
      </div>
      <div class="setting setting-range">
        <label for="cores">
          <span class="setting-name">Cores for the network</span>
          <span class="note">
            {cores === 0
              ? 'None: this peer relays, checks and submits, but computes nothing.'
              : `Up to ${count(cores, 'unit')} at the same time${isTab ? '' : ', at the lowest priority'}.`}
          </span>
        </label>
        <div class="range">
          <input
            id="cores"
            type="range"
            min="0"
            max={about.coresMax}
            step="1"
            value={cores}
            disabled={!mayChange}
            onChange={(event) => void set(Number(event.currentTarget.value))}
          />
          <output for="cores">
            {cores} of {about.coresMax}
          </output>
        </div>
      </div>
      <p class="note">
        {isTab ? (
          'This browser remembers the number of cores. A pause holds until you resume or close the tab.'
        ) : (
          <>
            Settings hold until the peer stops. <code>shoal up --cores {cores}</code> starts it like this.
          </>
        )}
      </p>
    </Panel>
  );
}

function pauseNote(isTab: boolean, isPaused: boolean): string {
  const name = isTab ? 'tab' : 'peer';
  if (!isPaused) return `Pause, and this ${name} gives back the units it has not finished; others take them over.`;
  return `This ${name} takes no new work. Your own jobs still run on other machines.`;
}

function TabIdentity({ state, view, about }: PeerPanelProps): JSX.Element {
  const { slot = 0, joinedThrough = [] } = state.extras;
  return (
    <Panel title="Who it is">
      <Facts
        facts={[
          { name: 'Network', value: networkOf(about) },
          {
            name: 'Identity',
            value: slot === 0 ? 'the first of this browser' : `number ${slot + 1} of this browser`,
            note:
              slot === 0
                ? 'A key made here, kept in this browser and used nowhere else. After a reload it is the same.'
                : 'Another tab of this page uses the first one. Two tabs never share a key, but they share this machine.',
          },
          { name: 'Running for', value: duration(view.nowMs - about.startedAtMs) },
          { name: 'Version', value: about.version },
          { name: 'Statements kept', value: view.totals.statements.toLocaleString('en') },
        ]}
      />
      <h3>Kept in this browser</h3>
      <Storage about={about} />
      <h3>Joined through</h3>
      <Addresses addresses={joinedThrough} />
    </Panel>
  );
}

function Identity({ view, about }: Omit<PeerPanelProps, 'state'>): JSX.Element {
  return (
    <Panel title="Where it is">
      <Facts
        facts={[
          { name: 'Network', value: networkOf(about) },
          { name: 'Running for', value: duration(view.nowMs - about.startedAtMs) },
          { name: 'Version', value: about.version },
          ...(about.dataFolder === undefined ? [] : [{ name: 'Data folder', value: about.dataFolder, isCode: true }]),
          { name: 'Statements kept', value: view.totals.statements.toLocaleString('en') },
        ]}
      />
      <h3>Blocks on disk</h3>
      <Storage about={about} />
      <h3>Addresses</h3>
      {about.addresses.length === 0 ? (
        <p class="note">It listens nowhere: it can reach others, but others cannot reach it.</p>
      ) : (
        <Addresses addresses={about.addresses} />
      )}
      <p class="note">
        Others join with <code>shoal up --bootstrap</code> and one of these.
      </p>
    </Panel>
  );
}

function Storage({ about: { storage } }: { readonly about: About }): JSX.Element {
  return (
    <>
      <Progress
        done={storage.bytes}
        all={storage.bytesMax}
        label={`${bytes(storage.bytes)} of ${bytes(storage.bytesMax)} used`}
      />
      <p class="note">
        {bytes(storage.bytes)} of {bytes(storage.bytesMax)} in {count(storage.blocks, 'block')}
      </p>
    </>
  );
}

function Addresses({ addresses }: { readonly addresses: readonly string[] }): JSX.Element {
  return (
    <ul class="addresses">
      {addresses.map((address) => (
        <li key={address}>
          <code>{address}</code> <CopyButton text={address} what="this address" />
        </li>
      ))}
    </ul>
  );
}

function Log({ state }: ViewProps): JSX.Element {
  const lines = state.log.value;
  return (
    <Panel title="Log" aside={<span class="note">since this page was opened</span>}>
      {lines.length === 0 ? (
        <p class="empty">Nothing has happened yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <ol class="log" aria-label="Log, the latest first" tabIndex={0}>
          {lines.map(({ id, atMs, tone, text }) => (
            <li key={id} class={`line-${tone}`}>
              <time>{new Date(atMs).toTimeString().slice(0, 8)}</time> {text}
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
