/**
 * A tab that is really hidden against the same tab in front, on one job. Another tab of the same window is put in
 * front of it. The figure is void, and the measurement fails, unless in every window of time the page itself says
 * `hidden` from beginning to end and a chain of timers on it fires at most twice a second; and unless the same chain
 * runs freely while the page is visible, which shows that it can tell.
 */
import type { Page } from 'puppeteer-core';
import { LISTEN, webSocketsOf } from '../../browser/sockets.ts';
import type { Interruption } from '../../demonstration/interruption.ts';
import type { Screen } from '../../demonstration/screen.ts';
import { until } from '../../support/daemon.ts';
import { startChromium } from './chromium.ts';
import { call, joinFrom } from './fixture.ts';
import { type Comparison, compare, describeComparison, type Side, submitLongJob, type Turns } from './rounds.ts';
import { isSeen, tabSide } from './sides.ts';

export const HIDDEN_GOAL = 0.95;
const HIDDEN_TIMERS_PER_SECOND_MAX = 2;
const VISIBLE_TIMERS_PER_SECOND_MIN = 10;
const WORKERS = 2;

export interface HiddenOptions extends Turns {
  /** Measures what a tab gets that was hidden more than five minutes ago: a timer a minute. */
  readonly longHidden: boolean;
}

export interface HiddenReport extends Comparison {
  readonly longHidden: boolean;
  /** The highest of all windows in which the page was hidden, and the lowest of those in which it was visible. */
  readonly timersPerSecond: { readonly hidden: number; readonly visible: number };
}

/** A chain of timers on the page, and what it has seen of the page's visibility. */
interface Probe {
  ticks: number;
  states: string[];
  sinceMs: number;
}

declare global {
  var probe: Probe;
}

export async function measureHidden(
  { createSwarm }: Interruption,
  screen: Screen,
  { longHidden, ...turns }: HiddenOptions,
): Promise<HiddenReport> {
  screen.line(`hidden and visible: ${turns.rounds} rounds, each ${turns.windowMs / 1_000} s on ${WORKERS} workers`);
  const swarm = await createSwarm();
  const chromium = await startChromium({ display: true, longHidden });
  try {
    const submitter = await swarm.start('submitter', { cores: 0, listen: LISTEN });
    const page = await chromium.openPage();
    await page.evaluate(startProbe);
    const front = await chromium.browser.newPage();
    const bootstrap = webSocketsOf(submitter.daemon);
    const { self } = await joinFrom(page, { network: swarm.network, bootstrap, cores: WORKERS });
    // As on the real page: a tab that holds back for no good reason would show here.
    await call(page, 'startCitizen');
    await until('the tab is connected', () => isSeen(submitter, self));
    const timers = { hidden: 0, visible: Number.POSITIVE_INFINITY };
    const tab = tabSide('tab', page, chromium.pid);
    const sideOf = (wanted: 'hidden' | 'visible'): Side => ({
      ...tab,
      name: wanted,
      async begin() {
        await (wanted === 'hidden' ? front : page).bringToFront();
        await until(`the page is ${wanted}`, async () => (await stateOf(page)) === wanted, 10_000);
        await tab.begin();
      },
      started: () => page.evaluate(resetProbe),
      async check() {
        const perSecond = await timersOf(page, wanted);
        if (wanted === 'hidden') timers.hidden = Math.max(timers.hidden, perSecond);
        else timers.visible = Math.min(timers.visible, perSecond);
        if (
          wanted === 'hidden' ? perSecond > HIDDEN_TIMERS_PER_SECOND_MAX : perSecond < VISIBLE_TIMERS_PER_SECOND_MIN
        ) {
          throw new Error(`void: ${perSecond.toFixed(1)} timers a second on a ${wanted} page`);
        }
      },
    });
    const job = await submitLongJob(submitter);
    const options = { ...turns, screen };
    const comparison = await compare([sideOf('hidden'), sideOf('visible')], options);
    await submitter.client.cancel(job);
    return { ...comparison, longHidden, timersPerSecond: timers };
  } finally {
    await chromium.close();
    await swarm.stop();
  }
}

export function describeHidden(report: HiddenReport): readonly string[] {
  const { hidden, visible } = report.timersPerSecond;
  return [
    '',
    `One volunteering tab, hidden ${report.longHidden ? 'as after five minutes ' : ''}behind another tab and in front, taking turns on one job.`,
    `Timers on the page: at most ${hidden.toFixed(1)} a second while hidden, at least ${visible.toFixed(1)} while visible.`,
    ...describeComparison(report, HIDDEN_GOAL),
  ];
}

function stateOf(page: Page): Promise<string> {
  return page.evaluate(() => document.visibilityState);
}

/** Timers a second since the window began. Throws when the page was not in that state all the time. */
async function timersOf(page: Page, wanted: string): Promise<number> {
  const { ticks, states, elapsedMs } = await page.evaluate(() => ({
    ticks: probe.ticks,
    states: [...probe.states, document.visibilityState],
    elapsedMs: performance.now() - probe.sinceMs,
  }));
  if (states.some((state) => state !== wanted))
    throw new Error(`void: the page was ${states.join(', ')}, not ${wanted}`);
  return (ticks / elapsedMs) * 1_000;
}

// Both run in the page.
function startProbe(): void {
  globalThis.probe = { ticks: 0, states: [], sinceMs: 0 };
  const tick = (): void => {
    probe.ticks++;
    setTimeout(tick, 20);
  };
  tick();
  document.addEventListener('visibilitychange', () => probe.states.push(document.visibilityState));
}

function resetProbe(): void {
  probe.ticks = 0;
  probe.states = [document.visibilityState];
  probe.sinceMs = performance.now();
}
