/** Every threshold and delay of the good citizen, with its reason. */
import type { Millis } from '../../node/protocol/ids.ts';
import type { CitizenReason } from './policy.ts';

/**
 * Below it a battery is low, whatever its owner allows: kernels on all given cores empty a laptop within an hour or
 * two, and what is left then belongs to the person. Well above the 10 to 20 % at which systems begin to save by
 * themselves, so that a browser that is about to be put to sleep does not hold claims.
 */
export const BATTERY_LOW_LEVEL = 0.3;
/**
 * From it on a battery is no longer low. A battery gauge wanders by a few per cent when load comes and goes, and
 * pausing is just such a change of load: at a single threshold the pause itself would end the pause.
 */
export const BATTERY_RECOVERED_LEVEL = 0.4;

/** How often it is looked how late this page's clock runs. */
export const LATENESS_INTERVAL_MS = 1_000;
/** Looks of which the median counts: a single long task, or a machine that slept, is no load. */
export const LATENESS_LOOKS = 5;
/**
 * From it on a machine counts as busy. People notice a tenth of a second; a tab that computes on all cores of a machine
 * alone is a few milliseconds late.
 */
export const BUSY_LATENESS_MS = 200;
/** Below it a machine is no longer busy. In between everybody goes on as before: some compute, the others wait. */
export const CALM_LATENESS_MS = 80;

interface Delays {
  /** How long a reason must hold until it pauses. */
  readonly pauseAfterMs: Millis;
  /** How long it must be gone until it no longer does. */
  readonly resumeAfterMs: Millis;
  /** Added to each by chance, from nothing to this. */
  readonly spreadMs?: Millis;
}

/**
 * Hysteresis in time. What costs the person something pauses at once and ends late: a charger with a loose contact and
 * a phone at the edge of its Wi-Fi come and go within seconds, and every pause makes others take over claimed units.
 * Hidden is the other way round: looking at another tab for a moment is not leaving, coming back is.
 */
export const DELAYS: Readonly<Record<CitizenReason, Delays>> = {
  battery: { pauseAfterMs: 0, resumeAfterMs: 30_000 },
  metered: { pauseAfterMs: 0, resumeAfterMs: 30_000 },
  hidden: { pauseAfterMs: 5_000, resumeAfterMs: 0 },
  // All tabs of a machine notice at the same moment that it is busy. Were they to pause together, it would idle, and be
  // as busy again when all go on: so each waits a time of its own, and those that still wait when it is calm stay.
  load: { pauseAfterMs: 2_000, resumeAfterMs: 10_000, spreadMs: 20_000 },
};

/**
 * How often a tab that seems to compute is asked whether it still does. A screen stays awake this much longer than the
 * work at most; shorter gaps between two units do not let go of it.
 */
export const WORK_CHECK_INTERVAL_MS = 30_000;
