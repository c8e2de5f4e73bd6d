/** A network of tabs: three of them, and a daemon that only carries what they say and computes nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { findBrowser } from './find-browser.ts';
import { submitPrimes } from './primes.ts';
import { finished, resultOf, Tabs } from './tabs.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined
    ? 'a network of tabs (skipped: no Chromium, run .ci/install-chromium.sh)'
    : 'a network of tabs';

describe.skipIf(executablePath === undefined)(where, () => {
  let tabs: Tabs;
  beforeAll(async () => {
    tabs = await Tabs.create(executablePath!);
  });
  afterEach(() => tabs.clear());
  afterAll(() => tabs?.close());

  it('completes a job of a daemon that gives no cores', async () => {
    const network = 'tabs-only';
    const relay = await tabs.startDaemon({ network, cores: 0 });
    const three = await Promise.all([0, 1, 2].map(() => tabs.open(network, [relay])));
    const { job, expected } = await submitPrimes(relay, { units: 12, taskSize: 300_000 });
    const { unitRows } = await finished(relay, job);
    expect(await resultOf(relay, job)).toEqual(expected());
    const keys = three.map(({ self }) => self as PeerKey);
    const counted = new Set(unitRows.flatMap(({ countedAuthors }) => countedAuthors));
    for (const author of counted) expect(keys).toContain(author);
    expect(counted.size).toBeGreaterThanOrEqual(2);
  });
});
