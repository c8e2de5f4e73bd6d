/**
 * Time for the good citizen. A page's own timers will do: hidden ones fire once a second, later once a minute, and
 * the only thing that then comes late is the end of a pause.
 */
import type { Millis } from '../../node/protocol/ids.ts';

export interface Timer {
  /** Never runs backwards. */
  now(): Millis;
  /** Returns what cancels it. */
  after(delayMs: Millis, callback: () => void): () => void;
}

export const pageTimer: Timer = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
