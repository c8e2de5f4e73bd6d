/**
 * Runs in a network namespace of its own: two tabs meet at a daemon's relay, move to WebRTC, exchange words and blocks
 * there, stay linked while the page of one hangs, and go on when the daemon is killed. The last line of the output tells what was the case, as JSON.
 */
import type { Page } from 'playwright-core';
import { launch, serve } from '../../browser/browser.ts';
import type { NetworkFixture } from '../../browser/fixture/network.ts';
import { startDaemon, until } from '../daemon.ts';

/** In the pages. */
declare const network: NetworkFixture;

const NETWORK = 'two-tabs';
/** Longer than any dead peer is kept. */
const HANG_MS = 6_000;
const BLOCK_BYTES = 2 * 1024 * 1024;
/** Without it Chromium would offer names that only multicast resolves. */
const SHOW_ADDRESSES = '--disable-features=WebRtcHideLocalIpsWithMdns';

interface Tab {
  readonly page: Page;
  readonly self: string;
}

const { folder, executablePath } = JSON.parse(process.argv[2]!) as { folder: string; executablePath: string };
const site = await serve(folder);
const browser = await launch(executablePath, [SHOW_ADDRESSES]);
const daemon = await startDaemon({ network: NETWORK, cores: 0, listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
try {
  const one = await open();
  const other = await open();
  const pair = [
    [one, other],
    [other, one],
  ] as const;

  const startedAtMs = performance.now();
  for (const [from, to] of pair) {
    const addresses = await until('a place at the relay', async () => {
      const found = await from.page.evaluate(() => network.addresses());
      return found.length > 0 && found;
    });
    await to.page.evaluate(([key, at]) => network.learn(key, at), [from.self, addresses] as const);
  }
  for (const [from, to] of pair) await until('WebRTC', async () => /\/webrtc\//.test(await wayTo(from, to)));
  say(`WebRTC after ${Math.round(performance.now() - startedAtMs)} ms`);

  for (const [from, to] of pair) {
    await until('gossip over WebRTC', () => gets(from, to, 'before'));
    await exchange(from, to);
  }

  // A page that has no time, as beside many others that compute, is late, not dead: its link stays.
  await other.page.evaluate((hangMs) => {
    const untilMs = performance.now() + hangMs;
    while (performance.now() < untilMs);
  }, HANG_MS);
  await exchange(one, other);
  const lost = (await one.page.evaluate(() => network.events())).filter(({ type }) => type === 'disconnected');
  if (lost.length > 0) throw new Error(`a page that hung was taken for dead: ${JSON.stringify(lost)}`);

  await daemon.kill('SIGKILL');
  for (const { page } of [one, other]) {
    await until('the end of the relay', async () =>
      (await page.evaluate(() => network.events())).some(
        ({ type, of }) => type === 'disconnected' && of === daemon.key,
      ),
    );
  }
  for (const [from, to] of pair) {
    for (const word of ['once', 'twice', 'thrice']) await until('gossip without the relay', () => gets(from, to, word));
    await exchange(from, to);
    const events = await from.page.evaluate(() => network.events());
    if (events.some(({ type, of }) => type === 'disconnected' && of === to.self)) throw new Error('the link was lost');
  }
  process.stdout.write(`${JSON.stringify({ linked: true, exchanged: true, stayed: true, outlived: true })}\n`);
} catch (error) {
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    say((await page.evaluate(() => network.log()).catch(() => [])).join('\n'));
  }
  throw error;
} finally {
  await browser.close();
  await site.close();
  await daemon.stop();
}

async function open(): Promise<Tab> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  await page.waitForFunction(() => 'network' in globalThis);
  const options = { network: NETWORK, bootstrap: daemon.addresses };
  return { page, self: await page.evaluate((to) => network.start(to), options) };
}

async function wayTo({ page }: Tab, { self }: Tab): Promise<string> {
  const rows = await page.evaluate(() => network.peers());
  return rows.find(({ peer, state }) => peer === self && state === 'up')?.address ?? '';
}

/** One word each time it is called; true once a word of this kind has come from the tab itself, not by way of others. */
async function gets(from: Tab, to: Tab, word: string): Promise<boolean> {
  await from.page.evaluate((words) => network.say(words), `${word} ${Math.random()}`);
  const heard = await to.page.evaluate(() => network.heard());
  return heard.some(({ by, how, words }) => by === from.self && how === 'gossip' && words.startsWith(word));
}

/** A direct message and a block. */
async function exchange(from: Tab, to: Tab): Promise<void> {
  const words = `to you ${Math.random()}`;
  await from.page.evaluate(([said, peer]) => network.say(said, peer), [words, to.self] as const);
  await until('a direct message', async () =>
    (await to.page.evaluate(() => network.heard())).some((said) => said.how === 'direct' && said.words === words),
  );
  const cid = await from.page.evaluate((bytes) => network.keep(bytes), BLOCK_BYTES);
  const startedAtMs = performance.now();
  if (!(await to.page.evaluate((wanted) => network.fetch(wanted), cid))) throw new Error('a block was not found');
  say(`a block of 2 MiB in ${Math.round(performance.now() - startedAtMs)} ms`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
