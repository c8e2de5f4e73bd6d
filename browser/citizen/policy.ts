/**
 * When this machine had better not compute, as a pure state machine: readings and wishes go in with the time, what is
 * paused and when to look again come out. It knows no browser and no clock.
 */
import type { PauseReason } from '../../node/protocol/event.ts';
import type { Millis } from '../../node/protocol/ids.ts';
import {
  BATTERY_LOW_LEVEL,
  BATTERY_RECOVERED_LEVEL,
  BUSY_LATENESS_MS,
  CALM_LATENESS_MS,
  DELAYS,
  LATENESS_LOOKS,
} from './limits.ts';
import type { Preferences } from './preferences.ts';
import type { BatteryReading } from './signals.ts';

/** Reasons that are found out here. `manual` is the person's own and never touched. */
export type CitizenReason = Extract<PauseReason, 'battery' | 'metered' | 'hidden' | 'load'>;

export const CITIZEN_REASONS: readonly CitizenReason[] = ['battery', 'metered', 'hidden', 'load'];

export interface Readings {
  readonly battery: BatteryReading | undefined;
  readonly metered: boolean | undefined;
  readonly hidden: boolean;
  /** How late this page's clock ran at the last looks, latest last. */
  readonly latenessMs: readonly Millis[];
}

export interface Policy {
  readonly preferences: Preferences;
  readonly readings: Readings;
  /** Was below the lower threshold and has not come above the upper one, nor to a charger, since. */
  readonly isBatteryLow: boolean;
  /** This page came late, and has not come in time since. */
  readonly isBusy: boolean;
  readonly paused: readonly CitizenReason[];
  /** Reasons that are about to begin or to end, with the time at which they do. */
  readonly dueMs: Readonly<Partial<Record<CitizenReason, Millis>>>;
}

export type PolicyInput =
  | { readonly type: 'battery'; readonly reading: BatteryReading | undefined }
  | { readonly type: 'metered'; readonly metered: boolean | undefined }
  | { readonly type: 'hidden'; readonly hidden: boolean }
  | { readonly type: 'lateness'; readonly lateMs: Millis }
  /** The person has chosen: no delay holds up what follows from that. */
  | { readonly type: 'preferences'; readonly preferences: Preferences }
  | { readonly type: 'time' };

export type BatteryState = 'charging' | 'discharging' | 'low' | 'unknown';

export function createPolicy(preferences: Preferences): Policy {
  const readings = { battery: undefined, metered: undefined, hidden: false, latenessMs: [] };
  return { preferences, readings, isBatteryLow: false, isBusy: false, paused: [], dueMs: {} };
}

/** `chance`, from 0 to 1, is drawn anew for each call: it keeps many tabs from doing the same at the same time. */
export function decide(policy: Policy, input: PolicyInput, nowMs: Millis, chance = 0): Policy {
  const readings = read(policy.readings, input);
  const { preferences: before } = policy;
  const preferences = input.type === 'preferences' ? input.preferences : before;
  const isBatteryLow = isLow(readings.battery, policy.isBatteryLow);
  const isBusy = isLate(readings.latenessMs, policy.isBusy);
  const paused = new Set(policy.paused);
  const dueMs: Partial<Record<CitizenReason, Millis>> = {};
  for (const reason of CITIZEN_REASONS) {
    const wanted = WANTED[reason](preferences, readings, { isBatteryLow, isBusy });
    if (wanted === paused.has(reason)) continue;
    const { pauseAfterMs, resumeAfterMs, spreadMs = 0 } = DELAYS[reason];
    const isChosen = preferences[PREFERENCE[reason]] !== before[PREFERENCE[reason]];
    const delayMs = isChosen ? 0 : (wanted ? pauseAfterMs : resumeAfterMs) + chance * spreadMs;
    const due = Math.min(policy.dueMs[reason] ?? Number.POSITIVE_INFINITY, nowMs + delayMs);
    if (due > nowMs) dueMs[reason] = due;
    else if (wanted) paused.add(reason);
    else paused.delete(reason);
  }
  return { preferences, readings, isBatteryLow, isBusy, paused: [...paused], dueMs };
}

/** When `time` is to be put in next; undefined if nothing is about to change. */
export function nextDueMs({ dueMs }: Policy): Millis | undefined {
  const times = Object.values(dueMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

export function batteryState({ readings: { battery }, isBatteryLow }: Policy): BatteryState {
  if (battery === undefined) return 'unknown';
  if (battery.charging) return 'charging';
  return isBatteryLow ? 'low' : 'discharging';
}

const PREFERENCE = {
  battery: 'pauseOnBattery',
  metered: 'pauseOnMetered',
  hidden: 'pauseWhenHidden',
  load: 'pauseWhenBusy',
} as const satisfies Readonly<Record<CitizenReason, keyof Preferences>>;

type Wanted = (
  preferences: Preferences,
  readings: Readings,
  states: Pick<Policy, 'isBatteryLow' | 'isBusy'>,
) => boolean;

const WANTED: Readonly<Record<CitizenReason, Wanted>> = {
  // Who gives the battery does not give the last third of it.
  battery: ({ pauseOnBattery }, { battery }, { isBatteryLow }) =>
    isBatteryLow || (pauseOnBattery && battery?.charging === false),
  metered: ({ pauseOnMetered }, { metered }) => pauseOnMetered && metered === true,
  hidden: ({ pauseWhenHidden }, { hidden }) => pauseWhenHidden && hidden,
  load: ({ pauseWhenBusy }, _readings, { isBusy }) => pauseWhenBusy && isBusy,
};

function read(readings: Readings, input: PolicyInput): Readings {
  switch (input.type) {
    case 'battery':
      return { ...readings, battery: input.reading };
    case 'metered':
      return { ...readings, metered: input.metered };
    case 'hidden':
      return { ...readings, hidden: input.hidden };
    case 'lateness':
      return { ...readings, latenessMs: [...readings.latenessMs, input.lateMs].slice(-LATENESS_LOOKS) };
    default:
      return readings;
  }
}

function isLow(battery: BatteryReading | undefined, wasLow: boolean): boolean {
  if (battery === undefined || battery.charging) return false;
  return battery.level < (wasLow ? BATTERY_RECOVERED_LEVEL : BATTERY_LOW_LEVEL);
}

function isLate(latenessMs: readonly Millis[], wasBusy: boolean): boolean {
  if (latenessMs.length < LATENESS_LOOKS) return wasBusy;
  const median = latenessMs.toSorted((a, b) => a - b)[Math.floor(LATENESS_LOOKS / 2)]!;
  return wasBusy ? median > CALM_LATENESS_MS : median >= BUSY_LATENESS_MS;
}
