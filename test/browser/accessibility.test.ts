/**
 * The main states of both pages, looked at by axe: nothing may break the rules of WCAG 2 A and AA that a machine can
 * check, in the light and in the dark. axe is brought by the browser's debugger, which no page's policy keeps out; it
 * is part of no page.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatInvitation } from '../../node/network/invitation.ts';
import { type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch, type Site } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import { LISTEN, webSocketsOf } from './sockets.ts';
import { builtVolunteer, serveVolunteer } from './volunteer-site.ts';

// Processes and a browser on a machine that may be busy: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const what = 'what axe finds';
const where = executablePath === undefined ? `${what} (skipped: no Chromium, run .ci/install-chromium.sh)` : what;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
const SIZES = [
  { width: 1100, height: 900 },
  { width: 390, height: 844 },
];
/** Enough work for as long as the tests look, in units that never take long. */
const LONG_JOB = {
  kernel: { name: 'mandelbrot' },
  arguments: { width: '1024', height: '1024', iterations: '60000' },
  policy: { quorum: 2, ownResults: 'never' },
};

describe.skipIf(executablePath === undefined)(where, () => {
  const network = 'accessibility';
  let axe: string;
  let site: Site;
  let browser: Browser;
  let owner: RunningDaemon;
  let helper: RunningDaemon;
  let pages: Page[] = [];

  beforeAll(async () => {
    const [opened, folder, source] = await Promise.all([
      launch(executablePath!),
      builtVolunteer(),
      readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
    ]);
    [browser, axe] = [opened, source];
    site = await serveVolunteer({ folder });
    owner = await startDaemon({ network, cores: 0, listen: LISTEN });
    helper = await startDaemon({ network, cores: 1, listen: LISTEN, bootstrap: owner.addresses.slice(0, 1) });
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.context().close()));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await Promise.all([owner?.stop(), helper?.stop()]);
    pages = [];
  });

  async function open(url: string): Promise<Page> {
    const context = await browser.newContext({ viewport: SIZES[0]!, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    pages.push(page);
    await page.goto(url);
    return page;
  }

  const openTab = (): Promise<Page> =>
    open(`${site.url}#${formatInvitation({ addresses: webSocketsOf(owner), network })}`);
  const openDashboard = ({ apiPort, token }: RunningDaemon, hash = ''): Promise<Page> =>
    open(`http://127.0.0.1:${apiPort}/#token=${token}${hash}`);
  const goTo = (page: Page, name: string): Promise<void> =>
    page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  /** Everything that breaks a rule, in both sizes and both schemes, as one line each. */
  async function findings(page: Page): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const size of SIZES) {
      await page.setViewportSize(size);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        // What fades from one scheme to the other has arrived.
        await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
        if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
        const { violations, passes } = (await page.evaluate(
          (rules) =>
            (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(document, { runOnly: rules }),
          RULES,
        )) as AxeResults;
        expect(passes.map(({ id }) => id)).toContain('color-contrast');
        for (const { id, help, nodes } of violations) {
          for (const { target, failureSummary } of nodes) {
            found.add(`${colorScheme} ${size.width}: ${id} (${help}) at ${target.join(' ')}: ${failureSummary}`);
          }
        }
      }
    }
    await page.setViewportSize(SIZES[0]!);
    return [...found];
  }

  it('sees what is wrong', async () => {
    const page = await open('about:blank');
    await page.setContent('<p style="color: #ccc; background: #fff">pale</p><p>plain</p><img src="data:,">');
    const found = await findings(page);
    expect(found.some((line) => line.includes('color-contrast'))).toBe(true);
    expect(found.some((line) => line.includes('image-alt'))).toBe(true);
  });

  it('nothing in a tab before it joins, with and without an invitation', async () => {
    const uninvited = await open(site.url);
    await uninvited.getByRole('heading', { level: 1 }).waitFor();
    expect(await findings(uninvited)).toEqual([]);
    const page = await openTab();
    await button(page, 'Start computing').waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it('nothing in a tab that has no work, submits, invites, and shows its settings', async () => {
    const page = await openTab();
    await button(page, 'Start computing').click();
    await page.getByRole('navigation').waitFor();
    await page.waitForSelector('tbody tr');
    expect(await findings(page)).toEqual([]);
    await goTo(page, 'New job');
    await page.getByRole('button', { name: 'Submit job' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('radio', { name: /Prime count/ }).check();
    await button(page, 'Submit job').click();
    await page.getByText('To is needed.').waitFor();
    expect(await findings(page)).toEqual([]);
    await goTo(page, 'Invite');
    await page.waitForSelector('svg.qr');
    expect(await findings(page)).toEqual([]);
    await goTo(page, 'This tab');
    await page.getByRole('heading', { level: 1, name: 'This tab' }).waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it('nothing in a tab that computes, shows the job, and is paused', async () => {
    const { job } = await owner.api<{ job: string }>('jobs', LONG_JOB);
    const page = await openTab();
    await button(page, 'Start computing').click();
    await page.locator('.picture').first().waitFor();
    await until('a unit of the tab', async () => {
      const { view } = await owner.api<{ view: { executions: number } }>(`jobs/${job}`);
      return view.executions > 2;
    });
    expect(await findings(page)).toEqual([]);
    await page.locator('.job-title').first().click();
    await page.waitForSelector('.units');
    expect(await findings(page)).toEqual([]);
    await goTo(page, 'Overview');
    await button(page, 'Pause').click();
    await button(page, 'Resume').waitFor();
    expect(await findings(page)).toEqual([]);
    await owner.api(`jobs/${job}/cancel`, {});
  });

  it('nothing on the dashboard: overview, a job at work and one that is done, a new one, the peer', async () => {
    const { job } = await owner.api<{ job: string }>('jobs', LONG_JOB);
    const page = await openDashboard(owner);
    await page.waitForSelector('.now');
    await page.waitForSelector('tbody tr');
    expect(await findings(page)).toEqual([]);
    await page.locator(`a[href="#job/${job}"]`).first().click();
    await page.waitForSelector('.units');
    expect(await findings(page)).toEqual([]);
    await owner.api(`jobs/${job}/cancel`, {});
    await goTo(page, 'New job');
    await page.getByRole('button', { name: 'Submit job' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await goTo(page, 'This peer');
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await findings(page)).toEqual([]);
    const { job: own } = await helper.api<{ job: string }>('jobs', {
      kernel: { name: 'lucas-lehmer' },
      arguments: { to: '600' },
    });
    const done = await openDashboard(helper);
    await done.locator(`a[href="#job/${own}"]`).first().click();
    await button(done, 'Download').waitFor();
    expect(await findings(done)).toEqual([]);
    await helper.api('capacity', { paused: true });
    await goTo(done, 'Overview');
    await button(done, 'Resume').waitFor();
    expect(await findings(done)).toEqual([]);
    await helper.api('capacity', { paused: false });
  });
});
