/**
 * The volunteer tab as people meet it, in a real Chromium on a network of real daemons: from the link to the first
 * agreed unit, every way it can fail to join, and what it asks of anybody else while it runs, which is nothing.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatInvitation } from '../../node/network/invitation.ts';
import { peerNameOf } from '../../node/network/peer-key.ts';
import type { JobView } from '../../node/protocol/view.ts';
import { type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch, type Site } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import { builtVolunteer, launchWithHost, serveVolunteer } from './volunteer-site.ts';

// Processes, a browser and real work on a machine that may be busy: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const what = 'the volunteer tab';
const where = executablePath === undefined ? `${what} (skipped: no Chromium, run .ci/install-chromium.sh)` : what;
const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'];
const FIRST_LOAD_BYTES_MAX = 300_000;
/** From opening the page to the first unit of it that others agreed on. */
const FIRST_UNIT_MAX_MS = 10_000;
/** A machine with other work to do may need more than one. */
const FIRST_UNIT_ATTEMPTS = 3;
const OTHER_HOST = 'volunteer.test';

describe.skipIf(executablePath === undefined)(where, () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  let first: RunningDaemon;
  let second: RunningDaemon;
  let contexts: BrowserContext[] = [];
  const network = 'volunteer';

  beforeAll(async () => {
    [browser, folder] = await Promise.all([launch(executablePath!), builtVolunteer()]);
    site = await serveVolunteer({ folder });
    // The first computes nothing: each unit needs the other one and a tab.
    first = await startDaemon({ network, cores: 0, listen: LISTEN });
    second = await startDaemon({ network, cores: 1, listen: LISTEN, bootstrap: first.addresses.slice(0, 1) });
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await Promise.all([first?.stop(), second?.stop()]);
  });

  const invitation = (): string => formatInvitation({ addresses: webSocketsOf(first), network });

  async function newContext(from: Browser = browser): Promise<BrowserContext> {
    const context = await from.newContext({ viewport: { width: 1100, height: 900 } });
    contexts.push(context);
    return context;
  }

  interface Watched {
    readonly page: Page;
    /** What it asked of others than its site and the daemons, what its policy stopped, and what it threw. */
    readonly trespasses: readonly string[];
  }

  async function open(url: string, context?: BrowserContext): Promise<Watched> {
    const page = await (context ?? (await newContext())).newPage();
    page.setDefaultTimeout(60_000);
    const trespasses: string[] = [];
    const { origin } = new URL(url);
    page.on('request', (request) => {
      const asked = request.url();
      if (!asked.startsWith(`${origin}/`) && !asked.startsWith('blob:')) trespasses.push(`asked for ${asked}`);
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).hostname !== '127.0.0.1') trespasses.push(`dialled ${socket.url()}`);
    });
    page.on('console', (message) => {
      if (/Content.Security.Policy|violates/i.test(message.text())) trespasses.push(message.text());
    });
    page.on('pageerror', (error) => trespasses.push(`threw ${error.message}`));
    await page.goto(url);
    return { page, trespasses };
  }

  /** Joins by link, and has pressed the button. */
  async function openComputing(context?: BrowserContext): Promise<Watched> {
    const watched = await open(`${site.url}#${invitation()}`, context);
    await startButton(watched.page).click();
    await watched.page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    return watched;
  }

  const startButton = (page: Page) => page.getByRole('button', { name: 'Start computing' });
  const viewOf = async (job: string): Promise<JobView> => (await first.api<{ view: JobView }>(`jobs/${job}`)).view;
  const submit = async (to: string): Promise<string> =>
    (
      await first.api<{ job: string }>('jobs', {
        kernel: { name: 'prime-count' },
        arguments: { to },
        policy: { quorum: 2, ownResults: 'never', taskSize: 500_000, tasksPerUnit: 4 },
      })
    ).job;
  const cancel = (job: string): Promise<unknown> => first.api(`jobs/${job}/cancel`, {});

  it('loads less than 300 KB (gzip) before its first view, and with the peer that this view needs', async () => {
    const document = await readFile(join(folder, 'index.html'), 'utf8');
    const direct = [...document.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, file]) => file!);
    expect(direct.some((file) => file.endsWith('.js')) && direct.some((file) => file.endsWith('.css'))).toBe(true);
    const firstView = await withImports(direct);
    const names = (await readdir(join(folder, 'assets'))).map((file) => `assets/${file}`);
    const peer = names.filter((file) => file.startsWith('assets/open-peer'));
    const workers = names.filter((file) => /worker/.test(file));
    expect([peer.length, workers.length]).toEqual([1, 2]);
    // What it imports only when asked for is not in here: further transports, the schema of manifests, QR codes.
    const all = await withImports([...direct, ...peer]);
    for (const worker of workers) expect(all.has(worker), worker).toBe(false);
    const [first, total] = [await gzipBytes(firstView), await gzipBytes(all)];
    console.log(`first view ${first} bytes gzip, with the peer ${total}`);
    expect(first).toBeGreaterThan(20_000);
    expect(first).toBeLessThan(total);
    expect(total).toBeLessThan(FIRST_LOAD_BYTES_MAX);
  });

  /** These files of the build, with whatever loads along with them. */
  async function withImports(files: readonly string[]): Promise<ReadonlySet<string>> {
    const loaded = new Set(['index.html', ...files]);
    for (const file of loaded) {
      if (!file.endsWith('.js')) continue;
      const code = await readFile(join(folder, file), 'utf8');
      for (const [, name] of code.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) loaded.add(`assets/${name}`);
    }
    return loaded;
  }

  async function gzipBytes(files: ReadonlySet<string>): Promise<number> {
    let sum = 0;
    for (const file of files) sum += gzipSync(await readFile(join(folder, file))).length;
    return sum;
  }

  it('goes from the link to a unit that others agree on within ten seconds, and shows it', async () => {
    const times: number[] = [];
    for (let attempt = 0; attempt < FIRST_UNIT_ATTEMPTS && (times.at(-1) ?? Infinity) > FIRST_UNIT_MAX_MS; attempt++) {
      const job = await submit('200000000');
      const { page, trespasses } = await openComputing();
      const openedAtMs = await page.evaluate(() => performance.timeOrigin);
      await page.getByRole('link', { name: 'This tab' }).click();
      const name = await page.locator('.full-name').innerText();
      await until('a unit of the tab has counted', async () =>
        (await viewOf(job)).unitRows.some(({ countedAuthors }) =>
          countedAuthors.some((author) => peerNameOf(author) === name),
        ),
      );
      times.push(Date.now() - openedAtMs);
      await page.getByRole('link', { name: 'Overview', exact: true }).click();
      const agreed = page.locator('.total', { hasText: 'Agreed' }).locator('.figure');
      await until('the page counts it, too', async () => Number(await agreed.innerText()) > 0);
      await page.getByRole('img', { name: /this tab and 12D3.* checked each other on/ }).waitFor();
      expect(trespasses).toEqual([]);
      await cancel(job);
      await page.close();
    }
    console.log(`from opening the page to the first agreed unit: ${times.map(Math.round).join(', ')} ms`);
    expect(times.at(-1)).toBeLessThan(FIRST_UNIT_MAX_MS);
  });

  it('says what it does and for whom, stops when it is told to, and is the same peer after a reload', async () => {
    const job = await submit('4000000000');
    const { page, trespasses } = await openComputing();
    await page.getByRole('heading', { level: 1, name: /Computing \d+ units? of “Prime count” for 12D3/ }).waitFor();
    await page.getByRole('heading', { name: 'What it may touch here' }).waitFor();
    await page.getByText('nothing outside').waitFor();

    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Paused by you.' }).waitFor();
    await page.getByText('Press “Resume” to go on.').waitFor();
    await page.getByRole('link', { name: 'This tab' }).click();
    const name = await page.locator('.full-name').innerText();

    // The address still joins, and the view is the one that was open.
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'This tab' }).waitFor();
    expect(await page.locator('.full-name').innerText()).toBe(name);
    await page.getByRole('button', { name: 'Resume' }).first().click();
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: /Computing/ }).waitFor();

    // Nothing sticks out on a phone.
    await page.setViewportSize({ width: 360, height: 740 });
    for (const view of ['Overview', 'This tab', 'Invite']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), view).toBe(360);
    }
    expect(trespasses).toEqual([]);
    await cancel(job);
  });

  it('shows what the network works on before anything runs, and starts by itself only if told to', async () => {
    const job = await submit('4000000000');
    const context = await newContext();
    const { page, trespasses } = await open(`${site.url}#${invitation()}`, context);
    await page.getByText('Prime count', { exact: true }).first().waitFor();
    await page.getByText(/Exactly what the kernel of “Prime count” may touch/).click();
    await page.getByText('nothing outside').waitFor();
    expect((await first.api<{ peers: { cores: number }[] }>('peers')).peers.every(({ cores }) => cores <= 1)).toBe(
      true,
    );
    await page.getByLabel('Start by itself when I open this page').check();
    await startButton(page).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    await page.close();

    const again = await open(`${site.url}#${invitation()}`, context);
    await again.page.getByRole('heading', { level: 1, name: /Computing/ }).waitFor();
    await again.page.getByRole('link', { name: 'This tab' }).click();

    // A link to another network is another question.
    const elsewhere = formatInvitation({ addresses: webSocketsOf(first), network: 'elsewhere' });
    const foreign = await open(`${site.url}#${elsewhere}`, context);
    await startButton(foreign.page).waitFor();
    expect(await foreign.page.getByLabel('Start by itself when I open this page').isChecked()).toBe(true);
    await foreign.page.close();
    await again.page.getByRole('switch', { name: 'Start by itself when I open this page' }).uncheck();

    // Beside it, a second tab is a second peer, and says so.
    const beside = await open(`${site.url}#${invitation()}`, context);
    await beside.page.getByText(/Another tab of this page volunteers already/).waitFor();
    expect([...trespasses, ...again.trespasses, ...beside.trespasses]).toEqual([]);
    await cancel(job);
  });

  it('draws the tiles it has computed of a picture that somebody else asked for', async () => {
    const { job } = await first.api<{ job: string }>('jobs', {
      kernel: { name: 'mandelbrot' },
      arguments: { width: '512', height: '512', iterations: '2000' },
      policy: { quorum: 2, ownResults: 'never' },
    });
    const { page, trespasses } = await openComputing();
    await page.locator(`a[href="#job/${job}"]`).first().click();
    await page.getByRole('heading', { name: 'Your part of the picture' }).waitFor();
    await page
      .getByRole('img', { name: /Picture of “Mandelbrot set”, 512 × 512 pixels, 16 of 16 units drawn/ })
      .waitFor();
    const colours = await page.locator('canvas.picture').evaluate((element) => {
      const { width, height } = element as HTMLCanvasElement;
      const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
      const found = new Set<string>();
      for (let i = 0; i < data.length; i += 4) found.add(`${data[i]} ${data[i + 1]} ${data[i + 2]}`);
      return [...found];
    });
    expect(colours.length).toBeGreaterThan(10);
    expect(colours).toContain('0 0 0');
    expect(trespasses).toEqual([]);
  });

  it('invites others with a link that works, and says that loopback is only this machine', async () => {
    const { page } = await openComputing();
    await page.getByRole('link', { name: 'Invite' }).click();
    await page.getByRole('img', { name: 'QR code of the invitation link' }).waitFor();
    await page.getByText('Only this machine can use this link.').waitFor();
    const link = await page.getByLabel('Link', { exact: true }).inputValue();
    expect(link).toBe(`${site.url}#${invitation()}`);
    const other = await open(link);
    await startButton(other.page).waitFor();
  });

  it('takes the network from the site that serves it, with nothing in the address', async () => {
    const addresses = webSocketsOf(first);
    const own = await serveVolunteer({ folder, network: () => ({ addresses, network }), isPlain: true });
    try {
      const { page, trespasses } = await open(own.url);
      await page.getByText('2 peers').waitFor();
      expect(page.url()).toBe(own.url);
      expect(trespasses).toEqual([]);
      await page.close();
    } finally {
      await own.close();
    }
  });

  it('asks for an invitation where there is none, and says what is wrong with one', async () => {
    const { page, trespasses } = await open(site.url);
    await page.getByRole('heading', { level: 1, name: 'You need an invitation' }).waitFor();
    const field = page.getByLabel('Invitation link, or the address of a peer');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Paste a link or an address first.').waitFor();
    await field.fill('https://example.org/#at=nowhere');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText(/not a multiaddr/i).waitFor();
    await field.fill(`https://example.org/shoal/#${invitation()}`);
    await page.getByRole('button', { name: 'Join' }).click();
    await startButton(page).waitFor();
    expect(page.url()).toBe(`${site.url}#${invitation()}`);
    expect(trespasses).toEqual([]);

    const malformed = await open(`${site.url}#at=/ip4/127.0.0.1/tcp/99999/ws`);
    await malformed.page.getByRole('heading', { level: 1, name: 'This invitation cannot be used' }).waitFor();
    const tcp = await open(`${site.url}#at=/ip4/127.0.0.1/tcp/4001`);
    await tcp.page.getByRole('heading', { level: 1, name: 'This page cannot reach that network' }).waitFor();
  });

  it('says which peer does not answer and what to do, and goes on by itself when one does', async () => {
    const data = await mkdtemp(join(tmpdir(), 'shoal-gone-'));
    const before = await startDaemon({ network: 'gone', cores: 0, listen: LISTEN, data });
    const [address] = webSocketsOf(before);
    await before.stop();
    const { page } = await open(`${site.url}#${formatInvitation({ addresses: [address!], network: 'gone' })}`);
    await page.getByRole('heading', { name: 'No peer of this network answers' }).waitFor();
    await page.getByText(/works only on the machine where that peer runs/).waitFor();
    expect(await startButton(page).isEnabled()).toBe(true);
    const listen = [address!.replace(/\/p2p\/.*/, '')];
    const after = await startDaemon({ network: 'gone', cores: 0, listen, data });
    try {
      await page.getByText('1 peer', { exact: true }).waitFor();
      await page.getByText('No job is running.').waitFor();
    } finally {
      await after.stop();
      await rm(data, { recursive: true, force: true });
    }
  });

  it('says why a page on plain http of another machine cannot join', async () => {
    const believing = await launchWithHost(executablePath!, OTHER_HOST);
    try {
      const { page } = await open(`http://${OTHER_HOST}:${site.port}/#${invitation()}`, await newContext(believing));
      await page.getByRole('heading', { level: 1, name: 'A page on plain http cannot take part' }).waitFor();
      await page.getByText(/open it over https/).waitFor();
    } finally {
      contexts = contexts.filter((context) => context.browser() !== believing);
      await believing.close();
    }
  });

  it('says that it had to stop when the browser takes its storage, and can start again', async () => {
    const { page } = await openComputing();
    await page.evaluate(async () => {
      for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name!);
    });
    await page.getByRole('heading', { level: 1, name: 'This tab had to stop' }).waitFor();
    await page.getByRole('button', { name: 'Start again' }).click();
    await page.getByRole('button', { name: /^(Pause|Start computing)$/ }).waitFor();
  });

  it('can be used by keyboard and read aloud, in light and dark', async () => {
    const { page } = await open(`${site.url}#${invitation()}`);
    await startButton(page).waitFor();
    expect(await namelessControls(page)).toEqual([]);
    // In the order of reading: how much, the button, and whether to ask again.
    expect(await tabStops(page, 3)).toEqual(['Cores', 'Start computing', 'Start by itself when I open this page']);
    await startButton(page).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    expect((await tabStops(page, 2))[0]).toBe('Skip to the content');
    for (const view of ['Overview', 'This tab', 'Invite']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.locator('main h1').waitFor();
      expect(await namelessControls(page), view).toEqual([]);
      for (const role of ['banner', 'navigation', 'main', 'contentinfo'] as const) {
        expect(await page.getByRole(role).count(), `${role} of ${view}`).toBe(1);
      }
      expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    }
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await weakContrasts(page), colorScheme).toEqual([]);
    }
  });
});

function webSocketsOf({ addresses }: RunningDaemon): readonly string[] {
  return addresses.filter((address) => address.includes('/ws')).slice(0, 1);
}

const CONTROLS = new Set([
  'button',
  'link',
  'slider',
  'checkbox',
  'switch',
  'radio',
  'textbox',
  'combobox',
  'image',
  'progressbar',
]);

/** Roles of controls and pictures that a screen reader could not name. */
async function namelessControls(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes
    .filter(({ ignored, role, name }) => !ignored && CONTROLS.has(String(role?.value)) && !name?.value)
    .map(({ role, nodeId }) => `${role?.value} ${nodeId}`);
}

/** Names of what the first presses of Tab reach. */
async function tabStops(page: Page, count: number): Promise<readonly string[]> {
  const stops: string[] = [];
  for (let i = 0; i < count; i++) {
    await page.keyboard.press('Tab');
    stops.push(
      await page.evaluate(() => {
        const element = document.activeElement as HTMLInputElement;
        return (element.labels?.[0]?.textContent ?? element.textContent ?? '').trim();
      }),
    );
  }
  return stops;
}

/** Pairs of text and ground with less than 4.5 : 1 (WCAG AA). */
async function weakContrasts(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
    const luminance = (name: string): number => {
      canvas.fillStyle = style.getPropertyValue(`--${name}`).trim();
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const pairs = [
      ...['ground', 'surface', 'raised'].flatMap((ground) =>
        ['ink', 'muted', 'accent', 'bad'].map((text) => [text, ground]),
      ),
      ['accent-ink', 'accent'],
      ['good', 'good-wash'],
      ['warn', 'warn-wash'],
      ['bad', 'bad-wash'],
    ] as const;
    return pairs.flatMap(([text, ground]) => {
      const [light, dark] = [luminance(text!), luminance(ground!)].sort((a, b) => b - a);
      const ratio = (light! + 0.05) / (dark! + 0.05);
      return ratio < 4.5 ? [`${text} on ${ground}: ${ratio.toFixed(2)}`] : [];
    });
  });
}
