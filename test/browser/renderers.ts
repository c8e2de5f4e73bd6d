/** Kills the renderer process of one page as the operating system would: by a signal, without a last word. */
import type { Browser, CDPSession, Page } from 'playwright-core';

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
    const before = await rendererTimes(session);
    await page.evaluate(() => {
      const untilMs = performance.now() + 500;
      while (performance.now() < untilMs);
    });
    const after = await rendererTimes(session);
    const used = [...after].map(([pid, seconds]) => ({ pid, seconds: seconds - (before.get(pid) ?? seconds) }));
    const [most] = used.toSorted((a, b) => b.seconds - a.seconds);
    if (most === undefined) throw new Error('no renderer process was found');
    return most.pid;
  } finally {
    await session.detach();
  }
}

async function rendererTimes(session: CDPSession): Promise<ReadonlyMap<number, number>> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
}
