/** The policy alone: readings and time in, reasons to pause out. */
import { describe, expect, it } from 'vitest';
import {
  BATTERY_LOW_LEVEL,
  BATTERY_RECOVERED_LEVEL,
  BUSY_LATENESS_MS,
  CALM_LATENESS_MS,
  DELAYS,
  LATENESS_LOOKS,
} from '../../../browser/citizen/limits.ts';
import {
  batteryState,
  createPolicy,
  decide,
  nextDueMs,
  type Policy,
  type PolicyInput,
} from '../../../browser/citizen/policy.ts';
import { DEFAULT_PREFERENCES, type Preferences } from '../../../browser/citizen/preferences.ts';

class Run {
  nowMs = 1_000;
  chance = 0;
  policy: Policy;
  constructor(preferences: Partial<Preferences> = {}) {
    this.policy = createPolicy({ ...DEFAULT_PREFERENCES, ...preferences });
  }
  put(input: PolicyInput): this {
    this.policy = decide(this.policy, input, this.nowMs, this.chance);
    return this;
  }
  battery(level: number, charging = false): this {
    return this.put({ type: 'battery', reading: { level, charging } });
  }
  choose(preferences: Partial<Preferences>): this {
    return this.put({ type: 'preferences', preferences: { ...this.policy.preferences, ...preferences } });
  }
  pass(ms: number): this {
    this.nowMs += ms;
    return this.put({ type: 'time' });
  }
  get paused(): readonly string[] {
    return this.policy.paused;
  }
}

const { resumeAfterMs } = DELAYS.battery;

describe('the battery', () => {
  it('pauses as soon as the machine leaves its charger, and goes on a while after it is back', () => {
    const run = new Run().battery(0.9, true);
    expect([run.paused, batteryState(run.policy)]).toEqual([[], 'charging']);
    run.battery(0.9);
    expect([run.paused, batteryState(run.policy)]).toEqual([['battery'], 'discharging']);
    run.battery(0.9, true);
    expect(nextDueMs(run.policy)).toBe(run.nowMs + resumeAfterMs);
    expect(run.pass(resumeAfterMs - 1).paused).toEqual(['battery']);
    expect(run.pass(1).paused).toEqual([]);
    expect(nextDueMs(run.policy)).toBeUndefined();
  });

  it('does not flap with a charger that has a loose contact', () => {
    const run = new Run().battery(0.9);
    for (let i = 0; i < 10; i++) {
      expect(run.battery(0.9, true).pass(resumeAfterMs - 1).paused).toEqual(['battery']);
      expect(run.battery(0.9).pass(1).paused).toEqual(['battery']);
    }
    // The time counts from the last return of the charger.
    expect(run.battery(0.9, true).pass(resumeAfterMs).paused).toEqual([]);
  });

  it('of an owner who gives it pauses when it is low, until it is well above that or charging', () => {
    const run = new Run({ pauseOnBattery: false }).battery(0.8);
    expect(run.paused).toEqual([]);
    expect(run.battery(BATTERY_LOW_LEVEL).paused).toEqual([]);
    run.battery(BATTERY_LOW_LEVEL - 0.01);
    expect([run.paused, batteryState(run.policy)]).toEqual([['battery'], 'low']);
    // Between the two thresholds it stays as it was, however long that lasts.
    run.battery(BATTERY_RECOVERED_LEVEL - 0.01).pass(10 * resumeAfterMs);
    expect([run.paused, batteryState(run.policy)]).toEqual([['battery'], 'low']);
    run.battery(BATTERY_RECOVERED_LEVEL).pass(resumeAfterMs);
    expect([run.paused, batteryState(run.policy)]).toEqual([[], 'discharging']);
    expect(run.battery(BATTERY_RECOVERED_LEVEL - 0.01).paused).toEqual([]);
    expect(run.battery(0.1).paused).toEqual(['battery']);
    expect(run.battery(0.1, true).pass(resumeAfterMs).paused).toEqual([]);
  });

  it('that nobody knows is no reason', () => {
    const run = new Run().put({ type: 'battery', reading: undefined });
    expect([run.paused, batteryState(run.policy)]).toEqual([[], 'unknown']);
    run.battery(0.1).put({ type: 'battery', reading: undefined }).pass(resumeAfterMs);
    expect(run.paused).toEqual([]);
  });

  it('follows the choice of its owner at once', () => {
    const run = new Run().battery(0.8);
    expect(run.choose({ pauseOnBattery: false }).paused).toEqual([]);
    expect(run.choose({ pauseOnBattery: true }).paused).toEqual(['battery']);
    // Another choice does not shorten a delay.
    expect(run.battery(0.8, true).choose({ keepAwake: true }).paused).toEqual(['battery']);
    expect(run.pass(resumeAfterMs).paused).toEqual([]);
    expect(run.battery(0.2).choose({ pauseOnBattery: false }).paused).toEqual(['battery']);
  });
});

describe('a metered connection', () => {
  it('pauses at once, resumes late, and only if the owner wants that', () => {
    const run = new Run().put({ type: 'metered', metered: true });
    expect(run.paused).toEqual(['metered']);
    run.put({ type: 'metered', metered: false });
    expect(run.pass(DELAYS.metered.resumeAfterMs - 1).paused).toEqual(['metered']);
    expect(run.pass(1).paused).toEqual([]);
    run.put({ type: 'metered', metered: true });
    expect(run.choose({ pauseOnMetered: false }).paused).toEqual([]);
    expect(run.choose({ pauseOnMetered: true }).paused).toEqual(['metered']);
    run.put({ type: 'metered', metered: undefined });
    expect(run.pass(DELAYS.metered.resumeAfterMs).paused).toEqual([]);
  });
});

describe('a hidden page', () => {
  const { pauseAfterMs } = DELAYS.hidden;
  const hide = (run: Run, hidden: boolean): Run => run.put({ type: 'hidden', hidden });

  it('goes on unless its owner wants otherwise', () => {
    expect(hide(new Run(), true).pass(pauseAfterMs).paused).toEqual([]);
  });

  it('pauses when it stays hidden, and resumes at once', () => {
    const run = hide(new Run({ pauseWhenHidden: true }), true);
    expect(run.pass(pauseAfterMs - 1).paused).toEqual([]);
    expect(hide(run, false).pass(1).paused).toEqual([]);
    expect(hide(run, true).pass(pauseAfterMs).paused).toEqual(['hidden']);
    expect(hide(run, false).paused).toEqual([]);
  });

  it('that is hidden when its owner chooses so pauses at once', () => {
    expect(hide(new Run(), true).choose({ pauseWhenHidden: true }).paused).toEqual(['hidden']);
  });
});

describe('a busy machine', () => {
  const { pauseAfterMs, resumeAfterMs, spreadMs } = DELAYS.load;
  const looks = (run: Run, lateMs: number, times = LATENESS_LOOKS): Run => {
    for (let look = 0; look < times; look++) run.put({ type: 'lateness', lateMs });
    return run;
  };

  it('pauses a while after pages come late, and resumes a while after they no longer do', () => {
    const run = looks(new Run(), BUSY_LATENESS_MS);
    expect(run.pass(pauseAfterMs - 1).paused).toEqual([]);
    expect(run.pass(1).paused).toEqual(['load']);
    looks(run, CALM_LATENESS_MS);
    expect(run.pass(resumeAfterMs - 1).paused).toEqual(['load']);
    expect(run.pass(1).paused).toEqual([]);
  });

  it('is not one that was late once or twice, nor one that is a little late', () => {
    const run = looks(new Run(), 0);
    looks(looks(run, 60_000, 2), 0, 3);
    expect(run.pass(pauseAfterMs).paused).toEqual([]);
    looks(run, BUSY_LATENESS_MS - 1);
    expect(run.pass(pauseAfterMs).paused).toEqual([]);
    expect(run.policy.isBusy).toBe(false);
  });

  it('stays as it was between the two thresholds: some compute, the others wait', () => {
    const between = (BUSY_LATENESS_MS + CALM_LATENESS_MS) / 2;
    const computing = looks(new Run(), between);
    expect(computing.pass(10 * pauseAfterMs).paused).toEqual([]);
    const waiting = looks(looks(new Run(), BUSY_LATENESS_MS).pass(pauseAfterMs), between);
    expect(waiting.pass(10 * resumeAfterMs).paused).toEqual(['load']);
  });

  it('is left by one tab after the other: who has not paused when it is calm again stays', () => {
    const tabs = [0, 0.25, 0.5, 0.75].map((chance) => ({ chance, run: new Run() }));
    for (const { chance, run } of tabs) {
      run.chance = chance;
      looks(run, BUSY_LATENESS_MS).pass(pauseAfterMs + 0.3 * spreadMs!);
    }
    expect(tabs.map(({ run }) => run.paused.length)).toEqual([1, 1, 0, 0]);
    for (const { run } of tabs) looks(run, CALM_LATENESS_MS).pass(resumeAfterMs + 0.1 * spreadMs!);
    expect(tabs.map(({ run }) => run.paused.length)).toEqual([0, 1, 0, 0]);
  });

  it('is no reason for an owner who does not want that', () => {
    const run = looks(new Run({ pauseWhenBusy: false }), BUSY_LATENESS_MS);
    expect(run.pass(10 * pauseAfterMs).paused).toEqual([]);
    expect(run.choose({ pauseWhenBusy: true }).paused).toEqual(['load']);
  });
});

describe('several reasons', () => {
  it('begin and end each by itself, and say when to look again', () => {
    const run = new Run({ pauseWhenHidden: true }).battery(0.5).put({ type: 'metered', metered: true });
    run.put({ type: 'hidden', hidden: true });
    expect(nextDueMs(run.policy)).toBe(run.nowMs + DELAYS.hidden.pauseAfterMs);
    run.pass(DELAYS.hidden.pauseAfterMs);
    expect(run.paused).toEqual(['battery', 'metered', 'hidden']);
    run.battery(0.5, true).pass(1_000).put({ type: 'metered', metered: false });
    expect(nextDueMs(run.policy)).toBe(run.nowMs - 1_000 + resumeAfterMs);
    expect(run.pass(resumeAfterMs - 1_000).paused).toEqual(['metered', 'hidden']);
    expect(run.pass(1_000).paused).toEqual(['hidden']);
    // Told the same again: nothing changes.
    expect(run.put({ type: 'hidden', hidden: true }).paused).toEqual(['hidden']);
  });
});
