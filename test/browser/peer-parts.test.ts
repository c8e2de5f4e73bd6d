/** Small parts of a tab's peer that need no browser: addresses, capacity, and the clock over a worker's timers. */
import { describe, expect, it } from 'vitest';
import { checkAddresses, dialable } from '../../browser/peer/addresses.ts';
import { Capacity } from '../../browser/peer/capacity.ts';
import { createClock, type TabClock, type TimerWorker } from '../../browser/peer/clock.ts';
import type { TimerRequest } from '../../browser/peer/timer-worker.ts';
import type { CapacityChangedEvent } from '../../node/protocol/event.ts';
import { findBrowser } from './find-browser.ts';

describe('addresses', () => {
  const far = '/ip4/192.0.2.7/tcp/4101';
  const near = '/ip4/127.0.0.1/tcp/4101';
  const all = [
    near,
    `${near}/ws`,
    far,
    `${far}/ws`,
    `${far}/tls/ws`,
    `${far}/wss`,
    `/dns4/localhost/tcp/1/ws`,
    'rubbish',
  ];

  it('are dialled where a page may', () => {
    expect(dialable(all, { isHttps: false })).toEqual(all.filter((address) => /ws/.test(address)));
    expect(dialable(all, { isHttps: true })).toEqual([
      `${near}/ws`,
      `${far}/tls/ws`,
      `${far}/wss`,
      '/dns4/localhost/tcp/1/ws',
    ]);
  });

  it('are refused with the reason', () => {
    const check = (address: string, isHttps: boolean) => () => checkAddresses([address], { isHttps });
    expect(check(`${near}/ws`, true)).not.toThrow();
    expect(check(near, false)).toThrow('only open websockets');
    expect(check(`${far}/ws`, true)).toThrow('came over https');
    expect(check('rubbish', false)).toThrow('not a multiaddr');
    expect(check(`/ip4/192.0.2.7/udp/4101/webrtc-direct`, true)).toThrow('must also have its /certhash');
  });

  it('may be WebRTC, or lead to other tabs through a relay that this page may open', () => {
    const certhash = 'uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g';
    const direct = `/ip4/192.0.2.7/udp/4101/webrtc-direct/certhash/${certhash}`;
    const relay = '12D3KooWAzmdgUs7gqyyDrkPdDBwLS2pnwRGV2iK9Vv5T7uGEm4x';
    const behind = (way: string): readonly string[] =>
      ['', '/webrtc'].map((rest) => `${way}/p2p/${relay}/p2p-circuit${rest}`);
    const open = [direct, ...behind(direct), ...behind(`${far}/tls/ws`)];
    expect(dialable([...open, ...behind(`${far}/ws`), ...behind(far)], { isHttps: true })).toEqual(open);
    expect(dialable([...behind(`${far}/ws`), ...behind(far)], { isHttps: false })).toEqual(behind(`${far}/ws`));
  });
});

describe('capacity', () => {
  it('tells the peer every change once, with all reasons that hold', () => {
    const events: CapacityChangedEvent[] = [];
    const sizes: number[] = [];
    const capacity = new Capacity({
      cores: 2,
      paused: ['manual'],
      dispatch: (event) => events.push(event),
      resize: (workers) => sizes.push(workers),
    });
    capacity.pause('manual');
    capacity.pause('battery');
    capacity.resume('hidden');
    capacity.resume('manual');
    capacity.setCores(2);
    capacity.setCores(0);
    expect(events).toEqual([
      { type: 'capacity-changed', cores: 2, paused: ['manual', 'battery'] },
      { type: 'capacity-changed', cores: 2, paused: ['battery'] },
      { type: 'capacity-changed', cores: 0, paused: ['battery'] },
    ]);
    expect(sizes).toEqual([1]);
    expect(capacity.state).toEqual({ cores: 0, paused: ['battery'] });
    for (const cores of [-1, 1.5, 257]) expect(() => capacity.setCores(cores)).toThrow(RangeError);
  });
});

describe('the clock', () => {
  /** A worker whose timers fire when the test says so. */
  class Timers implements TimerWorker {
    onmessage: ((message: MessageEvent<number>) => void) | null = null;
    readonly asked: TimerRequest[] = [];
    terminated = false;
    postMessage(request: TimerRequest): void {
      this.asked.push(request);
    }
    terminate(): void {
      this.terminated = true;
    }
    fire(id: number): void {
      this.onmessage?.({ data: id } as MessageEvent<number>);
    }
  }

  function create(): { clock: TabClock; timers: Timers } {
    const timers = new Timers();
    return { clock: createClock(timers), timers };
  }

  it('arms a worker’s timer for each deadline, again for one far away, and cancels', () => {
    const { clock, timers } = create();
    const calls: string[] = [];
    clock.schedule(clock.now() - 10, () => calls.push('past'));
    clock.schedule(clock.now() + 2 ** 32, () => calls.push('far'));
    const cancel = clock.schedule(clock.now() + 1_000, () => calls.push('cancelled'));
    cancel();
    cancel();
    expect(timers.asked.map(({ afterMs }) => afterMs)).toEqual([0, 2 ** 31 - 1, expect.any(Number), undefined]);
    const [past, far, cancelled] = timers.asked.map(({ id }) => id);
    for (const id of [past, past, far, cancelled]) timers.fire(id!);
    expect(calls).toEqual(['past']);
    expect(timers.asked).toHaveLength(5);
    clock.close();
    expect(timers.terminated).toBe(true);
  });

  it('takes turns in order and later; in a hurry within the same task', async () => {
    const { clock } = create();
    const calls: number[] = [];
    clock.defer(() => calls.push(1));
    clock.defer(() => calls.push(2));
    expect(calls).toEqual([]);
    await Promise.resolve();
    expect(calls).toEqual([]);
    await new Promise<void>((resolve) => clock.defer(resolve));
    expect(calls).toEqual([1, 2]);
    clock.defer(() => calls.push(3));
    clock.hurry();
    clock.defer(() => calls.push(4));
    await Promise.resolve();
    clock.defer(() => calls.push(5));
    await Promise.resolve();
    expect(calls).toEqual([1, 2, 3, 4, 5]);
    clock.close();
  });
});

describe('finding a browser', () => {
  it('takes the chosen one, says so where there is none, and fails where that must not pass silently', () => {
    expect(findBrowser({ SHOAL_CHROMIUM: process.execPath })).toBe(process.execPath);
    expect(findBrowser({ SHOAL_CHROMIUM: '/nowhere' })).toBeUndefined();
    expect(() => findBrowser({ SHOAL_CHROMIUM: '/nowhere', CI: 'true' })).toThrow('install-chromium.sh');
  });
});
