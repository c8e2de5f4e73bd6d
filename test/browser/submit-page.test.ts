/**
 * Submitting as a person does it at the volunteer tab: files are dropped on the page, the form says what is wrong, the
 * network computes, and the result can be read and downloaded. Under the page's own security policy throughout.
 */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatInvitation } from '../../node/network/invitation.ts';
import { BAD_KERNELS } from '../daemon/bad-kernels.ts';
import { countsAsBytes, countWords } from '../demonstration/count-words.ts';
import { Kernel } from '../kernels/host.ts';
import { type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { launch, type Site } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import { LISTEN, webSocketsOf } from './sockets.ts';
import { builtVolunteer, serveVolunteer } from './volunteer-site.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined
    ? 'submitting at the page (skipped: no Chromium, run .ci/install-chromium.sh)'
    : 'submitting at the page';

interface PlainFile {
  readonly name: string;
  readonly hex: string;
}

describe.skipIf(executablePath === undefined)(where, () => {
  const network = 'submit-page';
  let folder: string;
  let site: Site;
  let browser: Browser;
  const daemons: RunningDaemon[] = [];
  let page: Page;
  const trespasses: string[] = [];

  beforeAll(async () => {
    [browser, folder] = await Promise.all([launch(executablePath!), builtVolunteer()]);
    site = await serveVolunteer({ folder });
    daemons.push(await startDaemon({ network, cores: 1, listen: LISTEN }));
    const bootstrap = daemons[0]!.addresses.slice(0, 1);
    daemons.push(await startDaemon({ network, cores: 1, listen: LISTEN, bootstrap }));

    page = await (await browser.newContext({ viewport: { width: 1100, height: 900 } })).newPage();
    page.setDefaultTimeout(120_000);
    page.on('console', (message) => {
      if (/Content.Security.Policy|violates/i.test(message.text())) trespasses.push(message.text());
    });
    page.on('pageerror', (error) => trespasses.push(`threw ${error.message}`));
    await page.goto(`${site.url}#${formatInvitation({ addresses: daemons.flatMap(webSocketsOf), network })}`);
    await page.getByRole('button', { name: 'Start computing' }).click();
    for (const daemon of daemons) {
      await until('the tab is connected', async () =>
        (await daemon.api<{ peers: readonly { agent: string; connected: boolean }[] }>('peers')).peers.some(
          ({ agent, connected }) => connected && agent.startsWith('shoal-tab/'),
        ),
      );
    }
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await Promise.all(daemons.map((daemon) => daemon.stop()));
  });

  const openForm = async (): Promise<void> => {
    await page.getByRole('navigation').getByRole('link', { name: 'New job' }).click();
    await page.getByRole('radio', { name: /Word count/ }).waitFor();
  };

  const drop = (files: readonly PlainFile[]): Promise<void> =>
    page.evaluate((list) => {
      const dataTransfer = new DataTransfer();
      for (const { name, hex } of list) {
        const bytes = Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
        dataTransfer.items.add(new File([bytes], name));
      }
      const main = document.querySelector('main')!;
      for (const type of ['dragover', 'drop']) {
        main.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
    }, files);

  const file = (name: string, content: string | Uint8Array): PlainFile => ({
    name,
    hex: Buffer.from(content as Uint8Array).toString('hex'),
  });

  async function download(): Promise<Buffer> {
    const [found] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    return readFile((await found.path())!);
  }

  it('counts the words of a dropped file', async () => {
    const text = 'To be, or not to be: that is the question.\n\nTo be!\n'.repeat(40);
    await openForm();
    await page.getByRole('radio', { name: /Word count/ }).check();
    await page.getByText('nothing outside').waitFor();
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('Choose a file.').waitFor();
    await drop([file('hamlet.txt', text)]);
    await page.getByText(/^hamlet\.txt, /).waitFor();
    await page.getByRole('button', { name: 'Submit job' }).click();

    await page.getByRole('heading', { level: 1, name: 'Word count' }).waitFor();
    await page.getByRole('button', { name: 'Download' }).waitFor();
    expect((await download()).equals(countsAsBytes(countWords(text)))).toBe(true);
    expect(await page.getByTestId('label').textContent()).toContain('quorum');
    expect(trespasses).toEqual([]);
  });

  it('runs a dropped kernel of its own', async () => {
    const { wasm, manifest } = new Kernel('prime-count');
    await openForm();
    await drop([file('mine.wasm', wasm)]);
    await page.getByText('It is still missing: choose it, or drop it on this page.').waitFor();
    await drop([file('kernel.json', JSON.stringify({ ...manifest, name: 'mine', title: 'My primes' }))]);
    await page.getByText('nothing outside').waitFor();
    await page.getByRole('textbox', { name: /^To/ }).fill('1e6');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByRole('heading', { level: 1, name: 'My primes' }).waitFor();
    await page.getByText('78,498').waitFor();
    expect(trespasses).toEqual([]);
  });

  it('says in words why a file cannot be used, and submits nothing', async () => {
    const alert = (text: string | RegExp) => page.getByRole('alert').filter({ hasText: text });
    const manifest = JSON.stringify(new Kernel('prime-count').manifest);
    await openForm();
    await drop([file('greedy.wasm', BAD_KERNELS['forbidden-import']()), file('kernel.json', manifest)]);
    await alert('env.now').waitFor();
    expect(await page.getByRole('button', { name: 'Submit job' }).count()).toBe(0);
    await drop([file('a.wasm', 'a'), file('b.wasm', 'b')]);
    await alert('2 modules (.wasm) at once').waitFor();
    await drop([file('text.wasm', 'this is no WebAssembly')]);
    await alert(/no WebAssembly|not WebAssembly/).waitFor();
    await drop([file('kernel.json', '{ "name": ')]);
    await alert('kernel.json is not JSON').waitFor();
    expect(trespasses).toEqual([]);
  });
});
