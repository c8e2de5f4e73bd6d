/**
 * The daemon's clock: the wall clock as it stood at start, carried on by the monotonic one. It never runs backwards
 * while the process lives, whatever is done to the system time.
 */
import type { Millis } from '../protocol/ids.ts';
import type { Clock } from '../runtime/environment.ts';

/** Longest delay a Node.js timer takes; a later deadline is armed again when this one fires. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  const startedAt = Date.now() - performance.now();
  // Whole milliseconds: times go into signed statements, which know no fractions.
  const now = (): Millis => Math.floor(startedAt + performance.now());
  return {
    now,
    schedule(at, callback) {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const left = at - now();
        // Rounded up: a timer that fires early would only be armed again.
        timer = left > TIMEOUT_MAX_MS ? setTimeout(arm, TIMEOUT_MAX_MS) : setTimeout(callback, left);
      };
      arm();
      return () => clearTimeout(timer);
    },
    defer: (callback) => void setImmediate(callback),
  };
}
