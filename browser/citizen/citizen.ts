/**
 * The good citizen of a tab: watches what computing costs the person at this machine, and pauses the peer while it
 * costs too much. A pause stops a unit at its next step and keeps what it has computed, for later; connections stay, so
 * that others learn of it at once. Puts signals, policy, wake lock and stored preferences together; each of them is a file of its own.
 */
import type { Capacity } from '../peer/capacity.ts';
import {
  type BatteryState,
  batteryState,
  CITIZEN_REASONS,
  createPolicy,
  decide,
  nextDueMs,
  type Policy,
  type PolicyInput,
} from './policy.ts';
import { loadPreferences, type PreferenceStorage, type Preferences, savePreferences } from './preferences.ts';
import type { Signal, Signals } from './signals.ts';
import { pageTimer, type Timer } from './timer.ts';
import { WakeLockKeeper, type WakeLockState } from './wake-lock-keeper.ts';

export interface CitizenParts {
  readonly capacity: Pick<Capacity, 'state' | 'pause' | 'resume' | 'subscribe'>;
  readonly signals: Signals;
  /** Where preferences are kept; undefined where the browser has no storage: they hold for this visit then. */
  readonly storage: PreferenceStorage | undefined;
  /** Whether a unit is being computed, as `workSignal` tells. Without it: whether the peer may compute. */
  readonly work?: Signal<boolean>;
  readonly timer?: Timer;
  /** From 0 to 1; `Math.random` by default. */
  readonly random?: () => number;
}

export interface CitizenState {
  /** `unknown`: this browser does not say. `low` ends at a charger or above 40 %. */
  readonly battery: BatteryState;
  readonly metered: boolean | undefined;
  readonly hidden: boolean;
  /** This machine has more to do than it can. */
  readonly busy: boolean;
  readonly wakeLock: WakeLockState;
}

export interface Citizen {
  readonly preferences: Preferences;
  state(): CitizenState;
  /** Holds at once, and is kept. */
  setPreference(name: keyof Preferences, value: boolean): void;
  /** Calls `listener` when the state or a preference has changed. Returns what ends that. */
  subscribe(listener: () => void): () => void;
  /** Watches no longer and lets the screen sleep. Reasons to pause stay as they are: the peer is about to end, too. */
  close(): void;
}

export function createCitizen(parts: CitizenParts): Citizen {
  const { capacity, signals, storage, timer = pageTimer, random = Math.random } = parts;
  const listeners = new Set<() => void>();
  let told = '';
  let isWorking = parts.work === undefined;
  let isClosed = false;
  let policy: Policy = createPolicy(loadPreferences(storage));
  let cancelTimer: (() => void) | undefined;

  const state = (): CitizenState => {
    const { metered, hidden } = policy.readings;
    return { battery: batteryState(policy), metered, hidden, busy: policy.isBusy, wakeLock: wakeLock.state };
  };
  const tell = (): void => {
    const now = JSON.stringify([state(), policy.preferences]);
    if (now === told || isClosed) return;
    told = now;
    for (const listener of listeners) listener();
  };
  const wakeLock = new WakeLockKeeper(signals.wakeLock, tell);

  const holdAwake = (): void => {
    const { cores, paused } = capacity.state;
    const isComputing = isWorking && cores > 0 && paused.length === 0;
    wakeLock.want(!isClosed && policy.preferences.keepAwake && !policy.readings.hidden && isComputing);
  };
  const apply = (): void => {
    cancelTimer?.();
    const due = nextDueMs(policy);
    cancelTimer = due === undefined ? undefined : timer.after(Math.max(0, due - timer.now()), onTime);
    for (const reason of CITIZEN_REASONS) {
      if (policy.paused.includes(reason)) capacity.pause(reason);
      else capacity.resume(reason);
    }
    holdAwake();
    tell();
  };
  const put = (input: PolicyInput): void => {
    if (isClosed) return;
    policy = decide(policy, input, timer.now(), random());
    apply();
  };
  const onTime = (): void => put({ type: 'time' });

  const closing = [
    capacity.subscribe(() => {
      holdAwake();
      tell();
    }),
    signals.hidden((hidden) => put({ type: 'hidden', hidden })),
    signals.metered((metered) => put({ type: 'metered', metered })),
    signals.lateness((lateMs) => put({ type: 'lateness', lateMs })),
    signals.battery((reading) => put({ type: 'battery', reading })),
    parts.work?.((working) => {
      isWorking = working;
      holdAwake();
    }),
  ];
  apply();

  return {
    get preferences() {
      return policy.preferences;
    },
    state,
    setPreference(name, value) {
      const preferences = { ...policy.preferences, [name]: value };
      savePreferences(storage, preferences);
      put({ type: 'preferences', preferences });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      for (const close of closing) close?.();
      cancelTimer?.();
      holdAwake();
      listeners.clear();
    },
  };
}
