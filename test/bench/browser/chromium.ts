/**
 * Chromium as these measurements need it: driven by puppeteer, since Playwright keeps every page visible, and with its
 * throttling of hidden pages left as people have it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { buildFixture, type Site, serve } from '../../browser/browser.ts';
import { findBrowser } from '../../browser/find-browser.ts';

/** Defaults of puppeteer that would keep a hidden page awake. */
const KEEPS_AWAKE = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The stronger throttling of a page that has been hidden for five minutes begins after a second. */
const LONG_HIDDEN = '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1';

export interface ChromiumOptions {
  /** A window on a virtual screen: a headless page is never hidden. */
  readonly display: boolean;
  /** A page that has just been hidden is treated as one that was hidden long ago. */
  readonly longHidden?: boolean;
}

export interface Chromium {
  readonly browser: Browser;
  readonly pid: number;
  /** The page of the tests, in a window of this browser, or in a profile of its own. */
  openPage(where?: 'here' | 'own-profile'): Promise<Page>;
  close(): Promise<void>;
}

/** Rejects with a word when something is missing. */
export async function startChromium({ display, longHidden = false }: ChromiumOptions): Promise<Chromium> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error('no Chromium found: run .ci/install-chromium.sh');
  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).toReversed()) await end();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
    closing.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    await buildFixture(join(folder, 'page'));
    const site: Site = await serve(join(folder, 'page'));
    closing.push(() => site.close());
    const screen = display ? await startScreen() : undefined;
    if (screen !== undefined) closing.push(() => screen.child.kill());
    const browser = await launch({
      executablePath,
      headless: !display,
      args: [...ARGUMENTS, ...(longHidden ? [LONG_HIDDEN] : [])],
      ignoreDefaultArgs: KEEPS_AWAKE,
      userDataDir: join(folder, 'profile'),
      ...(screen === undefined ? {} : { env: { ...process.env, DISPLAY: screen.name } }),
    });
    closing.push(() => browser.close());
    return {
      browser,
      pid: browser.process()!.pid!,
      async openPage(where = 'here') {
        const page = await (where === 'here' ? browser : await browser.createBrowserContext()).newPage();
        await page.goto(site.url);
        await page.waitForFunction(() => 'fixture' in globalThis);
        return page;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A virtual screen on the first free number. */
async function startScreen(): Promise<{ readonly child: ChildProcess; readonly name: string }> {
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  process.once('exit', () => child.kill());
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error('no Xvfb found: a hidden page needs a screen (apt-get install xvfb)')));
    child.once('exit', (code) => reject(new Error(`Xvfb ended with exit code ${code}`)));
    let text = '';
    (child.stdio[3] as Readable).setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.endsWith('\n')) resolve({ child, name: `:${text.trim()}` });
    });
  });
}
