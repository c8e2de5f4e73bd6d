/**
 * Pictures of the page in its main states, taken of real daemons in a real browser, for looking at:
 * `npm run screenshots` writes them to `out/screenshots/`.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { formatInvitation } from '../../node/network/invitation.ts';
import { CHECKOUT, type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import { launchWithHost, serveVolunteer } from './volunteer-site.ts';

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
  /** Name of a small picture beside the others. */
  readonly readme?: string;
  /** Runs in the page before anything else. */
  readonly before?: () => void;
}

/** Small enough for a README, with as much of the page as a larger window shows. */
const README_SIZE = { width: 1000, height: 704 };
const README_ZOOM = '0.8';
const README_FOLDER = join(FOLDER, 'readme');
const OTHER_HOST = 'volunteer.test';
const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'];

const only = process.argv.slice(2);

/** One state in both sizes and both schemes; the schemes of one size without loading the page again. */
async function shoot(browser: Browser, shot: Shot): Promise<void> {
  const { name, url, prepare, sizes = ['wide', 'narrow'], readme, before } = shot;
  if (only.length > 0 && !only.some((part) => name.includes(part))) return;
  for (const size of sizes) {
    const context = await browser.newContext({ viewport: SIZES[size], deviceScaleFactor: 1, reducedMotion: 'reduce' });
    const page = await context.newPage();
    if (before !== undefined) await page.addInitScript(before);
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
    if (readme !== undefined && size === 'wide') {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize(README_SIZE);
      await page.evaluate((zoom) => {
        document.documentElement.style.zoom = zoom;
        scrollTo(0, 0);
      }, README_ZOOM);
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(README_FOLDER, `${readme}.png`) });
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

/** By the card, or on a phone from the list. */
async function chooseMandelbrot(page: Page): Promise<void> {
  const card = page.getByRole('radio', { name: /Mandelbrot set/ });
  const list = page.getByRole('combobox', { name: 'Kernel' });
  await card.or(list).first().waitFor();
  if (await card.isVisible()) await card.check();
  else await list.selectOption({ label: 'Mandelbrot set' });
}

async function submit(daemon: RunningDaemon, body: object): Promise<string> {
  return (await daemon.api<{ job: string }>('jobs', body)).job;
}

/** Names that were asked for all belong to the tab. */
function isOnlyTab(): boolean {
  return only.length > 0 && only.every((part) => part.includes('tab'));
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
      await chooseMandelbrot(page);
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
    arguments: { width: '1024', height: '1024', iterations: '20000' },
    policy: { quorum: 2, ownResults: 'never' },
  });
  await until(
    'a half-filled picture',
    async () => {
      const { progress } = await others[0]!.api<{ progress: { done: number; units: number } }>(`jobs/${picture}`);
      return progress.done >= progress.units * 0.35;
    },
    600_000,
  );
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
    600_000,
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
    600_000,
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

/** The volunteer tab on a network of its own: two peers that are up all the time, and one that gives work. */
async function takeVolunteer(browser: Browser): Promise<void> {
  const site = await serveVolunteer({ folder: join(CHECKOUT, 'dist', 'volunteer') });
  const network = 'harbour';
  const owner = await start({ network, cores: 0, listen: LISTEN });
  await start({ network, cores: 1, listen: LISTEN, bootstrap: owner.addresses.slice(0, 1) });
  const at = owner.addresses.find((address) => address.includes('/ws'))!;
  const url = `${site.url}#${formatInvitation({ addresses: [at], network })}`;
  const begin = (page: Page) => page.getByRole('button', { name: 'Start computing' }).click();
  const goTo = (page: Page, view: string) =>
    page.getByRole('navigation').getByRole('link', { name: view, exact: true }).click();

  await shoot(browser, { name: '20-tab-uninvited', url: site.url });
  await shoot(browser, { name: '21-tab-malformed', url: `${site.url}#at=/ip4/nowhere` });
  await shoot(browser, {
    name: '22-tab-unreachable',
    url: `${site.url}#${formatInvitation({ addresses: ['/ip4/127.0.0.1/tcp/59999/ws'], network })}`,
    prepare: (page) => page.getByText('No peer of this network answers').waitFor(),
  });
  const believing = await launchWithHost(executablePath!, OTHER_HOST);
  await shoot(believing, { name: '23-tab-insecure', url: url.replace('127.0.0.1', OTHER_HOST) });
  await believing.close();
  await shoot(browser, {
    name: '24-tab-no-work',
    url,
    prepare: async (page) => {
      await begin(page);
      await page.waitForSelector('tbody tr');
      await page.waitForTimeout(3_000);
    },
  });
  await shoot(browser, {
    name: '25-tab-submitting',
    url,
    prepare: async (page) => {
      await begin(page);
      await goTo(page, 'New job');
      await chooseMandelbrot(page);
      await page.waitForSelector('#argument-width');
    },
  });
  await shoot(browser, {
    name: '26-tab-settings',
    url,
    prepare: async (page) => {
      await begin(page);
      await goTo(page, 'This tab');
    },
  });
  await shoot(browser, {
    name: '27-tab-invite',
    url,
    prepare: async (page) => {
      await begin(page);
      await goTo(page, 'Invite');
      await page.waitForSelector('svg.qr');
    },
  });
  await shoot(browser, {
    name: '28-tab-ended',
    url,
    prepare: async (page) => {
      await begin(page);
      await page.waitForSelector('.now');
      await page.evaluate(async () => {
        for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name!);
      });
      await page.getByText('This tab had to stop').waitFor();
    },
  });
  const picture = await submit(owner, {
    kernel: { name: 'mandelbrot' },
    arguments: { width: '1024', height: '1024', iterations: '60000' },
    policy: { quorum: 2, ownResults: 'never' },
  });
  await shoot(browser, {
    name: '29-tab-paused-battery',
    url,
    before: () => {
      const battery = Object.assign(new EventTarget(), { charging: false, level: 0.62 });
      Object.defineProperty(navigator, 'getBattery', { value: async () => battery });
    },
    prepare: async (page) => {
      await begin(page);
      await page.getByText('Paused to save the battery').waitFor();
    },
  });
  const drawn = (units: number) => async (page: Page) => {
    await begin(page);
    const isDrawn = (least: number) =>
      Number(/(\d+) of \d+ units drawn/.exec(document.querySelector('.picture')?.ariaLabel ?? '')?.[1] ?? 0) >= least;
    await page.waitForFunction(isDrawn, units, { timeout: 240_000 });
  };
  await shoot(browser, { name: '30-tab-computing', url, readme: 'computing', sizes: ['wide'], prepare: drawn(14) });
  await shoot(browser, {
    name: '31-tab-job',
    url,
    sizes: ['narrow'],
    prepare: async (page) => {
      await drawn(3)(page);
      await page.locator('.job-title').first().click();
      await page.waitForTimeout(2_000);
    },
  });
  await shoot(browser, {
    name: '32-tab-joining',
    url,
    readme: 'joining',
    prepare: (page) => page.getByText('Mandelbrot set', { exact: true }).waitFor(),
  });
  await owner.api(`jobs/${picture}/cancel`, {});
  await shoot(browser, {
    name: '33-tab-own-picture',
    url,
    readme: 'picture',
    sizes: ['wide'],
    prepare: async (page) => {
      await begin(page);
      await goTo(page, 'New job');
      await chooseMandelbrot(page);
      await page.fill('#argument-iterations', '30000');
      await page.getByRole('button', { name: 'Submit job' }).click();
      const isHalf = () => {
        const [, done, all] =
          /(\d+) of (\d+) units drawn/.exec(document.querySelector('.picture')?.ariaLabel ?? '') ?? [];
        return Number(done) >= Number(all) * 0.55;
      };
      await page.waitForFunction(isHalf, undefined, { timeout: 240_000 });
    },
  });
  await site.close();
}

const executablePath = findBrowser();
if (executablePath === undefined) {
  console.error('no Chromium found: run .ci/install-chromium.sh, or name one in SHOAL_CHROMIUM');
  process.exit(1);
}
await mkdir(README_FOLDER, { recursive: true });
const browser = await launch(executablePath);
try {
  if (!isOnlyTab()) await take(browser);
  await takeVolunteer(browser);
} finally {
  await browser.close();
  await Promise.allSettled(running.map((daemon) => daemon.stop()));
}
