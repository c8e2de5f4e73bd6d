/** When this tab holds back by itself, with what the browser says about each cause right now. */
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Citizen, CitizenState, Preferences } from '../../citizen/index.ts';
import { Panel } from './parts.tsx';

interface Row {
  readonly preference: keyof Preferences;
  readonly name: string;
  /** What holds now, in this browser. */
  readonly now: (state: CitizenState, preferences: Preferences) => string;
}

const ROWS: readonly Row[] = [
  {
    preference: 'pauseOnBattery',
    name: 'Pause on battery',
    now: ({ battery }, { pauseOnBattery }) =>
      ({
        charging: 'The charger is connected.',
        discharging: pauseOnBattery ? 'On battery now.' : 'On battery now; it pauses when that gets low.',
        low: 'The battery is low: it pauses until the charger is back.',
        unknown: 'This browser does not tell pages about the battery, so this has no effect here.',
      })[battery],
  },
  {
    preference: 'pauseOnMetered',
    name: 'Pause on a metered connection',
    now: ({ metered }) => {
      if (metered === undefined)
        return 'This browser does not tell what the connection costs, so this has no effect here.';
      return metered ? 'This connection counts as metered.' : 'This connection is not metered.';
    },
  },
  {
    preference: 'pauseWhenHidden',
    name: 'Pause while this tab is hidden',
    now: () => 'Otherwise it goes on behind other tabs, at the same speed.',
  },
  {
    preference: 'pauseWhenBusy',
    name: 'Step back when this machine is busy',
    now: ({ busy }) =>
      busy
        ? 'This machine has more to do than it can: pages come late.'
        : 'This machine keeps up. When pages come late, this tab pauses until others have had their turn.',
  },
  {
    preference: 'keepAwake',
    name: 'Keep the screen awake',
    now: ({ wakeLock }) =>
      ({
        held: 'The screen stays on while it computes.',
        refused: 'The browser refused just now, perhaps to save power.',
        unsupported: 'This browser cannot keep a screen awake, so this has no effect here.',
        off: 'While it computes and you look at it. A machine that sleeps computes nothing.',
      })[wakeLock],
  },
];

export function CitizenPanel(props: {
  readonly citizen: Citizen;
  readonly startsByItself: Signal<boolean> | undefined;
}): JSX.Element {
  const { citizen, startsByItself } = props;
  const changes = useSignal(0);
  useEffect(
    () =>
      citizen.subscribe(() => {
        changes.value++;
      }),
    [citizen, changes],
  );
  // Read, so that a change draws again.
  void changes.value;
  const state = citizen.state();
  return (
    <Panel title="When it holds back">
      <ul class="switches">
        {ROWS.map(({ preference, name, now }) => (
          <Switch
            key={preference}
            id={`prefer-${preference}`}
            name={name}
            note={now(state, citizen.preferences)}
            isOn={citizen.preferences[preference]}
            set={(wanted) => citizen.setPreference(preference, wanted)}
          />
        ))}
        {startsByItself !== undefined && (
          <Switch
            id="prefer-start"
            name="Start by itself when I open this page"
            note="Otherwise it waits for the button."
            isOn={startsByItself.value}
            set={(wanted) => {
              startsByItself.value = wanted;
            }}
          />
        )}
      </ul>
    </Panel>
  );
}

function Switch(props: {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly isOn: boolean;
  readonly set: (wanted: boolean) => void;
}): JSX.Element {
  const { id } = props;
  return (
    <li class="switch">
      <label for={id}>
        <span class="setting-name">{props.name}</span>
      </label>
      <input
        id={id}
        type="checkbox"
        role="switch"
        aria-checked={props.isOn}
        checked={props.isOn}
        aria-describedby={`${id}-note`}
        onChange={(event) => props.set(event.currentTarget.checked)}
      />
      <span id={`${id}-note`} class="note">
        {props.note}
      </span>
    </li>
  );
}
