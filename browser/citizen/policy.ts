/**
 * When this machine had better not compute, as a pure state machine: readings and wishes go in with the time, what is
 * paused and when to look again come out. It knows no browser and no clock.
 */
import type { PauseReason } from '../../node/protocol/event.ts';
import type { Millis } from '../../node/protocol/ids.ts';
import { BATTERY_LOW_LEVEL, BATTERY_RECOVERED_LEVEL, DELAYS } from './limits.ts';
import type { Preferences } from './preferences.ts';
import type { BatteryReading } from './signals.ts';

/** Reasons that are found out here. `manual` is the person's own and never touched. */
export type CitizenReason = Extract<PauseReason, 'battery' | 'metered' | 'hidden'>;

export const CITIZEN_REASONS: readonly CitizenReason[] = ['battery', 'metered', 'hidden'];

export interface Readings {
  readonly battery: BatteryReading | undefined;
  readonly metered: boolean | undefined;
  readonly hidden: boolean;
}

export interface Policy {
  readonly preferences: Preferences;
  readonly readings: Readings;
  /** Was below the lower threshold and has not come above the upper one, nor to a charger, since. */
  readonly isBatteryLow: boolean;
  readonly paused: readonly CitizenReason[];
  /** Reasons that are about to begin or to end, with the time at which they do. */
  readonly dueMs: Readonly<Partial<Record<CitizenReason, Millis>>>;
}

export type PolicyInput =
  | { readonly type: 'battery'; readonly reading: BatteryReading | undefined }
  | { readonly type: 'metered'; readonly metered: boolean | undefined }
  | { readonly type: 'hidden'; readonly hidden: boolean }
  /** The person has chosen: no delay holds up what follows from that. */
  | { readonly type: 'preferences'; readonly preferences: Preferences }
  | { readonly type: 'time' };

export type BatteryState = 'charging' | 'discharging' | 'low' | 'unknown';

export function createPolicy(preferences: Preferences): Policy {
  const readings = { battery: undefined, metered: undefined, hidden: false };
  return { preferences, readings, isBatteryLow: false, paused: [], dueMs: {} };
}

export function decide(policy: Policy, input: PolicyInput, nowMs: Millis): Policy {
  const readings = read(policy.readings, input);
  const { preferences: before } = policy;
  const preferences = input.type === 'preferences' ? input.preferences : before;
  const isBatteryLow = isLow(readings.battery, policy.isBatteryLow);
  const paused = new Set(policy.paused);
  const dueMs: Partial<Record<CitizenReason, Millis>> = {};
  for (const reason of CITIZEN_REASONS) {
    const wanted = WANTED[reason](preferences, readings, isBatteryLow);
    if (wanted === paused.has(reason)) continue;
    const { pauseAfterMs, resumeAfterMs } = DELAYS[reason];
    const isChosen = preferences[PREFERENCE[reason]] !== before[PREFERENCE[reason]];
    const delayMs = isChosen ? 0 : wanted ? pauseAfterMs : resumeAfterMs;
    const due = Math.min(policy.dueMs[reason] ?? Number.POSITIVE_INFINITY, nowMs + delayMs);
    if (due > nowMs) dueMs[reason] = due;
    else if (wanted) paused.add(reason);
    else paused.delete(reason);
  }
  return { preferences, readings, isBatteryLow, paused: [...paused], dueMs };
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
} as const satisfies Readonly<Record<CitizenReason, keyof Preferences>>;

type Wanted = (preferences: Preferences, readings: Readings, isBatteryLow: boolean) => boolean;

const WANTED: Readonly<Record<CitizenReason, Wanted>> = {
  // Who gives the battery does not give the last third of it.
  battery: ({ pauseOnBattery }, { battery }, low) => low || (pauseOnBattery && battery?.charging === false),
  metered: ({ pauseOnMetered }, { metered }) => pauseOnMetered && metered === true,
  hidden: ({ pauseWhenHidden }, { hidden }) => pauseWhenHidden && hidden,
};

function read(readings: Readings, input: PolicyInput): Readings {
  switch (input.type) {
    case 'battery':
      return { ...readings, battery: input.reading };
    case 'metered':
      return { ...readings, metered: input.metered };
    case 'hidden':
      return { ...readings, hidden: input.hidden };
    default:
      return readings;
  }
}

function isLow(battery: BatteryReading | undefined, wasLow: boolean): boolean {
  if (battery === undefined || battery.charging) return false;
  return battery.level < (wasLow ? BATTERY_RECOVERED_LEVEL : BATTERY_LOW_LEVEL);
}
