/** A tab that lies about what its kernels put out: the others find the truth, and everybody learns who it was. */
import { expect, it, vi } from 'vitest';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { until } from '../support/daemon.ts';
import { submitPrimes } from './primes.ts';
import { describeTabs } from './suite.ts';
import { finished, resultOf, viewOf } from './tabs.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeTabs('a lying tab', (opened) => {
  it('is outvoted and named at both daemons, and the result is right', async () => {
    const tabs = opened();
    const network = 'lying-tab';
    // One volunteer more than the vote needs: a unit in which the liar was one of two has to find another second.
    const first = await tabs.startDaemon({ network, cores: 1 });
    const second = await tabs.startDaemon({ network, cores: 1, bootstrap: first.addresses.slice(0, 1) });
    const [liar, honest] = await Promise.all([
      tabs.open(network, [first, second], { lies: true }),
      tabs.open(network, [first, second]),
    ]);

    // Each unit goes to all four volunteers at once, so that the liar surely meets an even one, where it lies.
    const { job, expected } = await submitPrimes(first, { units: 6, taskSize: 300_000, policy: { replicas: 4 } });
    const view = await finished(first, job);
    expect(await resultOf(first, job)).toEqual(expected());
    for (const { unit, label, countedAuthors } of view.unitRows) {
      expect(label, `unit ${unit}`).toMatchObject({ kind: 'quorum' });
      if (unit % 2 === 0) expect(countedAuthors).not.toContain(liar.self);
    }
    for (const daemon of [first, second]) {
      const refuted = await until('the liar is named', async () => {
        const found = (await viewOf(daemon, job)).refuted;
        return found.length > 0 && found;
      });
      expect(refuted.map(({ author }) => author)).toEqual([liar.self as PeerKey]);
    }
    expect(honest.self).not.toBe(liar.self);
  });
});
