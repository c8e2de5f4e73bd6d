/**
 * What a machine and a person let a tab know about the cost of computing, as one interface: the policy is driven by
 * it, in a browser through the adapters beside this file, in tests by hand. A value that a browser does not tell is
 * `undefined` and never a reason to pause: guessing would stop machines for nothing.
 */
import type { Millis } from '../../node/protocol/ids.ts';

/**
 * Something that changes. Tells what holds now as soon as that is known (perhaps before this returns), then every
 * change, until the returned function is called. A value may be told twice.
 */
export type Signal<T> = (tell: (value: T) => void) => () => void;

export interface BatteryReading {
  /** Also true where there is no battery: that is how browsers report a machine on mains. */
  readonly charging: boolean;
  /** 0 to 1. */
  readonly level: number;
}

/** A lock that keeps the screen, and with it the machine, awake. */
export interface WakeLockSource {
  /**
   * Resolves to what gives it back. `lost` is called once if the system takes it first. Rejects where the system
   * refuses: page hidden, battery saver, policy.
   */
  request(lost: () => void): Promise<() => void>;
}

export interface Signals {
  readonly battery: Signal<BatteryReading | undefined>;
  /** Whether bytes cost money, or the person has asked for few of them. */
  readonly metered: Signal<boolean | undefined>;
  readonly hidden: Signal<boolean>;
  /** How late this page's clock ran just now; told again and again. */
  readonly lateness: Signal<Millis>;
  /** `undefined` where the browser has none. */
  readonly wakeLock: WakeLockSource | undefined;
}
