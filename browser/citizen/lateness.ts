/**
 * How late this page's own clock runs. A page that asks to be called after a second, and is called after two, sits on
 * a machine that has more to do than it can: the person notices it too, in every other page. The ticks come from a
 * worker that keeps its time behind other tabs, where a page's own timers are slow for another reason.
 *
 * A tab that computes on all cores and has them to itself is not late: the system lets a page that wakes up run before
 * workers that have run all the time. Nor do some programs beside it make it late (docs/decisions/0005-tabs.md has
 * figures): it takes a machine that is overwhelmed.
 */
import type { Millis } from '../../node/protocol/ids.ts';
import { LATENESS_INTERVAL_MS } from './limits.ts';
import type { Signal } from './signals.ts';

/** Calls back again and again, each time so long after the last; returns what ends it. */
export type Every = (intervalMs: Millis, callback: () => void) => () => void;

export function latenessSignal(every: Every, nowMs: () => Millis = () => performance.now()): Signal<Millis> {
  return (tell) => {
    let dueMs = nowMs() + LATENESS_INTERVAL_MS;
    return every(LATENESS_INTERVAL_MS, () => {
      const lateMs = Math.max(0, nowMs() - dueMs);
      dueMs = nowMs() + LATENESS_INTERVAL_MS;
      tell(lateMs);
    });
  };
}
