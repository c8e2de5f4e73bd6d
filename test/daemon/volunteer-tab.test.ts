/**
 * The link that `shoal up --serve-volunteers` prints, opened in a real Chromium: the tab joins and computes, over plain
 * http on this machine, and over https under another name with encrypted websockets.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JobView } from '../../node/protocol/view.ts';
import { findBrowser } from '../browser/find-browser.ts';
import { launchWithHost } from '../browser/volunteer-site.ts';
import { createCertificate } from '../support/certificates.ts';
import { type RunningDaemon, shoal, startDaemon, until } from '../support/daemon.ts';

// A browser and real work on a machine that may be busy: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const what = 'the volunteer link of a daemon';
const where = executablePath === undefined ? `${what} (skipped: no Chromium, run .ci/install-chromium.sh)` : what;
const HOST = 'shoal.test';
const ANYWHERE = '--serve-volunteers=127.0.0.1:0';

describe.skipIf(executablePath === undefined)(where, () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-volunteer-tab-'));
    browser = await launchWithHost(executablePath!, HOST);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  interface Watched {
    readonly page: Page;
    /** What the policy stopped, what failed to load, and what was thrown. */
    readonly troubles: readonly string[];
    readonly sockets: readonly string[];
  }

  async function open(url: string): Promise<Watched> {
    // The certificate is nobody's: that this browser need not know who signed it is all that is given away here.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    const troubles: string[] = [];
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    page.on('console', (message) => {
      if (/Content.Security.Policy|violates|Refused/i.test(message.text())) troubles.push(message.text());
    });
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('response', (response) => {
      if (response.status() >= 400) troubles.push(`${response.status()} for ${response.url()}`);
    });
    await page.goto(url);
    return { page, troubles, sockets };
  }

  /** Submits to the daemon, opens its link, starts the tab, and waits until the two have agreed on a unit. */
  async function computeWith(daemon: RunningDaemon): Promise<Watched> {
    const { job } = await daemon.api<{ job: string }>('jobs', {
      kernel: { name: 'prime-count' },
      arguments: { to: '400000000' },
      policy: { quorum: 2, ownResults: 'never', taskSize: 500_000, tasksPerUnit: 4 },
    });
    const watched = await open(daemon.volunteerUrl!);
    await watched.page.getByRole('button', { name: 'Start computing' }).click();
    await until('a unit that the tab stands behind', async () => {
      const { view } = await daemon.api<{ view: JobView }>(`jobs/${job}`);
      return view.unitRows.some(({ countedAuthors }) => countedAuthors.some((author) => author !== daemon.key));
    });
    const status = await shoal(['status', '--data', daemon.data]);
    expect(status.stdout).toMatch(/peers +1 connected \(1 browser tab, room for \d+ more\)/);
    await daemon.api(`jobs/${job}/cancel`, {});
    return watched;
  }

  it('joins and computes on this machine', async () => {
    const daemon = await startDaemon({ network: 'volunteer-tab', cores: 1, args: [ANYWHERE] });
    try {
      const { page, troubles, sockets } = await computeWith(daemon);
      expect(await page.evaluate(() => isSecureContext)).toBe(true);
      expect(troubles).toEqual([]);
      expect(sockets.length).toBeGreaterThan(0);
      for (const socket of sockets) expect(socket).toMatch(/^ws:\/\/127\.0\.0\.1:/);
      // The bare address will do: the page asks beside itself for what the link says.
      const bare = await open(new URL('/', daemon.volunteerUrl).href);
      await bare.page.getByRole('button', { name: 'Start computing' }).waitFor();
      expect(bare.troubles).toEqual([]);
      await Promise.all([page.context().close(), bare.page.context().close()]);
    } finally {
      expect(await daemon.stop()).toBe(0);
    }
  });

  it('joins and computes by https, with encrypted websockets under the same name', async () => {
    const { certificate, key } = await createCertificate({ dns: [HOST] });
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await Promise.all([writeFile(certFile, certificate), writeFile(keyFile, key)]);
    const args = [ANYWHERE, '--tls-cert', certFile, '--tls-key', keyFile];
    const daemon = await startDaemon({ network: 'volunteer-tls', cores: 1, args });
    try {
      expect(daemon.volunteerUrl).toMatch(new RegExp(`^https://${HOST.replace('.', '\\.')}:\\d+/#at=/dns4/`));
      const { page, troubles, sockets } = await computeWith(daemon);
      expect(await page.evaluate(() => isSecureContext)).toBe(true);
      expect(troubles).toEqual([]);
      expect(sockets.length).toBeGreaterThan(0);
      for (const socket of sockets) expect(socket).toMatch(/^wss:\/\/shoal\.test:/);
      await page.context().close();
    } finally {
      expect(await daemon.stop()).toBe(0);
    }
  });
});
