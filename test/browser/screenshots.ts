/**
 * Pictures of the page in its main states, taken of real daemons in a real browser, for looking at:
 * `npm run screenshots` writes them to `out/screenshots/`.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { CHECKOUT, type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch } from './browser.ts';
import { findBrowser } from './find-browser.ts';

const FOLDER = join(CHECKOUT, 'out', 'screenshots');
const NETWORK = `pictures-${process.pid}`;
const LIAR = join(CHECKOUT, 'dist', 'test', 'demonstration', 'liar.js');
const SIZES = {
  wide: { width: 1280, height: 900 },
  narrow: { width: 390, height: 844 },
} as const;

interface Shot {
  readonly name: string;
  readonly url: string;
  /** Brings the page into the state. */
  readonly prepare?: (page: Page) => Promise<unknown>;
  /** Where only some sizes are wanted. */
  readonly sizes?: readonly (keyof typeof SIZES)[];
}

const only = process.argv.slice(2);

/** One state in both sizes and both schemes; the schemes of one size without loading the page again. */
async function shoot(browser: Browser, { name, url, prepare, sizes = ['wide', 'narrow'] }: Shot): Promise<void> {
  if (only.length > 0 && !only.some((part) => name.includes(part))) return;
  for (const size of sizes) {
    const context = await browser.newContext({ viewport: SIZES[size], deviceScaleFactor: 1, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(`${name}: ${message.text()}`);
    });
    await page.goto(url);
    await prepare?.(page);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(FOLDER, `${name}-${size}-${colorScheme}.png`), fullPage: true });
    }
    await context.close();
  }
  console.log(name);
}

function dashboard({ apiPort, token }: RunningDaemon): string {
  return `http://127.0.0.1:${apiPort}/#token=${token}`;
}

/** Opens a job's view once the page is connected. */
function openJob(job: string): (page: Page) => Promise<unknown> {
  return async (page) => {
    await page.waitForSelector('.now');
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `#job/${job}`);
    await page.waitForSelector('.units');
    await page.waitForTimeout(1_500);
  };
}

async function submit(daemon: RunningDaemon, body: object): Promise<string> {
  return (await daemon.api<{ job: string }>('jobs', body)).job;
}

const running: RunningDaemon[] = [];
async function start(options: Parameters<typeof startDaemon>[0]): Promise<RunningDaemon> {
  const daemon = await startDaemon({ network: NETWORK, ...options });
  running.push(daemon);
  return daemon;
}

async function take(browser: Browser): Promise<void> {
  const self = await start({ cores: 1 });
  const shown = (page: Page) => page.waitForSelector('.now');
  await shoot(browser, { name: '01-no-peers', url: dashboard(self), prepare: shown });
  await shoot(browser, { name: '02-wrong-token', url: `http://127.0.0.1:${self.apiPort}/#token=${'0'.repeat(64)}` });
  await shoot(browser, {
    name: '03-new-job',
    url: dashboard(self),
    prepare: async (page) => {
      await shown(page);
      await page.click('nav a[href="#submit"]');
      await page.click('text=Mandelbrot set');
      await page.waitForSelector('#argument-width');
    },
  });
  const bootstrap = self.addresses.slice(0, 1);
  const others = [
    await start({ cores: 1, bootstrap }),
    await start({ cores: 1, bootstrap }),
    await start({ cores: 1, bootstrap, entry: LIAR }),
  ];
  await until('peers', async () => (await self.api<{ peers: unknown[] }>('peers')).peers.length === others.length);
  await shoot(browser, {
    name: '04-no-job',
    url: dashboard(self),
    prepare: (page) => page.waitForSelector('tbody tr'),
  });
  const picture = await submit(others[0]!, {
    kernel: { name: 'mandelbrot' },
    arguments: { width: '1024', height: '1024', iterations: '40000' },
    policy: { quorum: 2, ownResults: 'never' },
  });
  await until('a half-filled picture', async () => {
    const { progress } = await others[0]!.api<{ progress: { done: number; units: number } }>(`jobs/${picture}`);
    return progress.done >= progress.units * 0.35;
  });
  await shoot(browser, {
    name: '05-picture-half',
    url: dashboard(others[0]!),
    prepare: openJob(picture),
  });
  await shoot(browser, {
    name: '06-computing',
    url: dashboard(self),
    prepare: async (page) => {
      await shown(page);
      await page.waitForTimeout(6_000);
    },
  });
  await others[0]!.api('capacity', { paused: true });
  await shoot(browser, { name: '07-paused', url: dashboard(others[0]!), prepare: shown });
  await others[0]!.api('capacity', { paused: false });
  await until(
    'the picture',
    async () => {
      const { progress } = await others[0]!.api<{ progress: { outcome?: object } }>(`jobs/${picture}`);
      return progress.outcome !== undefined;
    },
    240_000,
  );
  await shoot(browser, { name: '08-picture-finished', url: dashboard(others[0]!), prepare: openJob(picture) });
  const primes = await submit(self, {
    kernel: { name: 'prime-count' },
    arguments: { from: '0', to: '2e9' },
    policy: { quorum: 2, ownResults: 'never' },
  });
  await until(
    'the primes',
    async () => {
      const { progress } = await self.api<{ progress: { outcome?: object } }>(`jobs/${primes}`);
      return progress.outcome !== undefined;
    },
    240_000,
  );
  await shoot(browser, { name: '09-job-finished', url: dashboard(self), prepare: openJob(primes) });
  await shoot(browser, {
    name: '10-this-peer',
    url: dashboard(self),
    prepare: async (page) => {
      await shown(page);
      await page.click('nav a[href="#peer"]');
      await submit(self, { kernel: { name: 'prime-count' }, arguments: { from: '0', to: '1e8' }, policy: {} });
      await page.waitForSelector('.log li');
      await page.waitForTimeout(2_000);
    },
  });
  const watchToken = await readFile(join(self.data, 'watch-token'), 'utf8');
  await shoot(browser, {
    name: '11-watch-only',
    url: `http://127.0.0.1:${self.apiPort}/#token=${watchToken.trim()}`,
    prepare: shown,
  });
  for (const size of ['wide', 'narrow'] as const) {
    const doomed = await start({ cores: 1 });
    await shoot(browser, {
      name: '12-daemon-gone',
      url: dashboard(doomed),
      sizes: [size],
      prepare: async (page) => {
        await shown(page);
        await doomed.kill('SIGKILL');
        await page.waitForSelector('.banner-bad');
      },
    });
  }
}

const executablePath = findBrowser();
if (executablePath === undefined) {
  console.error('no Chromium found: run .ci/install-chromium.sh, or name one in SHOAL_CHROMIUM');
  process.exit(1);
}
await mkdir(FOLDER, { recursive: true });
const browser = await launch(executablePath);
try {
  await take(browser);
} finally {
  await browser.close();
  await Promise.allSettled(running.map((daemon) => daemon.stop()));
}
