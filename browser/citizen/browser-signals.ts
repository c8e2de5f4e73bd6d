/** The signals of a real browser. What it does not have is told as unknown, so this never throws. */
import { type BatteryNavigator, batterySignal } from './battery.ts';
import { type ConnectionNavigator, meteredSignal } from './connection.ts';
import { type Every, latenessSignal } from './lateness.ts';
import { screenWakeLock, type WakeLockNavigator } from './screen-wake-lock.ts';
import type { Signals } from './signals.ts';
import { hiddenSignal, type VisibilityDocument } from './visibility.ts';

export interface SignalGlobals {
  readonly navigator: BatteryNavigator & ConnectionNavigator & WakeLockNavigator;
  readonly document: VisibilityDocument;
}

/** `every` keeps its time behind other tabs, as `TabPeer.every` does. */
export function browserSignals(every: Every, globals: SignalGlobals = globalThis as unknown as SignalGlobals): Signals {
  const { navigator, document } = globals;
  return {
    battery: batterySignal(navigator),
    metered: meteredSignal(navigator),
    hidden: hiddenSignal(document),
    lateness: latenessSignal(every),
    wakeLock: screenWakeLock(navigator),
  };
}
