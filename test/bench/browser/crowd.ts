/**
 * 20 tabs join one daemon as fast as this machine opens them, and share a job; a tab that comes when all places are
 * taken is told so, and let in when somebody leaves. Each has a profile of its own, as tabs of 20 people would; all
 * belong to one browser, whose common part is named apart. Memory is what Linux calls proportional set size: shared
 * pages are divided among those who share them, so that the figures add up.
 *
 * What must hold is checked: all connected within a minute, the job done and right, the refusal said. Where it does
 * not, the figures are printed all the same, and the measurement fails.
 */
import type { Page } from 'puppeteer-core';
import { explain } from '../../../node/runtime/why.ts';
import { submitPrimes } from '../../browser/primes.ts';
import { LISTEN, webSocketsOf } from '../../browser/sockets.ts';
import type { Interruption } from '../../demonstration/interruption.ts';
import { percentile } from '../../demonstration/latency.ts';
import type { Screen } from '../../demonstration/screen.ts';
import type { SwarmPeer } from '../../demonstration/swarm.ts';
import { until } from '../../support/daemon.ts';
import { type Chromium, startChromium } from './chromium.ts';
import { call, joinFrom } from './fixture.ts';
import { cpuMsOfMachine, cpuMsOfTree, kindOf, memoryOf, tree } from './processes.ts';

const TABS = 20;
const UNITS = 60;
/**
 * Numbers in a task, of which a unit has ten: about 0.15 s of computing. The network recommends units of seconds; with
 * much smaller ones twenty tabs on two cores do little but tell each other of them.
 */
const TASK_SIZE = 1_000_000;
/** Pages that are opened side by side: one for each core of a small machine. */
const OPENED_AT_ONCE = 2;
/** The promise. */
const JOINED_WITHIN_MS = 60_000;
/** All steps end by themselves, so that the whole takes less than five minutes. */
const JOIN_MAX_MS = 100_000;
const JOB_MAX_MS = 110_000;
const REFUSAL_MAX_MS = 30_000;

export interface CrowdReport {
  readonly tabs: number;
  /** From the first page opened to the last tab connected, in ms; undefined if they were not all connected in time. */
  readonly joinedAfterMs: number | undefined;
  /** Of a job of `units` units; undefined if it was not finished in time. */
  readonly jobMs: number | undefined;
  readonly units: number;
  readonly executionsPerUnit: number;
  /** Units of which a tab is among the authors who count, by tab; sorted. */
  readonly unitsOfTabs: readonly number[];
  /** The fewest tabs that the daemon saw connected while the job ran, and links that tabs gave up meanwhile. */
  readonly connectedLeast: number;
  readonly linksClosed: number;
  /** The most tabs that had stepped back at a look because the machine was busy. */
  readonly steppedBackMost: number;
  /** How the tab that was too many said so; undefined if it did not. And whether it was let in later. */
  readonly refusal: string | undefined;
  readonly letInLater: boolean;
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
  /** Cores taken by processes that are no part of this measurement. */
  readonly otherCores: number;
  /** What should have held and did not. */
  readonly failures: readonly string[];
}

interface Spread {
  readonly median: number;
  readonly most: number;
}

interface OpenTab {
  readonly page: Page;
  readonly self: string;
}

export async function measureCrowd({ createSwarm }: Interruption, screen: Screen): Promise<CrowdReport> {
  screen.line(`a crowd: ${TABS} tabs join one daemon`);
  const swarm = await createSwarm();
  const chromium = await startChromium({ display: false });
  const failures: string[] = [];
  try {
    const args = ['--peers-max', String(TABS)];
    const submitter = await swarm.start('daemon', { cores: 0, listen: LISTEN, args });
    const bootstrap = webSocketsOf(submitter.daemon);
    const join = async (): Promise<OpenTab> => {
      const page = await chromium.openPage('own-profile');
      const { self } = await joinFrom(page, { network: swarm.network, bootstrap, cores: 1 });
      await call(page, 'startCitizen');
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
    const others = watchOthers();

    const startedAt = performance.now();
    const tabs: OpenTab[] = [];
    let left = TABS;
    const isLate = (): boolean => performance.now() - startedAt > JOIN_MAX_MS;
    const openSome = async (): Promise<void> => {
      while (!isLate() && left-- > 0) {
        tabs.push(await join());
        screen.progress(tabs.length / TABS, `${tabs.length} of ${TABS} tabs`);
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openSome));
    if (tabs.length < TABS) {
      const busy = `other processes took ${others().toFixed(1)} cores`;
      throw new Error(`only ${tabs.length} of ${TABS} tabs could be opened within ${JOIN_MAX_MS / 1_000} s; ${busy}`);
    }
    let joinedAfterMs = await within(
      async () => (await connected(submitter)).length === TABS,
      JOIN_MAX_MS - (performance.now() - startedAt),
    );
    if (joinedAfterMs !== undefined) joinedAfterMs = performance.now() - startedAt;
    if (joinedAfterMs === undefined || joinedAfterMs > JOINED_WITHIN_MS) {
      failures.push(`not all of ${TABS} tabs were connected with the daemon within ${JOINED_WITHIN_MS / 1_000} s`);
    }
    const daemonConnected = await restingMemory(submitter);
    const rendererBefore = spread(browserMemory(chromium).renderers);

    const { refusal, letIn } = await beOneTooMany(join, tabs, submitter);
    if (refusal === undefined) failures.push('a tab beyond the last place did not say that the daemon is full');
    if (!letIn) failures.push('it was not let in when another tab had left');

    const { job, expected } = await submitPrimes(submitter.daemon, { units: UNITS, taskSize: TASK_SIZE });
    const closedBefore = await linksClosed(tabs);
    let connectedLeast = TABS;
    let steppedBackMost = 0;
    const jobMs = await within(async () => {
      const { done, outcome } = await submitter.client.progress(job);
      connectedLeast = Math.min(connectedLeast, (await connected(submitter)).length);
      const paused = await Promise.all(tabs.map(({ page }) => call(page, 'view').then((view) => view.paused)));
      steppedBackMost = Math.max(steppedBackMost, paused.filter((reasons) => reasons.includes('load')).length);
      screen.progress(done / UNITS, `${done} of ${UNITS} units, ${connectedLeast} tabs connected`);
      return outcome?.state === 'finished';
    }, JOB_MAX_MS);
    if (jobMs === undefined) failures.push(`the job of ${UNITS} units was not finished within ${JOB_MAX_MS / 1_000} s`);
    else if (Buffer.compare(await submitter.client.result(job), expected()) !== 0) failures.push('a wrong result');
    const { unitRows, executions } = (await submitter.client.job(job)).view!;
    const counted = unitRows.flatMap(({ countedAuthors }) => countedAuthors);
    const unitsOfTabs = tabs.map(({ self }) => counted.filter((author) => author === self).length);
    const { renderers, shared: sharedAfter } = browserMemory(chromium);
    return {
      ...{ tabs: TABS, joinedAfterMs, jobMs, units: UNITS, executionsPerUnit: executions / UNITS },
      unitsOfTabs: unitsOfTabs.toSorted((a, b) => a - b),
      ...{ connectedLeast, linksClosed: (await linksClosed(tabs)) - closedBefore, steppedBackMost },
      ...{ refusal, letInLater: letIn },
      ...{ rendererBefore, rendererAfter: spread(renderers), sharedBefore, sharedAfter },
      ...{ daemonBefore, daemonConnected, daemonAfter: await restingMemory(submitter) },
      ...{ otherCores: others(), failures },
    };
  } finally {
    await chromium.close();
    await swarm.stop();
  }
}

/** One more tab than there are places, until it says so; then a tab leaves, and it takes that one's place in `tabs`. */
async function beOneTooMany(
  join: () => Promise<OpenTab>,
  tabs: OpenTab[],
  submitter: SwarmPeer,
): Promise<{ readonly refusal: string | undefined; readonly letIn: boolean }> {
  const late = await join();
  let refusal: string | undefined;
  await within(async () => {
    const { why, nowMs } = await call(late.page, 'view');
    const reason = why.find(
      (each) => each.code === 'dial-failed' && each.failure === 'full' && !each.address.endsWith('/p2p-circuit'),
    );
    if (reason === undefined) return false;
    refusal = explain(reason, { peer: String, nowMs }).text;
    return true;
  }, REFUSAL_MAX_MS);
  const [leaving] = tabs.splice(0, 1, late);
  await leaving?.page.close();
  const seen = async () => (await connected(submitter)).includes(late.self);
  return { refusal, letIn: (await within(seen, REFUSAL_MAX_MS)) !== undefined };
}

/** Time until `condition` holds, in ms; undefined if it does not hold within `limitMs`. */
async function within(condition: () => Promise<boolean>, limitMs: number): Promise<number | undefined> {
  const startedAt = performance.now();
  do {
    if (await condition()) return performance.now() - startedAt;
    await new Promise((resolve) => setTimeout(resolve, 250));
  } while (performance.now() - startedAt < limitMs);
  return undefined;
}

export function describeCrowd(report: CrowdReport): readonly string[] {
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const seconds = (ms: number | undefined): string => (ms === undefined ? 'too long' : `${(ms / 1_000).toFixed(1)} s`);
  const { tabs, unitsOfTabs, rendererBefore, rendererAfter } = report;
  const perTab = (before: number, after: number): string => mib((after - before) / tabs);
  return [
    '',
    `${tabs} tabs were connected after: ${seconds(report.joinedAfterMs)}. A job of ${report.units} units took: ${seconds(report.jobMs)}, with ${report.executionsPerUnit.toFixed(2)} executions per unit.`,
    `While it ran at least ${report.connectedLeast} of ${tabs} tabs were connected, tabs gave up ${report.linksClosed} links, and at most ${report.steppedBackMost} at a time stepped back because the machine was busy.`,
    `Units that count, by tab: least ${unitsOfTabs[0]}, median ${percentile(unitsOfTabs, 0.5)}, most ${unitsOfTabs.at(-1)}; ${unitsOfTabs.filter((units) => units > 0).length} of ${tabs} tabs took part.`,
    `A tab beyond the last place says: ${report.refusal ?? 'nothing'}. It was ${report.letInLater ? '' : 'not '}let in when another had left.`,
    `Memory of a tab's renderer: median ${mib(rendererBefore.median)} connected, ${mib(rendererAfter.median)} after the job (most ${mib(rendererAfter.most)}).`,
    `Memory of the rest of the browser: ${mib(report.sharedBefore)} before, ${mib(report.sharedAfter)} after: ${perTab(report.sharedBefore, report.sharedAfter)} for a tab.`,
    `Resident memory of the daemon: ${mib(report.daemonBefore)} before, ${mib(report.daemonConnected)} connected: ${perTab(report.daemonBefore, report.daemonConnected)} for a connection; ${mib(report.daemonAfter)} after the job.`,
    `Other processes took ${report.otherCores.toFixed(1)} cores${report.otherCores > QUIET_CORES_MAX ? ': repeat this on a quiet machine' : ''}.`,
    ...report.failures.map((failure) => `FAILED: ${failure}.`),
  ];
}

/** Beyond it times say more of the others than of this. */
const QUIET_CORES_MAX = 0.2;

/** Returns what tells how many cores others took since then. */
function watchOthers(): () => number {
  const look = () => ({ atMs: performance.now(), owned: cpuMsOfTree(process.pid), all: cpuMsOfMachine() });
  const before = look();
  return () => {
    const after = look();
    return Math.max(0, after.all - before.all - (after.owned - before.owned)) / (after.atMs - before.atMs);
  };
}

async function connected({ client }: SwarmPeer): Promise<readonly string[]> {
  return (await client.peers()).filter((row) => row.connected).map(({ peer }) => peer);
}

async function linksClosed(tabs: readonly OpenTab[]): Promise<number> {
  const logs = await Promise.all(tabs.map(({ page }) => call(page, 'log')));
  return logs.flat().filter((line) => line.includes('a link is closed')).length;
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
const SETTLED_LOOKS = 3;
/** It is then as good as it gets: a busy daemon never rests. */
const REST_MAX_LOOKS = 10;

/** Resident memory once it has changed by less than 2 MiB in two seconds, three times. */
async function restingMemory({ daemon }: SwarmPeer): Promise<number> {
  let last = memoryOf(daemon.pid)?.rss ?? 0;
  for (let look = 0, calm = 0; look < REST_MAX_LOOKS && calm < SETTLED_LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const now = memoryOf(daemon.pid)?.rss ?? 0;
    calm = Math.abs(now - last) < SETTLED_BYTES ? calm + 1 : 0;
    last = now;
  }
  return last;
}

function spread(values: readonly number[]): Spread {
  return { median: percentile(values, 0.5), most: Math.max(...values) };
}
