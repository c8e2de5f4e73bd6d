/** One tab ends with a unit in its hands while another one waits for it: how long until that has taken it over. */
import { type RunningDaemon, until } from '../support/daemon.ts';
import { killRenderer, rendererOf } from './renderers.ts';
import type { Tab, Tabs } from './tabs.ts';
import type { Witness } from './witness.ts';

export interface Takeover {
  /** From the end of the one tab to the claim of the other, as the witness heard it; on one machine's clock. */
  readonly tookMs: number;
  /** Undefined where the tab did not say goodbye. */
  readonly goodbyeMs: number | undefined;
}

export interface TakeoverParts {
  readonly tabs: Tabs;
  readonly witness: Witness;
  /** It submits, and computes nothing. Another peer of its network computes, beside the tabs. */
  readonly daemon: RunningDaemon;
  readonly waiting: Tab;
  readonly ending: Tab;
}

/** A unit of minutes, which needs the other peer and one of the tabs. */
export async function takeOver(end: 'close' | 'kill', parts: TakeoverParts): Promise<Takeover> {
  const { tabs, witness, daemon, waiting, ending } = parts;
  const pid = await rendererOf(tabs.browser, ending.page);
  await waiting.page.evaluate(() => fixture.pause('manual'));
  const { job } = await daemon.api<{ job: string }>('jobs', {
    kernel: { name: 'prime-count' },
    arguments: { to: '40000000000' },
    policy: { quorum: 2, taskSize: 40_000_000, tasksPerUnit: 1_000 },
  });
  const heardFrom = (isAuthor: (author: string) => boolean, lease: 'held' | 'released'): number | undefined =>
    witness.heard.find(
      ({ author, body }) =>
        isAuthor(author) &&
        body.kind === 'claim' &&
        body.job === job &&
        body.units.includes(0) &&
        body.leaseMs > 0 === (lease === 'held'),
    )?.atMs;
  const heardOf = ({ self }: Tab, lease: 'held' | 'released') => heardFrom((author) => author === self, lease);
  // Both places are taken before the other tab may have one.
  await until('the other peer has claimed the unit', () =>
    heardFrom((author) => author !== ending.self && author !== waiting.self, 'held'),
  );
  await until('the tab has claimed the unit', () => heardOf(ending, 'held'));
  await waiting.page.evaluate(() => fixture.resume('manual'));
  await until('the other tab wants nothing', () =>
    waiting.page.evaluate(() => fixture.view().why.some(({ code }) => code === 'claimed-by-others')),
  );
  let endedAtMs = Date.now();
  if (end === 'close') await ending.page.close();
  else endedAtMs = await killRenderer(ending.page, pid);
  const takenAtMs = await until('the other tab has taken over', () => heardOf(waiting, 'held'));
  await daemon.api(`jobs/${job}/cancel`, {});
  const goodbyeAtMs = heardOf(ending, 'released');
  return {
    tookMs: takenAtMs - endedAtMs,
    goodbyeMs: goodbyeAtMs === undefined ? undefined : goodbyeAtMs - endedAtMs,
  };
}

/** Resolves when the two see each other, by a connection whose address says what is asked. */
export async function linked(one: Tab, other: Tab, isAsWanted: (address: string) => boolean): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    await until('the tabs are linked', async () => {
      const { peers } = await from.page.evaluate(() => fixture.view());
      const row = peers.find(({ peer, connected }) => peer === to.self && connected);
      return row !== undefined && isAsWanted(row.address ?? '');
    });
  }
}
