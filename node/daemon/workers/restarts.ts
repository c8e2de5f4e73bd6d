/**
 * When a sandbox process that has ended is started again: at once where that is rare, more slowly where it comes again
 * and again, and at last so seldom that the peer says it cannot compute. Pure: time is an argument.
 */
import type { Millis } from '../../protocol/ids.ts';

/** Before the first, second and third start again within the window. */
const WAITS_MS = [0, 500, 2_000];
/** From the fourth on. */
const WAIT_FAILING_MS = 30_000;
const WINDOW_MS = 60_000;

export class Restarts {
  #endedAt: readonly Millis[] = [];

  /** To be called each time it ends. `isFailing`: it is better not to wait for it. */
  ended(now: Millis): { readonly waitMs: Millis; readonly isFailing: boolean } {
    const recent = this.#endedAt.filter((at) => now - at < WINDOW_MS);
    this.#endedAt = [...recent, now];
    const waitMs = WAITS_MS[recent.length];
    return { waitMs: waitMs ?? WAIT_FAILING_MS, isFailing: waitMs === undefined };
  }
}
