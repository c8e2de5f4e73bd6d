/** What lies between the daemon and the views: token, events, history, log, addresses. */
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../../browser/page/daemon/sse.ts';
import { type Tab, takeToken, tokenIn } from '../../../browser/page/daemon/token.ts';
import { extended, paces, type Sample } from '../../../browser/page/model/history.ts';
import { lineOf } from '../../../browser/page/model/log.ts';
import { hashOf, routeOf } from '../../../browser/page/model/route.ts';
import { job, peer } from './fixtures.ts';

const TOKEN = '0123456789abcdef'.repeat(4);

describe('the token', () => {
  function tab(hash: string): { tab: Tab; addresses: string[]; kept: Map<string, string> } {
    const addresses: string[] = [];
    const kept = new Map<string, string>();
    return {
      addresses,
      kept,
      tab: {
        location: { hash, pathname: '/', search: '' },
        history: { replaceState: (_data, _title, url) => void addresses.push(String(url)) },
        storage: {
          getItem: (key) => kept.get(key) ?? null,
          setItem: (key, value) => void kept.set(key, value),
          removeItem: (key) => void kept.delete(key),
        },
      },
    };
  }

  it('moves from the address to the tab, and leaves the address bar', () => {
    const { tab: first, addresses, kept } = tab(`#token=${TOKEN}`);
    expect(takeToken(first)).toBe(TOKEN);
    expect(addresses).toEqual(['/']);
    expect([...kept.values()]).toEqual([TOKEN]);
    expect(takeToken({ ...first, location: { hash: '#submit', pathname: '/', search: '' } })).toBe(TOKEN);
    expect(addresses).toHaveLength(1);
  });

  it('is missing where nobody gave one', () => {
    expect(takeToken(tab('#overview').tab)).toBeUndefined();
  });

  it('is found in what people paste', () => {
    expect(tokenIn(` http://127.0.0.1:1234/#token=${TOKEN}\n`)).toBe(TOKEN);
    expect(tokenIn(TOKEN)).toBe(TOKEN);
    for (const text of ['', 'http://127.0.0.1:1234/', `#token=${TOKEN.slice(1)}`, `x${TOKEN}`]) {
      expect(tokenIn(text)).toBeUndefined();
    }
  });
});

describe('events', () => {
  it('come whole, wherever the text is cut', () => {
    const text = 'event: view\ndata: {"a":1}\n\nevent: notification\ndata: {"b":\ndata: 2}\n\n: nothing\n\n';
    const expected = [
      { event: 'view', data: '{"a":1}' },
      { event: 'notification', data: '{"b":\n2}' },
    ];
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = new SseParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(expected);
    }
  });

  it('do not fill the memory when one never ends', () => {
    const parser = new SseParser();
    const part = 'x'.repeat(8 * 1024 * 1024);
    expect(() => {
      for (let i = 0; i < 6; i++) parser.push(part);
    }).toThrow('too large');
  });
});

describe('history', () => {
  const sample = (atMs: number, units: number): Sample => ({ atMs, units, fuel: units * 100 });

  it('gives a pace over the last quarter of a minute', () => {
    const history = [0, 5_000, 10_000, 15_000, 20_000].map((atMs, index) => sample(atMs, index * 5));
    const last = paces(history).at(-1);
    expect(last?.unitsPerMinute).toBeCloseTo(60);
    expect(last?.fuelPerSecond).toBeCloseTo(100);
    expect(paces([sample(0, 7)])[0]?.unitsPerMinute).toBe(0);
  });

  it('starts again with a peer that has started again, ignores what is not newer, and stays bounded', () => {
    expect(extended([sample(1, 9)], sample(2, 1))).toEqual([sample(2, 1)]);
    const one = [sample(5, 1)];
    expect(extended(one, sample(5, 1))).toBe(one);
    let history: readonly Sample[] = [];
    for (let i = 0; i < 2_000; i++) history = extended(history, sample(i, i));
    expect(history).toHaveLength(600);
    expect(history.at(-1)?.atMs).toBe(1_999);
  });
});

describe('the log', () => {
  it('names liars, and leaves out what tells nobody anything', () => {
    const line = lineOf(
      { type: 'refuted', job: job('1'), unit: 4, author: peer('b'), root: '1'.repeat(64) as never, leaf: 0 },
      () => 'Mallory',
    );
    expect(line).toEqual({
      tone: 'bad',
      text: 'job 1111111111: Mallory gave a wrong result for unit 4; nothing of it counts any more',
    });
    expect(lineOf({ type: 'replica', job: job('1'), unit: 4, phase: 'committed' }, String)).toBeUndefined();
  });
});

describe('addresses', () => {
  it('lead to views and back', () => {
    for (const route of [
      { view: 'overview' },
      { view: 'submit' },
      { view: 'peer' },
      { view: 'job', job: job('1') },
    ] as const) {
      expect(routeOf(hashOf(route))).toEqual(route);
    }
    expect(routeOf('#job/../../x')).toEqual({ view: 'overview' });
    expect(routeOf('')).toEqual({ view: 'overview' });
  });
});
