import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/clock.ts';

describe('virtual clock', () => {
  it('runs entries by time, and by order of asking within one instant', async () => {
    const clock = new VirtualClock(1_000);
    const seen: string[] = [];
    clock.schedule(1_020, () => seen.push(`b ${clock.now()}`));
    clock.schedule(1_010, () => seen.push(`a ${clock.now()}`));
    clock.schedule(1_020, () => seen.push(`c ${clock.now()}`));
    clock.defer(() => seen.push(`first ${clock.now()}`));
    await clock.run(1_015);
    expect(seen).toEqual(['first 1000', 'a 1010']);
    expect(clock.now()).toBe(1_015);
    await clock.run(1_100);
    expect(seen.slice(2)).toEqual(['b 1020', 'c 1020']);
    expect(clock.now()).toBe(1_100);
  });

  it('runs what lies in the past at once, and never backwards', async () => {
    const clock = new VirtualClock(500);
    let at = 0;
    clock.schedule(100, () => {
      at = clock.now();
    });
    await clock.run(500);
    expect(at).toBe(500);
  });

  it('never runs a deadline with a fraction before the time its peer can see', async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    clock.schedule(10.3, () => seen.push(clock.now()));
    clock.after(20.7, () => seen.push(clock.now()));
    await clock.run(30);
    expect(seen).toEqual([11, 20]);
  });

  it('forgets cancelled entries, thousands of them too', async () => {
    const clock = new VirtualClock(0);
    let ran = 0;
    for (let i = 0; i < 5_000; i++) {
      const cancel = clock.schedule(1 + (i % 97), () => ran++);
      if (i % 10 !== 0) cancel();
    }
    await clock.run(100);
    expect(ran).toBe(500);
  });

  it('lets long chains of promises settle before the next entry', async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      seen.push('settled');
    };
    clock.schedule(1, () => {
      clock.touch();
      void chain();
    });
    clock.schedule(1, () => seen.push('next'));
    await clock.run(2);
    expect(seen).toEqual(['settled', 'next']);
  });

  it('passes an exception of an entry on to whoever runs the world', async () => {
    const clock = new VirtualClock(0);
    clock.schedule(1, () => {
      throw new Error('broken rule');
    });
    await expect(clock.run(2)).rejects.toThrow('broken rule');
  });

  it('says so when time stands still', async () => {
    const clock = new VirtualClock(0);
    const again = (): void => clock.defer(again);
    again();
    await expect(clock.run(1)).rejects.toThrow('time stands still');
  });
});
