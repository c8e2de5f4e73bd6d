/** The tab's own peer as the page sees it: when snapshots are taken, and what the page may set. On virtual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TabSource, type WatchedPeer } from '../../browser/page/tab/tab-source.ts';
import { Capacity } from '../../browser/peer/capacity.ts';
import type { EndReason } from '../../browser/peer/compose.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import type { Notification } from '../../node/protocol/notification.ts';
import { testParameters } from '../../node/protocol/parameters.ts';
import type { JobRow } from '../../node/protocol/view.ts';
import { jobView, peerView } from '../unit/page/fixtures.ts';

const JOB = 'a'.repeat(64) as JobId;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start() {
  const listeners = new Set<(notification: Notification) => void>();
  const taken = { views: 0, jobs: 0 };
  /** Whatever is different in the next snapshot. */
  const peer: { cores?: number; jobs?: readonly JobRow[] } = {};
  const submitted: unknown[] = [];
  const document = Object.assign(new EventTarget(), { hidden: false });
  let end: (reason: EndReason) => void = () => undefined;
  const capacity = new Capacity({ cores: 1, paused: [], dispatch: () => undefined, resize: () => undefined });
  const watched: WatchedPeer = {
    driver: {
      start: async () => undefined,
      stop: async () => undefined,
      dispatch: () => undefined,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      view() {
        taken.views++;
        return peerView({ ...capacity.state, ...peer, nowMs: Date.now() });
      },
      jobView(id) {
        taken.jobs++;
        return id === JOB ? jobView([], { job: JOB }) : undefined;
      },
    },
    capacity,
    parameters: testParameters('page'),
    peerName: '12D3KooW',
    jobs: {
      submit: async ({ arguments: given }) => {
        submitted.push(given);
        return JOB;
      },
      cancel: () => undefined,
      progress: () => undefined,
      note: () => undefined,
      unitOutput: async () => new Uint8Array(1),
      result: async () => new Uint8Array(2),
    },
    kernels: { builtIn: async () => [], inspect: () => Promise.reject(new Error('no kernel')) },
    kernelRecords: { of: async (cid) => ({ cid, uses: [], inspection: undefined }) },
    storage: () => ({ blocks: 1, bytes: 2, bytesMax: 3 }),
    ended: new Promise((resolve) => {
      end = resolve;
    }),
  };
  const visibility = document as unknown as Document;
  const source = new TabSource({ peer: watched, version: '1.2.3', coresMax: 8, visibility });
  const changes: string[] = [];
  source.subscribe(({ type }) => changes.push(type));
  const notify = (): void => {
    for (const listener of listeners) listener({ type: 'job-finished', job: JOB });
  };
  const look = (hidden: boolean): void => {
    document.hidden = hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  return { source, peer, changes, notify, look, taken, submitted, end: (reason: EndReason) => end(reason) };
}

describe('the peer of this tab as a source', () => {
  it('is there at once, with what the page says about it', () => {
    const { source } = start();
    expect(source.connection()).toEqual({ state: 'live' });
    expect(source.view()).toBeDefined();
    expect(source.about()).toMatchObject({
      version: '1.2.3',
      preset: 'test',
      mayAct: true,
      coresMax: 8,
      addresses: [],
    });
  });

  it('takes a snapshot at most four times a second however much happens, and passes every notification on', () => {
    const { changes, notify, taken } = start();
    const before = taken.views;
    for (let at = 0; at < 100; at++) {
      notify();
      vi.advanceTimersByTime(10);
    }
    expect(changes.filter((type) => type === 'notification')).toHaveLength(100);
    expect(taken.views - before).toBeGreaterThanOrEqual(3);
    expect(taken.views - before).toBeLessThanOrEqual(4);
  });

  it('passes on every second what is at work, and what shows nothing new every five', () => {
    const { changes, taken, peer } = start();
    vi.advanceTimersByTime(10_000);
    expect(changes).toEqual(['view', 'view']);
    expect(taken.views).toBeGreaterThanOrEqual(10);
    peer.cores = 2;
    vi.advanceTimersByTime(1_000);
    expect(changes).toHaveLength(3);
    peer.jobs = [jobView([], { state: 'running' })];
    vi.advanceTimersByTime(3_000);
    expect(changes).toHaveLength(6);
    peer.jobs = [jobView([], { state: 'finished' })];
    vi.advanceTimersByTime(1_000);
    expect(changes).toHaveLength(7);
    vi.advanceTimersByTime(4_000);
    expect(changes).toHaveLength(7);
  });

  it('takes one a second when nothing happens, and none while nobody looks', () => {
    const { look, taken, changes, notify } = start();
    const before = taken.views;
    vi.advanceTimersByTime(3_000);
    expect(taken.views - before).toBe(3);
    look(true);
    expect(vi.getTimerCount()).toBe(0);
    notify();
    vi.advanceTimersByTime(60_000);
    expect(taken.views - before).toBe(3);
    look(false);
    expect(taken.views - before).toBe(4);
    expect(changes.at(-1)).toBe('view');
  });

  it('takes the snapshot of a job once for each of the peer', () => {
    const { source, peer, taken } = start();
    peer.jobs = [jobView([], { job: JOB, state: 'running' })];
    source.jobView(JOB);
    expect(source.jobView(JOB)?.job).toBe(JOB);
    expect(taken.jobs).toBe(1);
    vi.advanceTimersByTime(1_000);
    source.jobView(JOB);
    expect(taken.jobs).toBe(2);
  });

  it('sets cores and a pause, and shows them when it is done', async () => {
    const { source } = start();
    const done = source.setCapacity({ cores: 3, paused: true });
    await vi.advanceTimersByTimeAsync(1);
    await done;
    expect(source.view()).toMatchObject({ cores: 3, paused: ['manual'] });
    await expect(source.setCapacity({ cores: -1 })).rejects.toThrow('cores');
  });

  it('submits what fits into the tab, and shows at once what has become of it', async () => {
    const { source, submitted, changes } = start();
    const rest = { kernel: { name: 'word-count' }, arguments: { top: '5' }, policy: {} };
    await expect(source.submit({ ...rest, file: new File(['four'], 'large.txt') })).rejects.toThrow(
      'large.txt has 4 bytes, and this tab keeps up to 3 bytes',
    );
    expect(submitted).toEqual([]);
    expect(await source.submit({ ...rest, file: new File(['ab'], 'small.txt') })).toBe(JOB);
    expect(submitted).toEqual([{ top: '5' }]);
    expect(changes.at(-1)).toBe('view');
  });

  it('says that the peer is gone, and leaves no timer behind', async () => {
    const { source, changes, end } = start();
    end('storage-lost');
    await vi.advanceTimersByTimeAsync(0);
    expect(source.connection().state).toBe('lost');
    expect(changes).toContain('connection');
    expect(vi.getTimerCount()).toBe(0);
  });
});
