/**
 * The dashboard in a real Chromium, on a real daemon: opened by its address, a job submitted through the form and
 * seen to its end, and nothing asked of anybody but that daemon.
 */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch } from './browser.ts';
import { findBrowser } from './find-browser.ts';

// A busy machine: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined ? 'the page (skipped: no Chromium, run .ci/install-chromium.sh)' : 'the page';

describe.skipIf(executablePath === undefined)(where, () => {
  let browser: Browser;
  let daemon: RunningDaemon;

  beforeAll(async () => {
    [browser, daemon] = await Promise.all([launch(executablePath!), startDaemon({ network: 'page', cores: 1 })]);
  });
  afterAll(async () => {
    await browser?.close();
    await daemon?.stop();
  });

  interface Watched {
    readonly page: Page;
    /** What it asked of anybody else, and what its policy stopped. */
    readonly trespasses: readonly string[];
  }

  async function open(fragment: string, at: RunningDaemon = daemon): Promise<Watched> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    const trespasses: string[] = [];
    const own = `http://127.0.0.1:${at.apiPort}/`;
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(own) && !url.startsWith('blob:')) trespasses.push(`asked for ${url}`);
    });
    page.on('console', (message) => {
      if (/Content.Security.Policy|violates/i.test(message.text())) trespasses.push(message.text());
    });
    page.on('pageerror', (error) => trespasses.push(`threw ${error.message}`));
    await page.goto(`${own}${fragment}`);
    return { page, trespasses };
  }

  it('submits a job through the form, sees it finish with its label, and hands over the result', async () => {
    const { page, trespasses } = await open(`#token=${daemon.token}`);
    await page.getByRole('heading', { level: 1, name: /no other peer is connected/i }).waitFor();
    expect(page.url()).toBe(`http://127.0.0.1:${daemon.apiPort}/`);

    await page.getByRole('navigation').getByRole('link', { name: 'New job' }).click();
    await page.getByRole('radio', { name: /Prime count/ }).check();
    await page.getByText('nothing outside').waitFor();
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('To is needed.').waitFor();
    await page.getByRole('textbox', { name: /^To/ }).fill('1e6');
    await page.getByRole('button', { name: 'Submit job' }).click();

    await page.getByRole('heading', { level: 1, name: 'Prime count' }).waitFor();
    await page.getByText('78,498').waitFor();
    expect(await page.getByTestId('label').textContent()).toBe('own');
    expect(await page.getByRole('img', { name: /units?: .*own/ }).count()).toBe(1);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^prime-count-[0-9a-f]{10}\.bin$/);

    // Nothing sticks out on a phone.
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);

    await page.reload();
    await page.getByText('78,498').waitFor();
    expect(trespasses).toEqual([]);
    await page.context().close();
  });

  it('on a phone, chooses the kernel from a list, and what has to be filled in is on the first screen', async () => {
    const { page, trespasses } = await open(`#token=${daemon.token}`);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('navigation').getByRole('link', { name: 'New job' }).click();
    await page.getByRole('combobox', { name: 'Kernel' }).selectOption({ label: 'Prime count' });
    expect(await page.getByRole('radio').count()).toBe(0);
    const to = page.getByRole('textbox', { name: /^To/ });
    await to.waitFor();
    expect((await to.boundingBox())!.y).toBeLessThan(844);
    // The same choice as cards, where there is room.
    await page.setViewportSize({ width: 1100, height: 900 });
    expect(await page.getByRole('radio', { name: /Prime count/ }).isChecked()).toBe(true);
    expect(await page.getByRole('combobox', { name: 'Kernel' }).count()).toBe(0);
    expect(trespasses).toEqual([]);
    await page.context().close();
  });

  it('draws a picture from its units, and stops for its owner', async () => {
    const { page, trespasses } = await open(`#token=${daemon.token}`);
    const { job } = await daemon.api<{ job: string }>('jobs', {
      kernel: { name: 'mandelbrot' },
      arguments: { width: '128', height: '128', iterations: '200' },
    });
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('heading', { level: 1, name: 'Paused by its owner.' }).waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('heading', { level: 1, name: 'Paused by its owner.' }).waitFor({ state: 'detached' });

    await page.locator(`a[href="#job/${job}"]`).first().click();
    await page.getByRole('button', { name: 'Save as PNG' }).waitFor();
    const colours = await page.locator('canvas.picture').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set<string>();
      for (let i = 0; i < data.length; i += 4) found.add(`${data[i]} ${data[i + 1]} ${data[i + 2]} ${data[i + 3]}`);
      return [...found];
    });
    expect(colours.length).toBeGreaterThan(10);
    expect(colours).toContain('0 0 0 255');
    expect(trespasses).toEqual([]);
    await page.context().close();
  });

  it('shows a result with columns as a table, its first rows here and all of them in a file', async () => {
    const { page, trespasses } = await open(`#token=${daemon.token}`);
    const { job } = await daemon.api<{ job: string }>('jobs', {
      kernel: { name: 'lucas-lehmer' },
      arguments: { to: '1300' },
    });
    await page.locator(`a[href="#job/${job}"]`).first().click();
    const table = page.getByRole('region', { name: 'Rows of the result' }).getByRole('table');
    await table.waitFor();
    expect(await table.getByRole('columnheader').allTextContents()).toEqual(['exponent', 'prime', 'residue']);
    const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) => (row as HTMLElement).innerText));
    expect(rows).toHaveLength(200);
    expect(rows[4]!.split(/\s+/)).toEqual(['11', '0', '00000000000006c8']);
    const align = await table
      .locator('tbody td')
      .first()
      .evaluate((cell) => getComputedStyle(cell).textAlign);
    expect(align).toBe('right');
    await page.getByText('The first 200 of 211 rows.').waitFor();
    const plot = page.getByRole('img', {
      name: /^Result of lucas-lehmer exponent: 15 of 211 are marked: 2, 3, 5, 7, 13/,
    });
    await plot.waitFor();
    expect(await plot.locator('line.plot-tick').count()).toBe(15);
    expect(await plot.locator('line.plot-faint').count()).toBe(196);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as TSV' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^lucas-lehmer-[0-9a-f]{10}\.tsv$/);
    const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n');
    expect([lines.length, lines[0], lines[1]]).toEqual([212, 'exponent\tprime\tresidue', '2\t1\t0000000000000001']);

    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await until('the plot is drawn anew', async () => Number(await plot.getAttribute('width')) < 360);
    expect(trespasses).toEqual([]);
    await page.context().close();
  });

  it('shows nothing without the right token, and says where to get it', async () => {
    for (const fragment of ['', `#token=${'0'.repeat(64)}`]) {
      const { page, trespasses } = await open(fragment);
      await page.getByText('shoal dashboard').first().waitFor();
      expect(await page.getByLabel('Address of the dashboard').count()).toBe(1);
      expect(await page.content()).not.toContain(daemon.peer);
      expect(trespasses).toEqual([]);
      await page.context().close();
    }
  });

  it('invites volunteers with a code and a link where the daemon serves them a page, and says how where not', async () => {
    const { page } = await open(`#token=${daemon.token}`);
    await page.getByRole('link', { name: 'Invite' }).click();
    await page.getByText('shoal up --serve-volunteers').waitFor();
    await page.context().close();

    const host = await startDaemon({ network: 'page-host', cores: 0, args: ['--serve-volunteers', '127.0.0.1:0'] });
    try {
      const { volunteerUrl } = await host.api<{ volunteerUrl: string }>('status');
      const { page: dashboard, trespasses } = await open(`#token=${host.token}`, host);
      await dashboard.getByRole('link', { name: 'Invite' }).click();
      await dashboard.getByRole('img', { name: 'QR code of the invitation link' }).waitFor();
      expect(await dashboard.getByLabel('Link', { exact: true }).inputValue()).toBe(volunteerUrl);
      await dashboard.getByText('Only this machine can use this link.').waitFor();
      expect(trespasses).toEqual([]);
      await dashboard.context().close();
    } finally {
      await host.stop();
    }
  });

  it('says that the daemon is gone, and keeps what was known', async () => {
    const { page } = await open(`#token=${daemon.token}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await daemon.kill('SIGKILL');
    await page.getByText('The peer does not answer.').waitFor();
    expect(await page.getByText('Reconnecting').count()).toBe(1);
    expect(await page.getByRole('heading', { name: 'Jobs' }).count()).toBe(1);
    await page.context().close();
  });
});
