/**
 * A tab that crashes, again and again, never contradicts itself. Its renderer is killed while it computes for others
 * and has a job of its own in the network, at moments drawn by a seed; each time the page is opened again and must be
 * the same peer, which works on. A recorder hears it all from the first word to the last. Nothing here waits for the
 * browser to tell of a crash: a process that is gone from the system is gone.
 */
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { contradictionsIn } from '../demonstration/contradictions.ts';
import { drawn } from '../demonstration/random.ts';
import { entry } from '../demonstration/swarm.ts';
import { readRecording, type WireReport } from '../demonstration/wire-recording.ts';
import { type RunningDaemon, until } from '../support/daemon.ts';
import { submitPrimes } from './primes.ts';
import { killRenderers } from './renderers.ts';
import { describeTabs } from './suite.ts';
import { finished, resultOf, type Tab, type Tabs, viewOf } from './tabs.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const SEED = Number(process.env.SHOAL_TEST_SEED ?? 1);
const CRASHES = 6;
/** Of the tab, in the life before each crash: at least one, so that there is something it could contradict. */
const COMMITS_MAX = 3;
const SPREAD_MS = 250;
/** Longer than the test: what is left of it is cancelled. */
const LONG = { units: 4_000, taskSize: 60_000 };
const LAST = { units: 6, taskSize: 60_000 };
const TASKS_PER_UNIT = 10;
const READY_MAX_MS = 90_000;

describeTabs('a tab that crashes', (opened) => {
  it(`goes on as the same peer, and nobody ever hears two words of it in one place (seed ${SEED})`, async () => {
    const tabs = opened();
    const network = `crash-${SEED}`;
    const daemon = await tabs.startDaemon({ network, cores: 1, timeoutMs: READY_MAX_MS });
    const { recorder, heard } = await startRecorder(tabs, network, daemon);
    const daemons = [daemon, recorder];
    let tab = await tabs.open(network, daemons);
    const { self, context } = tab;
    const { job } = await submitPrimes(daemon, LONG);
    const own = await submitOwn(tab);
    const commitsOfTab = async (of: string): Promise<number> =>
      (await heard()).statements
        .filter(({ author, body }) => author === self && body.kind === 'commit' && body.job === of)
        .reduce((sum, { body }) => sum + (body.kind === 'commit' ? body.entries.length : 0), 0);

    for (let crash = 0; crash < CRASHES; crash++) {
      const wanted = 1 + Math.floor(COMMITS_MAX * drawn(SEED, `commits ${crash}`));
      const before = await commitsOfTab(job);
      await until('the tab has committed anew', async () => (await commitsOfTab(job)) >= before + wanted, 60_000, 20);
      await new Promise((resolve) => setTimeout(resolve, SPREAD_MS * drawn(SEED, `moment ${crash}`)));
      await killRenderers(tabs.browser);
      tab = await reopened(tabs, { network, daemons, context, crashed: tab });
      expect(tab, `after crash ${crash}`).toMatchObject({ self, slot: 0 });
      await expectNoContradiction(heard);
    }

    await daemon.api(`jobs/${job}/cancel`, {});
    const last = await submitPrimes(daemon, LAST);
    const { unitRows, refuted } = await finished(daemon, last.job);
    expect(await resultOf(daemon, last.job)).toEqual(last.expected());
    const counted = unitRows.map(({ countedAuthors }) => countedAuthors);
    expect(counted).toEqual(Array.from({ length: LAST.units }, () => expect.arrayContaining([self])));

    await until('the own job of the tab is finished', async () => {
      const found = await tab.page.evaluate((id) => fixture.ownJob(id), own);
      return found?.outcome?.state === 'finished';
    });
    const { statements } = await expectNoContradiction(heard);
    const kinds = new Set(statements.filter(({ author }) => author === self).map(({ body }) => body.kind));
    expect([...kinds]).toEqual(expect.arrayContaining(['job-announce', 'commit', 'reveal', 'satisfied']));
    expect([...refuted, ...(await viewOf(daemon, job)).refuted]).toEqual([]);
  });
});

async function expectNoContradiction(heard: () => Promise<WireReport>): Promise<WireReport> {
  const report = await heard();
  expect(report.equivocations).toEqual([]);
  expect(contradictionsIn(report.statements)).toEqual([]);
  return report;
}

/** A daemon that computes nothing and writes down what it hears, by gossip or in exchange. */
async function startRecorder(
  tabs: Tabs,
  network: string,
  daemon: RunningDaemon,
): Promise<{ recorder: RunningDaemon; heard: () => Promise<WireReport> }> {
  const path = join(daemon.data, 'wire');
  const recorder = await tabs.startDaemon({
    network,
    cores: 0,
    bootstrap: daemon.addresses.slice(0, 1),
    entry: entry('recorder'),
    env: { WIRE_RECORDING: path },
    timeoutMs: READY_MAX_MS,
  });
  return { recorder, heard: () => readRecording(path, network) };
}

/** A job of the tab's own, which its crashes interrupt. */
async function submitOwn({ page }: Tab): Promise<string> {
  const submitted = await page.evaluate((submission) => fixture.submit(submission), {
    kernel: { name: 'prime-count' },
    arguments: { to: String(40 * TASKS_PER_UNIT * 60_000) },
    policy: { quorum: 2, ownResults: 'never' as const, taskSize: 60_000, tasksPerUnit: TASKS_PER_UNIT },
  });
  if (!('job' in submitted)) throw new Error(submitted.message);
  return submitted.job;
}

interface Reopening {
  readonly network: string;
  readonly daemons: readonly RunningDaemon[];
  readonly context: BrowserContext;
  readonly crashed: Tab;
}

const CLOSE_MAX_MS = 2_000;

/** In a new page of the same profile. The crashed one is closed, which a browser may take its time for. */
async function reopened(tabs: Tabs, { network, daemons, context, crashed }: Reopening): Promise<Tab> {
  const closed = crashed.page.close().catch(() => undefined);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_MAX_MS))]);
  return tabs.open(network, daemons, { context });
}
