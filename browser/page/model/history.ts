/** Totals over time, and the pace they make: for the chart of what this machine has done lately. */
import type { PeerView } from '../../../node/protocol/view.ts';

export interface Sample {
  readonly atMs: number;
  readonly fuel: number;
  readonly units: number;
}

/** Ten minutes at one sample a second. */
const SAMPLES_MAX = 600;
/** Fuel is counted when a unit ends, so a pace is taken over several units. */
export const PACE_WINDOW_MS = 15_000;

export function sampleOf({ nowMs, totals }: PeerView): Sample {
  return { atMs: nowMs, fuel: totals.fuelExecuted, units: totals.unitsExecuted };
}

/** The oldest go first. A total that shrinks belongs to a peer that has started again: history starts again too. */
export function extended(history: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = history.at(-1);
  if (last !== undefined && sample.atMs <= last.atMs) return history;
  if (last !== undefined && sample.units < last.units) return [sample];
  return [...history.slice(-(SAMPLES_MAX - 1)), sample];
}

export interface Pace {
  readonly atMs: number;
  readonly fuelPerSecond: number;
  readonly unitsPerMinute: number;
}

/** One for each sample, over the window before it; what is younger than the window counts from its first sample. */
export function paces(history: readonly Sample[]): readonly Pace[] {
  let start = 0;
  return history.map((sample) => {
    while (sample.atMs - history[start]!.atMs > PACE_WINDOW_MS) start++;
    // At least five seconds, so that the first unit of all does not look like a record.
    const seconds = Math.max(5, (sample.atMs - history[start]!.atMs) / 1_000);
    return {
      atMs: sample.atMs,
      fuelPerSecond: (sample.fuel - history[start]!.fuel) / seconds,
      unitsPerMinute: ((sample.units - history[start]!.units) / seconds) * 60,
    };
  });
}
