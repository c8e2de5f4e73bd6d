/** A network of tabs: three of them, and a daemon that only carries what they say and computes nothing. */
import { expect, it, vi } from 'vitest';
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { PeerView } from '../../node/protocol/view.ts';
import { until } from '../support/daemon.ts';
import { submitPrimes } from './primes.ts';
import { describeTabs } from './suite.ts';
import { finished, resultOf } from './tabs.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeTabs('a network of tabs', (opened) => {
  it('completes a job of one of its tabs, which find each other through the daemon', async () => {
    const tabs = opened();
    const network = 'tabs-only';
    const relay = await tabs.startDaemon({ network, cores: 0 });
    const three = await Promise.all([0, 1, 2].map(() => tabs.open(network, [relay])));
    const [submitter, ...others] = three;
    for (const { page, self } of three) {
      await until('each tab is connected with the two others', async () => {
        const { peers } = await page.evaluate(() => fixture.view());
        const connected = new Set(peers.filter((row) => row.connected).map(({ peer }) => peer as string));
        return three.every((tab) => tab.self === self || connected.has(tab.self));
      });
    }
    const answer = await submitter!.page.evaluate((s) => fixture.submit(s), {
      kernel: { name: 'prime-count' },
      arguments: { to: '40000000' },
      policy: { quorum: 2, ownResults: 'never', tasksPerUnit: 1 },
    } as const);
    if (!('job' in answer)) throw new Error(answer.message);
    const ownJob = () => submitter!.page.evaluate((id) => fixture.ownJob(id), answer.job);
    await until('the job is finished', async () => (await ownJob())?.outcome?.state === 'finished', 120_000);
    const result = Buffer.from(await submitter!.page.evaluate((id) => fixture.result(id), answer.job), 'hex');
    // Primes below 40 million, as tables of the prime-counting function have them.
    expect(result.readBigUInt64LE()).toBe(2_433_654n);
    const view = await submitter!.page.evaluate((id) => fixture.jobView(id), answer.job);
    expect(view!.unitRows).toHaveLength(10);
    const keys = three.map(({ self }) => self as PeerKey);
    for (const { countedAuthors } of view!.unitRows) {
      expect(countedAuthors.length).toBeGreaterThanOrEqual(2);
      for (const author of countedAuthors) expect(keys).toContain(author);
    }
    const counted = view!.unitRows.flatMap(({ countedAuthors }) => countedAuthors);
    expect(others.some(({ self }) => counted.includes(self as PeerKey))).toBe(true);
    const { totals } = (await relay.api<{ view: PeerView }>('status')).view;
    expect(totals.unitsExecuted).toBe(0);
  });

  it('completes a job of a daemon that gives no cores', async () => {
    const tabs = opened();
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
