/**
 * Screen Wake Lock API; absent outside secure contexts and in old browsers. The system takes the lock when the page is
 * hidden, and may take it at any time, e.g. to save a battery.
 *
 * Not exercised by this project: a screen that stays on. Headless Chromium grants the lock and takes it back from a
 * hidden page; whether a system obeys it was not seen.
 */
import type { WakeLockSource } from './signals.ts';

export interface WakeLockNavigator {
  readonly wakeLock?: { request(type: 'screen'): Promise<SentinelLike> };
}

/** `WakeLockSentinel`, as far as it is used. */
export interface SentinelLike extends EventTarget {
  release(): Promise<void>;
}

export function screenWakeLock({ wakeLock }: WakeLockNavigator): WakeLockSource | undefined {
  if (wakeLock === undefined) return undefined;
  return {
    async request(lost) {
      const sentinel = await wakeLock.request('screen');
      sentinel.addEventListener('release', lost, { once: true });
      return () => {
        sentinel.removeEventListener('release', lost);
        sentinel.release().catch(() => undefined);
      };
    },
  };
}
