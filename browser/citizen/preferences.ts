/** What the person at this machine wants, kept from visit to visit. Whatever is stored and cannot be read is as if it were not there. */

export interface Preferences {
  /** True: as soon as the machine runs on its battery. False: only when that is low. */
  readonly pauseOnBattery: boolean;
  readonly pauseOnMetered: boolean;
  readonly pauseWhenHidden: boolean;
  /** While this machine has more to do than it can, so that this page comes late. */
  readonly pauseWhenBusy: boolean;
  /** The screen stays on while this tab computes and is looked at. */
  readonly keepAwake: boolean;
}

export const DEFAULT_PREFERENCES: Preferences = {
  pauseOnBattery: true,
  pauseOnMetered: true,
  pauseWhenHidden: false,
  pauseWhenBusy: true,
  keepAwake: false,
};

/** `localStorage`, or what stands for it. */
export type PreferenceStorage = Pick<Storage, 'getItem' | 'setItem'>;

export const STORAGE_KEY = 'shoal-citizen';

/** Never throws: a storage that refuses, and anything malformed in it, gives the defaults, entry by entry. */
export function loadPreferences(storage: PreferenceStorage | undefined): Preferences {
  const stored = parse(storage);
  const kept = (name: keyof Preferences): boolean => {
    const value = stored[name];
    return typeof value === 'boolean' ? value : DEFAULT_PREFERENCES[name];
  };
  return {
    pauseOnBattery: kept('pauseOnBattery'),
    pauseOnMetered: kept('pauseOnMetered'),
    pauseWhenHidden: kept('pauseWhenHidden'),
    pauseWhenBusy: kept('pauseWhenBusy'),
    keepAwake: kept('keepAwake'),
  };
}

/** Never throws: preferences that cannot be kept hold for this visit. */
export function savePreferences(storage: PreferenceStorage | undefined, preferences: Preferences): void {
  try {
    storage?.setItem(STORAGE_KEY, JSON.stringify(preferences));
  } catch {
    // Full, or forbidden in this window.
  }
}

function parse(storage: PreferenceStorage | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(storage?.getItem(STORAGE_KEY) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
