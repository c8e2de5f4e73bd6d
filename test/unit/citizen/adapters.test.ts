/** The adapters over what a browser would offer: events in, readings out, and nothing left behind. */
import { describe, expect, it } from 'vitest';
import { batterySignal } from '../../../browser/citizen/battery.ts';
import { browserSignals } from '../../../browser/citizen/browser-signals.ts';
import { meteredSignal } from '../../../browser/citizen/connection.ts';
import { latenessSignal } from '../../../browser/citizen/lateness.ts';
import { LATENESS_INTERVAL_MS } from '../../../browser/citizen/limits.ts';
import { screenWakeLock } from '../../../browser/citizen/screen-wake-lock.ts';
import type { Timer } from '../../../browser/citizen/timer.ts';
import { hiddenSignal } from '../../../browser/citizen/visibility.ts';
import { workSignal } from '../../../browser/citizen/work.ts';
import type { JobId } from '../../../node/protocol/ids.ts';
import type { Notification } from '../../../node/protocol/notification.ts';
import type { PeerView } from '../../../node/protocol/view.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts who listens. */
class Target extends EventTarget {
  listening = 0;
  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listening++;
    super.addEventListener(...args);
  }
  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listening--;
    super.removeEventListener(...args);
  }
}

describe('the battery adapter', () => {
  class Battery extends Target {
    charging = true;
    level = 1;
  }

  it('tells the first reading and every change, and leaves nothing behind', async () => {
    const battery = new Battery();
    const told: unknown[] = [];
    const stop = batterySignal({ getBattery: async () => battery })((reading) => told.push(reading));
    await settled();
    battery.charging = false;
    battery.dispatchEvent(new Event('chargingchange'));
    battery.level = 0.5;
    battery.dispatchEvent(new Event('levelchange'));
    stop();
    battery.dispatchEvent(new Event('levelchange'));
    expect(told).toEqual([
      { charging: true, level: 1 },
      { charging: false, level: 1 },
      { charging: false, level: 0.5 },
    ]);
    expect(battery.listening).toBe(0);
  });

  it('does not begin when it was stopped before the browser answered', async () => {
    const battery = new Battery();
    const told: unknown[] = [];
    batterySignal({ getBattery: async () => battery })((reading) => told.push(reading))();
    batterySignal({ getBattery: () => Promise.reject(new Error('no')) })((reading) => told.push(reading))();
    await settled();
    expect([told, battery.listening]).toEqual([[], 0]);
  });

  it('knows nothing where there is none, or where it is forbidden', async () => {
    const told: unknown[] = [];
    batterySignal({})((reading) => told.push(reading))();
    batterySignal({ getBattery: () => Promise.reject(new Error('NotAllowedError')) })((reading) => told.push(reading));
    await settled();
    expect(told).toEqual([undefined, undefined]);
  });
});

describe('the connection adapter', () => {
  class Connection extends Target {
    saveData: boolean | undefined;
    type: string | undefined;
  }

  it('calls metered what is cellular, tethered, or saved on', () => {
    const connection = new Connection();
    const told: unknown[] = [];
    const stop = meteredSignal({ connection: connection as never })((metered) => told.push(metered));
    const change = (saveData: boolean | undefined, type?: string): void => {
      Object.assign(connection, { saveData, type });
      connection.dispatchEvent(new Event('change'));
    };
    change(false);
    change(false, 'wifi');
    change(true, 'wifi');
    change(false, 'cellular');
    change(undefined, 'bluetooth');
    change(undefined, 'ethernet');
    expect(told).toEqual([undefined, false, false, true, true, true, false]);
    stop();
    change(true);
    expect([told.length, connection.listening]).toEqual([7, 0]);
  });

  it('knows nothing where there is none', () => {
    const told: unknown[] = [];
    meteredSignal({})((metered) => told.push(metered))();
    expect(told).toEqual([undefined]);
  });
});

describe('the visibility adapter', () => {
  it('tells whether the page is hidden', () => {
    const document = Object.assign(new Target(), { visibilityState: 'hidden' });
    const told: boolean[] = [];
    const stop = hiddenSignal(document)((hidden) => told.push(hidden));
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    stop();
    document.dispatchEvent(new Event('visibilitychange'));
    expect([told, document.listening]).toEqual([[true, false], 0]);
  });
});

describe('the wake lock adapter', () => {
  class Sentinel extends EventTarget {
    releases = 0;
    async release(): Promise<void> {
      this.releases++;
      this.dispatchEvent(new Event('release'));
    }
  }

  it('gives back without calling that a loss, and tells a loss once', async () => {
    const sentinels: Sentinel[] = [];
    const request = async (): Promise<Sentinel> => {
      sentinels.push(new Sentinel());
      return sentinels.at(-1)!;
    };
    const source = screenWakeLock({ wakeLock: { request } })!;
    let lost = 0;
    (await source.request(() => lost++))();
    expect([sentinels[0]!.releases, lost]).toEqual([1, 0]);
    await source.request(() => lost++);
    sentinels[1]!.dispatchEvent(new Event('release'));
    sentinels[1]!.dispatchEvent(new Event('release'));
    expect(lost).toBe(1);
  });

  it('passes a refusal on, and is absent where there is none', async () => {
    const refusal = new DOMException('hidden', 'NotAllowedError');
    const source = screenWakeLock({ wakeLock: { request: () => Promise.reject(refusal) } })!;
    await expect(source.request(() => undefined)).rejects.toBe(refusal);
    expect(screenWakeLock({})).toBeUndefined();
  });
});

describe('lateness', () => {
  it('is what passes beyond the time after which a call was asked for', () => {
    let nowMs = 5_000;
    let call: (() => void) | undefined;
    const signal = latenessSignal(
      (intervalMs, callback) => {
        expect(intervalMs).toBe(LATENESS_INTERVAL_MS);
        call = callback;
        return () => {
          call = undefined;
        };
      },
      () => nowMs,
    );
    const told: number[] = [];
    const stop = signal((lateMs) => told.push(lateMs));
    for (const lateMs of [0, 300, -4, 7]) {
      nowMs += LATENESS_INTERVAL_MS + lateMs;
      call!();
    }
    expect(told).toEqual([0, 300, 0, 7]);
    stop();
    expect(call).toBeUndefined();
  });
});

describe('the signals of a browser', () => {
  it('start in one that has none of them', () => {
    const document = Object.assign(new Target(), { visibilityState: 'visible' });
    const signals = browserSignals(() => () => undefined, { navigator: {}, document });
    const told: unknown[] = [];
    for (const signal of [signals.battery, signals.metered, signals.hidden]) signal((value) => told.push(value))();
    expect([told, signals.wakeLock]).toEqual([[undefined, undefined, false], undefined]);
  });
});

describe('work', () => {
  it('begins with an execution and ends when a look finds none', () => {
    let listener: ((notification: Notification) => void) | undefined;
    let phases: string[] = [];
    let check: (() => void) | undefined;
    const driver = {
      subscribe(heard: (notification: Notification) => void) {
        listener = heard;
        return () => {
          listener = undefined;
        };
      },
      view: () => ({ replicas: phases.map((phase) => ({ phase })) }) as unknown as PeerView,
    };
    const timer: Timer = {
      now: () => 0,
      after(_delayMs, callback) {
        check = () => {
          check = undefined;
          callback();
        };
        return () => {
          check = undefined;
        };
      },
    };
    const told: boolean[] = [];
    const stop = workSignal(driver, timer)((working) => told.push(working));
    expect([told, check]).toEqual([[false], undefined]);
    const notify = (phase: string): void => listener!({ type: 'replica', job: 'j' as JobId, unit: 0, phase });
    notify('fetching');
    expect(told).toEqual([false]);
    phases = ['executing'];
    notify('executing');
    notify('executing');
    expect(told).toEqual([false, true]);
    check!();
    phases = ['committed'];
    check!();
    expect([told, check]).toEqual([[false, true, true, false], undefined]);
    notify('executing');
    stop();
    expect([told.at(-1), check, listener]).toEqual([true, undefined, undefined]);
  });
});
