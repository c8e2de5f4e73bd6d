/**
 * Several tabs on one daemon: all are let in, and all get something to do. `npm run bench -- crowd` does the same with
 * twenty, and says what they cost.
 */
import { expect, it, vi } from 'vitest';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { explain } from '../../node/runtime/why.ts';
import { until } from '../support/daemon.ts';
import { LOOPBACK_WS } from '../support/network/peers.ts';
import { submitPrimes } from './primes.ts';
import { describeTabs } from './suite.ts';
import { finished, isConnected, resultOf, type Tab } from './tabs.ts';
import { startWitness } from './witness.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

const TABS = 6;

describeTabs('a crowd of tabs', (opened) => {
  it('is let in at once and shares the units of a job', async () => {
    const tabs = opened();
    const network = 'crowd';
    const daemon = await tabs.startDaemon({ network, cores: 0 });
    const crowd = await Promise.all(Array.from({ length: TABS }, () => tabs.open(network, [daemon])));
    const keys = crowd.map(({ self }) => self as PeerKey);
    expect(new Set(keys).size).toBe(TABS);
    const { job, expected } = await submitPrimes(daemon, { units: 16, taskSize: 50_000 });
    await finished(daemon, job, 200_000);
    expect(await resultOf(daemon, job)).toEqual(expected());
    const executed = await Promise.all(
      crowd.map(({ page }) => page.evaluate(() => fixture.view().totals.unitsExecuted)),
    );
    // A tab that gets going last on a slow machine may find everything taken.
    expect(executed.filter((units) => units > 0).length, executed.join(', ')).toBeGreaterThanOrEqual(TABS - 2);
    for (const key of keys) expect(await isConnected(daemon, key)).toBe(true);
  });

  it('that is too many is turned away with a word, and let in when somebody leaves', async () => {
    const tabs = opened();
    const network = 'full';
    // The network side of a daemon, with one place instead of 128.
    const host = await startWitness(network, [], { listen: [LOOPBACK_WS], peersMax: 1 });
    try {
      const open = () => tabs.openUnconnected(network, host.addresses);
      const first = await open();
      await until('the first tab has the place', () => isInReach(first));
      const second = await open();
      const why = await until('the second tab says why it idles', async () => {
        const { why: reasons, nowMs } = await second.page.evaluate(() => fixture.view());
        const reason = reasons.find(({ code }) => code === 'dial-failed');
        return reason && { reason, ...explain(reason, { peer: String, nowMs }) };
      });
      expect(why.reason).toMatchObject({ failure: 'full', address: host.addresses[0] });
      expect(why.text).toContain('is full (all 1 places are taken)');
      expect(why.advice).toContain('tried again by itself');

      await first.page.close();
      await until('the second tab has the place', () => isInReach(second));
      expect(host.connections()).toBe(1);
    } finally {
      await host.stop();
    }
  });
});

function isInReach({ page }: Tab): Promise<boolean> {
  return page.evaluate(() => fixture.view().peers.some(({ connected }) => connected));
}
