/**
 * A volunteering tab against a volunteering daemon, two workers each, on the same job and machine. Both are connected
 * all the time; the one whose turn it is not is paused by its owner. The daemon's workers run at the lowest priority
 * and the browser's do not: where others take much of the machine, only the fuel per CPU second tells something.
 */

import { LISTEN, webSocketsOf } from '../../browser/sockets.ts';
import type { Interruption } from '../../demonstration/interruption.ts';
import type { Screen } from '../../demonstration/screen.ts';
import { until } from '../../support/daemon.ts';
import { startChromium } from './chromium.ts';
import { call, joinFrom } from './fixture.ts';
import { type Comparison, compare, describeComparison, type Side, submitLongJob, type Turns } from './rounds.ts';
import { daemonSide, isSeen, tabSide } from './sides.ts';

export const TAB_GOAL = 0.9;
const WORKERS = 2;

export async function measureTab({ createSwarm }: Interruption, screen: Screen, turns: Turns): Promise<Comparison> {
  screen.line(`tab and daemon: ${turns.rounds} rounds, each side ${turns.windowMs / 1_000} s on ${WORKERS} workers`);
  const swarm = await createSwarm();
  const chromium = await startChromium({ display: false });
  try {
    const submitter = await swarm.start('submitter', { cores: 0, listen: LISTEN });
    const volunteer = await swarm.start('volunteer', { cores: WORKERS });
    await swarm.connected();
    const page = await chromium.openPage();
    const bootstrap = webSocketsOf(submitter.daemon);
    const { self } = await joinFrom(page, { network: swarm.network, bootstrap, cores: WORKERS });
    // As on the real page: a tab that holds back for no good reason would show here.
    await call(page, 'startCitizen');
    await until('the tab is connected', () => isSeen(submitter, self));
    const tab = tabSide('tab', page, chromium.pid);
    const sides: readonly [Side, Side] = [tab, daemonSide('daemon', volunteer)];
    for (const side of sides) await side.end();
    const job = await submitLongJob(submitter);
    const comparison = await compare(sides, { ...turns, screen });
    await submitter.client.cancel(job);
    return comparison;
  } finally {
    await chromium.close();
    await swarm.stop();
  }
}

export function describeTab(comparison: Comparison): readonly string[] {
  return [
    '',
    'A volunteering tab (headless Chromium) and a volunteering daemon, two workers each, taking turns on one job.',
    ...describeComparison(comparison, TAB_GOAL),
  ];
}
