/** The good citizen over signals that the test gives, and a capacity as the peer's own. */
import { describe, expect, it } from 'vitest';
import { createCitizen } from '../../../browser/citizen/citizen.ts';
import { BUSY_LATENESS_MS, CALM_LATENESS_MS, DELAYS, LATENESS_LOOKS } from '../../../browser/citizen/limits.ts';
import {
  DEFAULT_PREFERENCES,
  loadPreferences,
  type PreferenceStorage,
  type Preferences,
  STORAGE_KEY,
} from '../../../browser/citizen/preferences.ts';
import type { BatteryReading, Signal, WakeLockSource } from '../../../browser/citizen/signals.ts';
import type { Timer } from '../../../browser/citizen/timer.ts';
import { Capacity } from '../../../browser/peer/capacity.ts';
import type { PauseReason } from '../../../node/protocol/event.ts';

/** A signal that is driven by hand. */
class Source<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  readonly signal: Signal<T> = (tell) => {
    this.#listeners.add(tell);
    tell(this.#value);
    return () => this.#listeners.delete(tell);
  };
  set(value: T): void {
    this.#value = value;
    for (const tell of this.#listeners) tell(value);
  }
  get watched(): boolean {
    return this.#listeners.size > 0;
  }
}

class Time implements Timer {
  #now = 0;
  readonly #due = new Map<() => void, number>();
  now(): number {
    return this.#now;
  }
  after(delayMs: number, callback: () => void): () => void {
    const call = (): void => callback();
    this.#due.set(call, this.#now + delayMs);
    return () => this.#due.delete(call);
  }
  pass(ms: number): void {
    this.#now += ms;
    for (const [call, at] of [...this.#due]) if (at <= this.#now && this.#due.delete(call)) call();
  }
  get armed(): number {
    return this.#due.size;
  }
}

/** A wake lock that answers when the test says so. */
class Lock implements WakeLockSource {
  readonly asked: { resolve(): void; reject(): void; lost(): void }[] = [];
  held = 0;
  request(lost: () => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      this.asked.push({
        lost: () => {
          this.held--;
          lost();
        },
        reject: () => reject(new Error('NotAllowedError')),
        resolve: () => {
          this.held++;
          resolve(() => this.held--);
        },
      });
    });
  }
}

class Memory implements PreferenceStorage {
  readonly entries = new Map<string, string>();
  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Start {
  readonly preferences?: Partial<Preferences>;
  readonly paused?: readonly PauseReason[];
  readonly battery?: BatteryReading;
  readonly wakeLock?: WakeLockSource | undefined;
  readonly knowsWork?: boolean;
}

function start({ preferences, paused = [], battery, wakeLock, knowsWork = false }: Start = {}) {
  const events: string[] = [];
  const capacity = new Capacity({
    cores: 2,
    paused,
    dispatch: ({ paused: reasons }) => events.push(reasons.join(' ')),
    resize: () => undefined,
  });
  const sources = {
    battery: new Source<BatteryReading | undefined>(battery),
    metered: new Source<boolean | undefined>(undefined),
    hidden: new Source(false),
    lateness: new Source(0),
    work: new Source(false),
  };
  const timer = new Time();
  const storage = new Memory();
  if (preferences !== undefined) storage.setItem(STORAGE_KEY, JSON.stringify(preferences));
  const citizen = createCitizen({
    capacity,
    signals: {
      battery: sources.battery.signal,
      metered: sources.metered.signal,
      hidden: sources.hidden.signal,
      lateness: sources.lateness.signal,
      wakeLock,
    },
    storage,
    timer,
    random: () => 0.5,
    ...(knowsWork ? { work: sources.work.signal } : {}),
  });
  let changes = 0;
  citizen.subscribe(() => changes++);
  return { ...sources, capacity, citizen, events, storage, timer, changes: () => changes };
}

describe('the good citizen', () => {
  it('pauses and resumes the peer, each reason by itself, and leaves the owner’s own pause alone', () => {
    const { battery, metered, capacity, citizen, events, timer } = start({ paused: ['manual'] });
    battery.set({ charging: false, level: 0.7 });
    metered.set(true);
    expect(capacity.state.paused).toEqual(['manual', 'battery', 'metered']);
    expect(citizen.state()).toMatchObject({ battery: 'discharging', metered: true, hidden: false });
    battery.set({ charging: true, level: 0.7 });
    timer.pass(DELAYS.battery.resumeAfterMs);
    expect(capacity.state.paused).toEqual(['manual', 'metered']);
    capacity.resume('manual');
    metered.set(false);
    timer.pass(DELAYS.metered.resumeAfterMs);
    expect(capacity.state.paused).toEqual([]);
    expect(events).toEqual(['manual battery', 'manual battery metered', 'manual metered', 'metered', '']);
    expect(timer.armed).toBe(0);
  });

  it('pauses from the start where there is a reason from the start', () => {
    const { events } = start({ battery: { charging: false, level: 0.9 } });
    expect(events).toEqual(['battery']);
  });

  it('tells the peer nothing while signals come and go within the delay', () => {
    const { battery, events, timer } = start({ battery: { charging: false, level: 0.9 } });
    for (let i = 0; i < 20; i++) {
      battery.set({ charging: i % 2 === 0, level: 0.9 });
      timer.pass(DELAYS.battery.resumeAfterMs - 1);
    }
    expect(events).toEqual(['battery']);
  });

  it('pauses hidden when the person wants that, and remembers the wish', () => {
    const { hidden, capacity, citizen, storage, timer, changes } = start();
    hidden.set(true);
    timer.pass(DELAYS.hidden.pauseAfterMs);
    expect(capacity.state.paused).toEqual([]);
    const before = changes();
    citizen.setPreference('pauseWhenHidden', true);
    expect(changes()).toBe(before + 1);
    expect(capacity.state.paused).toEqual(['hidden']);
    expect(loadPreferences(storage)).toEqual({ ...DEFAULT_PREFERENCES, pauseWhenHidden: true });
    expect(citizen.preferences.pauseWhenHidden).toBe(true);
    hidden.set(false);
    expect(capacity.state.paused).toEqual([]);
  });

  it('steps back while the machine is busy, after a time of its own, and says so', () => {
    const { lateness, capacity, citizen, timer, changes } = start();
    const { pauseAfterMs, resumeAfterMs, spreadMs } = DELAYS.load;
    const looks = (lateMs: number): void => {
      for (let look = 0; look < LATENESS_LOOKS; look++) lateness.set(lateMs);
    };
    looks(2 * BUSY_LATENESS_MS);
    expect([citizen.state().busy, capacity.state.paused, changes()]).toEqual([true, [], 1]);
    timer.pass(pauseAfterMs + spreadMs! / 2 - 1);
    expect(capacity.state.paused).toEqual([]);
    timer.pass(1);
    expect(capacity.state.paused).toEqual(['load']);
    looks(CALM_LATENESS_MS / 2);
    expect(citizen.state().busy).toBe(false);
    timer.pass(resumeAfterMs + spreadMs! / 2);
    expect(capacity.state.paused).toEqual([]);
    looks(2 * BUSY_LATENESS_MS);
    timer.pass(pauseAfterMs + spreadMs!);
    citizen.setPreference('pauseWhenBusy', false);
    expect(capacity.state.paused).toEqual([]);
  });

  it('says nothing when nothing has changed, and nothing to who has left', () => {
    const { battery, citizen, changes } = start({ battery: { charging: true, level: 0.5 } });
    battery.set({ charging: true, level: 0.6 });
    expect(changes()).toBe(0);
    let heard = 0;
    const leave = citizen.subscribe(() => heard++);
    battery.set(undefined);
    leave();
    battery.set({ charging: true, level: 0.6 });
    expect([heard, changes()]).toEqual([1, 2]);
  });

  it('follows nothing once it is closed, and leaves the pause to the peer that ends', () => {
    const { battery, metered, hidden, lateness, capacity, citizen, timer, changes } = start();
    battery.set({ charging: false, level: 0.5 });
    battery.set({ charging: true, level: 0.5 });
    const before = changes();
    citizen.close();
    citizen.close();
    expect([battery, metered, hidden, lateness].map(({ watched }) => watched)).toEqual([false, false, false, false]);
    expect(timer.armed).toBe(0);
    citizen.setPreference('pauseOnBattery', false);
    expect(capacity.state.paused).toEqual(['battery']);
    expect(changes()).toBe(before);
  });
});

describe('the wake lock', () => {
  const awake = { preferences: { ...DEFAULT_PREFERENCES, keepAwake: true } };

  it('is held while the peer computes and the page is looked at, and asked for again on return', async () => {
    const lock = new Lock();
    const { work, hidden, capacity, citizen, changes } = start({ ...awake, wakeLock: lock, knowsWork: true });
    expect([lock.asked.length, citizen.state().wakeLock]).toEqual([0, 'off']);
    work.set(true);
    lock.asked[0]!.resolve();
    await settled();
    expect([lock.held, citizen.state().wakeLock, changes()]).toEqual([1, 'held', 1]);
    hidden.set(true);
    expect([lock.held, citizen.state().wakeLock]).toEqual([0, 'off']);
    hidden.set(false);
    lock.asked[1]!.resolve();
    await settled();
    expect(lock.held).toBe(1);
    for (const [stop, go] of [
      [() => capacity.pause('manual'), () => capacity.resume('manual')],
      [() => capacity.setCores(0), () => capacity.setCores(1)],
      [() => work.set(false), () => work.set(true)],
      [() => citizen.setPreference('keepAwake', false), () => citizen.setPreference('keepAwake', true)],
    ] as const) {
      stop();
      expect([lock.held, citizen.state().wakeLock]).toEqual([0, 'off']);
      go();
      lock.asked.at(-1)!.resolve();
      await settled();
      expect([lock.held, citizen.state().wakeLock]).toEqual([1, 'held']);
    }
    citizen.close();
    expect(lock.held).toBe(0);
    expect(lock.asked).toHaveLength(6);
  });

  it('without a word about work follows what the peer may do', async () => {
    const lock = new Lock();
    const { capacity } = start({ ...awake, wakeLock: lock });
    expect(lock.asked).toHaveLength(1);
    lock.asked[0]!.resolve();
    await settled();
    capacity.pause('manual');
    expect(lock.held).toBe(0);
  });

  it('that is refused, or taken away, is not asked for again until the wish is new', async () => {
    const lock = new Lock();
    const { citizen, hidden } = start({ ...awake, wakeLock: lock });
    lock.asked[0]!.reject();
    await settled();
    expect(citizen.state().wakeLock).toBe('refused');
    hidden.set(true);
    expect(citizen.state().wakeLock).toBe('off');
    hidden.set(false);
    lock.asked[1]!.resolve();
    await settled();
    lock.asked[1]!.lost();
    await settled();
    expect([citizen.state().wakeLock, lock.held, lock.asked.length]).toEqual(['refused', 0, 2]);
  });

  it('that comes too late is given back', async () => {
    const lock = new Lock();
    const { hidden, citizen } = start({ ...awake, wakeLock: lock });
    hidden.set(true);
    hidden.set(false);
    lock.asked[0]!.resolve();
    await settled();
    expect([lock.held, citizen.state().wakeLock]).toEqual([0, 'off']);
    lock.asked[1]!.resolve();
    await settled();
    expect([lock.held, citizen.state().wakeLock]).toEqual([1, 'held']);
    hidden.set(true);
    hidden.set(false);
    hidden.set(true);
    lock.asked[2]!.reject();
    await settled();
    expect([lock.held, citizen.state().wakeLock]).toEqual([0, 'off']);
  });

  it('is not asked for by default, nor where there is none', () => {
    const lock = new Lock();
    expect(start({ wakeLock: lock }).citizen.state().wakeLock).toBe('off');
    expect(lock.asked).toHaveLength(0);
    expect(start(awake).citizen.state().wakeLock).toBe('unsupported');
  });
});

describe('preferences', () => {
  const stored = (content: string): Preferences => {
    const memory = new Memory();
    memory.setItem(STORAGE_KEY, content);
    return loadPreferences(memory);
  };

  it('fall back to the defaults, entry by entry, where what is stored cannot be read', () => {
    for (const content of ['', '{', 'null', '7', '"true"', '[]', '{"pauseOnBattery":"no"}']) {
      expect(stored(content), content).toEqual(DEFAULT_PREFERENCES);
    }
    expect(stored('{"pauseOnMetered":false,"keepAwake":1,"other":true}')).toEqual({
      ...DEFAULT_PREFERENCES,
      pauseOnMetered: false,
    });
    expect(loadPreferences(undefined)).toEqual(DEFAULT_PREFERENCES);
  });

  it('hold for the visit where the storage refuses', () => {
    const refuse = (): never => {
      throw new DOMException('no', 'SecurityError');
    };
    const { signal } = new Source<boolean | undefined>(undefined);
    const citizen = createCitizen({
      capacity: new Capacity({ cores: 1, paused: [], dispatch: () => undefined, resize: () => undefined }),
      signals: {
        battery: new Source<BatteryReading | undefined>(undefined).signal,
        metered: signal,
        hidden: new Source(false).signal,
        lateness: new Source(0).signal,
        wakeLock: undefined,
      },
      storage: { getItem: refuse, setItem: refuse },
      timer: new Time(),
    });
    expect(citizen.preferences).toEqual(DEFAULT_PREFERENCES);
    citizen.setPreference('keepAwake', true);
    expect(citizen.preferences.keepAwake).toBe(true);
    citizen.close();
  });
});
