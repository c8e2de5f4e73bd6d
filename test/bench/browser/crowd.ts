/**
 * 20 tabs join one daemon one after the other, as fast as this machine opens them, and share a job. Each has a profile
 * of its own, as tabs of 20 people would; all belong to one browser, whose common part is named apart. Memory is what
 * Linux calls proportional set size: shared pages are divided among those who share them, so that the figures add up.
 */
import type { Page } from 'puppeteer-core';
import { submitPrimes } from '../../browser/primes.ts';
import { LISTEN, webSocketsOf } from '../../browser/sockets.ts';
import type { Interruption } from '../../demonstration/interruption.ts';
import { percentile } from '../../demonstration/latency.ts';
import type { Screen } from '../../demonstration/screen.ts';
import type { SwarmPeer } from '../../demonstration/swarm.ts';
import { until } from '../../support/daemon.ts';
import { type Chromium, startChromium } from './chromium.ts';
import { call, joinFrom } from './fixture.ts';
import { kindOf, memoryOf, tree } from './processes.ts';

const TABS = 20;
const UNITS = 200;

export interface CrowdReport {
  readonly tabs: number;
  /** From the first page opened to the last tab connected, in ms; then to the end of a job of `units` units. */
  readonly joinedAfterMs: number;
  readonly jobMs: number;
  readonly units: number;
  readonly executionsPerUnit: number;
  /** Units of which a tab is among the authors who count, by tab; sorted. */
  readonly unitsOfTabs: readonly number[];
  /** Bytes. A renderer holds one tab: its page, its peer and its workers. */
  readonly rendererBefore: Spread;
  readonly rendererAfter: Spread;
  /** Browser, network and other processes that all tabs share, and their growth by the tabs. */
  readonly sharedBefore: number;
  readonly sharedAfter: number;
  /** Resident memory of the daemon before the first tab, with all connected and no job, and after the job. */
  readonly daemonBefore: number;
  readonly daemonConnected: number;
  readonly daemonAfter: number;
}

interface Spread {
  readonly median: number;
  readonly most: number;
}

export async function measureCrowd({ createSwarm }: Interruption, screen: Screen): Promise<CrowdReport> {
  screen.line(`a crowd: ${TABS} tabs join one daemon`);
  const swarm = await createSwarm();
  const chromium = await startChromium({ display: false });
  try {
    const submitter = await swarm.start('daemon', { cores: 0, listen: LISTEN });
    const bootstrap = webSocketsOf(submitter.daemon);
    const join = async (): Promise<{ page: Page; self: string }> => {
      const page = await chromium.openPage('own-profile');
      const { self } = await joinFrom(page, { network: swarm.network, bootstrap, cores: 1 });
      return { page, self };
    };
    // The first tab of all is no part of the figures: both sides load code for it that they then keep.
    const first = await join();
    await until('the first tab is connected', async () => (await connected(submitter)).length === 1);
    await call(first.page, 'stop');
    await first.page.close();
    await until('the first tab is gone', async () => (await connected(submitter)).length === 0);
    const sharedBefore = browserMemory(chromium).shared;
    const daemonBefore = await restingMemory(submitter);

    const startedAt = performance.now();
    const tabs: { page: Page; self: string }[] = [];
    while (tabs.length < TABS) {
      tabs.push(await join());
      screen.progress(tabs.length / TABS, `${tabs.length} of ${TABS} tabs`);
    }
    await until('all tabs are connected', async () => (await connected(submitter)).length === TABS);
    const joinedAfterMs = performance.now() - startedAt;
    const daemonConnected = await restingMemory(submitter);
    const rendererBefore = spread(browserMemory(chromium).renderers);

    const jobStartedAt = performance.now();
    const { job, expected } = await submitPrimes(submitter.daemon, { units: UNITS, taskSize: 100_000 });
    const isFinished = async () => (await submitter.client.progress(job)).outcome?.state === 'finished';
    await until('the job is finished', isFinished, 300_000, 50);
    const jobMs = performance.now() - jobStartedAt;
    if (Buffer.compare(await submitter.client.result(job), expected()) !== 0) throw new Error('a wrong result');
    const { unitRows, executions } = (await submitter.client.job(job)).view!;
    const counted = unitRows.flatMap(({ countedAuthors }) => countedAuthors);
    const unitsOfTabs = tabs.map(({ self }) => counted.filter((author) => author === self).length);
    const { renderers, shared: sharedAfter } = browserMemory(chromium);
    return {
      ...{
        tabs: TABS,
        joinedAfterMs,
        jobMs,
        units: UNITS,
        executionsPerUnit: executions / UNITS,
        unitsOfTabs: unitsOfTabs.toSorted((a, b) => a - b),
      },
      ...{ rendererBefore, rendererAfter: spread(renderers), sharedBefore, sharedAfter },
      ...{ daemonBefore, daemonConnected, daemonAfter: await restingMemory(submitter) },
    };
  } finally {
    await chromium.close();
    await swarm.stop();
  }
}

export function describeCrowd(report: CrowdReport): readonly string[] {
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const { tabs, unitsOfTabs, rendererBefore, rendererAfter } = report;
  const perTab = (before: number, after: number): string => mib((after - before) / tabs);
  return [
    '',
    `${tabs} tabs connected after ${seconds(report.joinedAfterMs)}; a job of ${report.units} units took ${seconds(report.jobMs)}, with ${report.executionsPerUnit.toFixed(2)} executions per unit.`,
    `Units that count, by tab: least ${unitsOfTabs[0]}, median ${percentile(unitsOfTabs, 0.5)}, most ${unitsOfTabs.at(-1)}; ${unitsOfTabs.filter((units) => units > 0).length} of ${tabs} tabs took part.`,
    `Memory of a tab's renderer: median ${mib(rendererBefore.median)} connected, ${mib(rendererAfter.median)} after the job (most ${mib(rendererAfter.most)}).`,
    `Memory of the rest of the browser: ${mib(report.sharedBefore)} before, ${mib(report.sharedAfter)} after: ${perTab(report.sharedBefore, report.sharedAfter)} for a tab.`,
    `Resident memory of the daemon: ${mib(report.daemonBefore)} before, ${mib(report.daemonConnected)} connected: ${perTab(report.daemonBefore, report.daemonConnected)} for a connection; ${mib(report.daemonAfter)} after the job.`,
  ];
}

async function connected({ client }: SwarmPeer): Promise<readonly string[]> {
  return (await client.peers()).filter((row) => row.connected).map(({ peer }) => peer);
}

/** Renderers without a page of ours, such as the browser's own first tab, are small and not counted as tabs. */
function browserMemory({ pid }: Chromium): { readonly renderers: readonly number[]; readonly shared: number } {
  const renderers: number[] = [];
  let shared = 0;
  for (const each of tree(pid)) {
    const pss = memoryOf(each)?.pss ?? 0;
    if (kindOf(each) === 'renderer') renderers.push(pss);
    else shared += pss;
  }
  return { renderers: renderers.toSorted((a, b) => b - a).slice(0, TABS), shared };
}

const SETTLED_BYTES = 2 * 1_048_576;

/** Resident memory once it has changed by less than 2 MiB in two seconds, three times. */
async function restingMemory({ daemon }: SwarmPeer): Promise<number> {
  let last = memoryOf(daemon.pid)?.rss ?? 0;
  let calm = 0;
  await until(
    'the daemon is at rest',
    () => {
      const now = memoryOf(daemon.pid)?.rss ?? 0;
      calm = Math.abs(now - last) < SETTLED_BYTES ? calm + 1 : 0;
      last = now;
      return calm >= 3;
    },
    60_000,
    2_000,
  );
  return last;
}

function spread(values: readonly number[]): Spread {
  return { median: percentile(values, 0.5), most: Math.max(...values) };
}
