/** Who is late, how long that is held against a peer, and whether everybody gets their blocks: on time of the test. */
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BlockClient, type RangeSource } from '../../node/network/block-client.ts';
import type { RangeAnswer } from '../../node/network/block-wire.ts';
import {
  PROVIDER_HELD_FIRST_MS,
  PROVIDER_HELD_MAX_MS,
  PROVIDER_LATE_MAX_MS,
  PROVIDER_PATIENCE_MAX_MS,
  PROVIDER_PATIENCE_MS,
} from '../../node/network/limits.ts';
import { type Candidate, compareCandidates, heldMs, Patience, patienceMs } from '../../node/network/patience.ts';
import type { JobId, PeerKey } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import { createMemoryStore } from '../support/memory-store.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the rule', () => {
  test('who is far away has longer, within bounds', () => {
    expect(patienceMs(0, PROVIDER_PATIENCE_MS)).toBe(PROVIDER_PATIENCE_MS);
    expect(patienceMs(3_000, PROVIDER_PATIENCE_MS)).toBe(12_000);
    expect(patienceMs(60_000, PROVIDER_PATIENCE_MS)).toBe(PROVIDER_PATIENCE_MAX_MS);
    // Nobody is given up before it is late.
    expect(PROVIDER_PATIENCE_MAX_MS).toBeLessThan(PROVIDER_LATE_MAX_MS);
  });

  test('being given up is held against a peer shortly at first, and twice as long each time', () => {
    expect([1, 2, 3].map(heldMs)).toEqual([1, 2, 4].map((times) => times * PROVIDER_HELD_FIRST_MS));
    expect(heldMs(50)).toBe(PROVIDER_HELD_MAX_MS);
  });

  test('hinted ones come first even if late, then who is on time, then who is idle, then the order of the hints', () => {
    const candidate = (isHinted: boolean, isLate: boolean, load: number, place: number): Candidate => {
      return { isHinted, isLate, load, place };
    };
    const inOrder = [
      candidate(true, false, 0, 1),
      candidate(true, false, 0, 2),
      candidate(true, false, 1, 0),
      candidate(true, true, 0, 0),
      candidate(false, false, 0, 0),
      candidate(false, false, 1, 0),
      candidate(false, true, 0, 0),
    ];
    expect(inOrder.toReversed().toSorted(compareCandidates)).toEqual(inOrder);
  });
});

describe('patience with one peer', () => {
  function patienceOf(slowestRoundTripMs = 0) {
    const calls: string[] = [];
    const patience: Patience = new Patience(PROVIDER_PATIENCE_MS, {
      slowestRoundTripMs: () => slowestRoundTripMs,
      late: () => calls.push('late'),
      over: () => {
        calls.push('over');
        patience.ended();
      },
    });
    return { patience, calls };
  }

  test('late first, given up much later, and on time again after the time of the first offence', () => {
    const { patience, calls } = patienceOf();
    patience.asked();
    vi.advanceTimersByTime(PROVIDER_PATIENCE_MS - 1);
    expect([patience.isLate, calls]).toEqual([false, []]);
    vi.advanceTimersByTime(1);
    expect([patience.isLate, calls]).toEqual([true, ['late']]);
    vi.advanceTimersByTime(PROVIDER_LATE_MAX_MS - PROVIDER_PATIENCE_MS - 1);
    expect(calls).toEqual(['late']);
    vi.advanceTimersByTime(1);
    expect(calls).toEqual(['late', 'over']);
    vi.advanceTimersByTime(PROVIDER_HELD_FIRST_MS - 1);
    expect(patience.isLate).toBe(true);
    vi.advanceTimersByTime(1);
    expect(patience.isLate).toBe(false);
  });

  test('asking more does not prolong it, an answer begins it anew and clears what was held', () => {
    const { patience, calls } = patienceOf();
    for (const times of [1, 2]) {
      patience.asked();
      vi.advanceTimersByTime(PROVIDER_LATE_MAX_MS + heldMs(times) - 1);
      expect(patience.isLate).toBe(true);
      vi.advanceTimersByTime(1);
      expect(patience.isLate).toBe(false);
    }
    calls.length = 0;
    patience.asked();
    vi.advanceTimersByTime(PROVIDER_PATIENCE_MS - 1);
    patience.asked();
    vi.advanceTimersByTime(1);
    expect(calls).toEqual(['late']);
    patience.answered(true);
    expect(patience.isLate).toBe(false);
    vi.advanceTimersByTime(PROVIDER_LATE_MAX_MS + heldMs(1));
    expect([patience.isLate, calls]).toEqual([false, ['late', 'late', 'over']]);
    patience.answered(false);
    vi.advanceTimersByTime(10 * PROVIDER_LATE_MAX_MS);
    expect(calls).toHaveLength(3);
  });

  test('a stream that breaks before its peer is late is not held against it', () => {
    const { patience, calls } = patienceOf(4_000);
    patience.asked();
    vi.advanceTimersByTime(15_999);
    patience.ended();
    vi.advanceTimersByTime(PROVIDER_LATE_MAX_MS);
    expect([patience.isLate, calls]).toEqual([false, []]);
  });
});

const JOB = '01'.repeat(32) as JobId;
const BLOCKS = [1, 2, 3].map((byte) => new Uint8Array(10).fill(byte));

interface Provider {
  readonly isHinted: boolean;
  readonly hasBlock: boolean;
  /** Undefined: it never answers. */
  readonly answersAfterMs: number | undefined;
}

/** One peer of which everything comes in order, with the patience that a real one meets with. */
class ScriptedSource implements RangeSource {
  readonly load = 0;
  readonly #provider: Provider;
  readonly #patience: Patience;
  #pending: { readonly late: () => void; readonly fail: (reason: Error) => void }[] = [];

  constructor(provider: Provider) {
    this.#provider = provider;
    this.#patience = new Patience(PROVIDER_PATIENCE_MS, {
      slowestRoundTripMs: () => 0,
      late: () => {
        for (const { late } of this.#pending) late();
      },
      over: () => {
        this.#patience.ended();
        for (const { fail } of this.#pending.splice(0)) fail(new Error('given up'));
      },
    });
  }

  get isLate(): boolean {
    return this.#patience.isLate;
  }

  request(cid: string, offset: number, _length: number, late: () => void): Promise<RangeAnswer> {
    const { answersAfterMs, hasBlock } = this.#provider;
    return new Promise((resolve, reject) => {
      const pending = { late, fail: reject };
      this.#pending.push(pending);
      this.#patience.asked();
      if (answersAfterMs === undefined) return;
      setTimeout(() => {
        if (!this.#pending.includes(pending)) return;
        this.#pending = this.#pending.filter((other) => other !== pending);
        this.#patience.answered(this.#pending.length > 0);
        const bytes = BLOCKS.find((block) => cidOf(block, 'raw') === cid)!;
        resolve(
          hasBlock ? { id: 0, found: true, total: bytes.length, bytes: bytes.slice(offset) } : { id: 0, found: false },
        );
      }, answersAfterMs);
    });
  }
}

/** Fetches the blocks one after the other; returns how long each took, undefined for one that did not come. */
async function fetchFrom(providers: readonly Provider[]): Promise<readonly (number | undefined)[]> {
  const sources = new Map(providers.map((provider, i) => [String(i) as PeerKey, new ScriptedSource(provider)]));
  const client = new BlockClient({
    blocks: createMemoryStore().blocks,
    sha256,
    logger: silentLogger,
    peers: () => [...sources.keys()],
    channel: (peer) => sources.get(peer),
  });
  const hinted = [...sources.keys()].filter((_, i) => providers[i]!.isHinted);
  const tookMs: (number | undefined)[] = [];
  for (const block of BLOCKS) {
    const startedAtMs = performance.now();
    const fetching = client.fetch({ job: JOB, cids: [cidOf(block, 'raw')], providers: hinted, bytesMax: 100 });
    let outcome: boolean | undefined;
    void fetching.then(({ ok }) => {
      outcome = ok;
    });
    while (outcome === undefined) await vi.advanceTimersByTimeAsync(100);
    tookMs.push(outcome ? performance.now() - startedAtMs : undefined);
  }
  return tookMs;
}

const MOMENT_MS = 200;
const silent: Provider = { isHinted: true, hasBlock: true, answersAfterMs: undefined };

describe('fetching from late and silent peers', () => {
  test('a slow one that alone has the block gives it, as soon as it can', async () => {
    const slow = { isHinted: true, hasBlock: true, answersAfterMs: 15_000 };
    const others = Array.from({ length: 5 }, () => ({ isHinted: false, hasBlock: false, answersAfterMs: 50 }));
    for (const tookMs of await fetchFrom([slow, ...others])) expect(tookMs).toBeLessThan(15_000 + MOMENT_MS);
  });

  test('a silent one keeps nobody waiting but once, hinted or not', async () => {
    const other = { isHinted: false, hasBlock: true, answersAfterMs: 50 };
    const [first, ...later] = await fetchFrom([silent, other]);
    expect(first).toBeLessThan(PROVIDER_PATIENCE_MS + MOMENT_MS);
    for (const tookMs of later) expect(tookMs).toBeLessThan(MOMENT_MS);
  });

  test('several silent ones beside each other do not keep the block away', async () => {
    const other = { isHinted: true, hasBlock: true, answersAfterMs: 50 };
    for (const tookMs of await fetchFrom([silent, silent, silent, silent, silent, other])) expect(tookMs).toBeDefined();
  });

  test('whoever else there is, a block comes that anybody gives before it would be given up', async () => {
    const anybody = fc.record({
      isHinted: fc.boolean(),
      hasBlock: fc.boolean(),
      answersAfterMs: fc.option(fc.integer({ min: 1, max: PROVIDER_LATE_MAX_MS - 1 }), { nil: undefined }),
    });
    const giver = fc.record({
      isHinted: fc.boolean(),
      hasBlock: fc.constant(true),
      answersAfterMs: fc.integer({ min: 1, max: PROVIDER_LATE_MAX_MS - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anybody, { maxLength: 6 }), giver, fc.nat(6), async (others, one, place) => {
        const providers = others.toSpliced(place, 0, one);
        // At worst each of the others is late first, three at a time until they are given up.
        const worstMs = others.length * PROVIDER_LATE_MAX_MS + one.answersAfterMs + MOMENT_MS;
        for (const tookMs of await fetchFrom(providers)) {
          expect(tookMs).toBeDefined();
          expect(tookMs).toBeLessThan(worstMs);
        }
      }),
      { numRuns: 60 },
    );
  });
});
