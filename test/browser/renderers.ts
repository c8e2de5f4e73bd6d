/** Kills the renderer process of one page, or all of them, as the operating system would: by a signal, without a last word. */
import type { Browser, CDPSession, Page } from 'playwright-core';
import { until } from '../support/daemon.ts';

/** On a busy machine a process that has just begun may have worked more than the page: then it is asked again. */
const ATTEMPTS_MAX = 8;
const BUSY_MS = 1_000;
const LEAST_SECONDS = 0.1;

/** Resolves to the time of the kill once the page has crashed. */
export async function killRenderer(page: Page, pid: number): Promise<number> {
  const crashed = page.waitForEvent('crash');
  const killedAtMs = Date.now();
  process.kill(pid, 'SIGKILL');
  await crashed;
  return killedAtMs;
}

/** The process that works while this page does and others rest: its number. No other page may be busy meanwhile. */
export async function rendererOf(browser: Browser, page: Page): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const before = await rendererTimes(session);
      await page.evaluate((busyMs) => {
        const untilMs = performance.now() + busyMs;
        while (performance.now() < untilMs);
      }, BUSY_MS);
      const after = await rendererTimes(session);
      const used = [...after].map(([pid, seconds]) => ({ pid, seconds: seconds - (before.get(pid) ?? seconds) }));
      const [most, next] = used.toSorted((x, y) => y.seconds - x.seconds);
      if (most !== undefined && most.seconds > LEAST_SECONDS && most.seconds > 3 * (next?.seconds ?? 0))
        return most.pid;
    }
    throw new Error('no renderer process stands out as the one of the page');
  } finally {
    await session.detach();
  }
}

const GONE_MAX_MS = 10_000;

/**
 * Kills every renderer of a browser, whichever pages they have, and resolves once the system has none of them left:
 * what the browser itself tells of a crash may come late, or never.
 */
export async function killRenderers(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const pids = [...(await rendererTimes(session)).keys()];
  await session.detach();
  if (pids.length === 0) throw new Error('the browser has no renderer');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('the renderers are gone', () => !pids.some(isAlive), GONE_MAX_MS, 5);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function rendererTimes(session: CDPSession): Promise<ReadonlyMap<number, number>> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
}
