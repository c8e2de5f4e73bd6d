/**
 * WebRTC in a real Chromium: to a daemon, which any tab can do; between tabs, which needs a network that is more than
 * loopback; and what two tabs do where they cannot: they talk through the daemon's relay, at once.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES_MAX } from '../../node/protocol/limits.ts';
import { RecordingListener } from '../contract/transport.ts';
import { testBlock } from '../support/network/blocks.ts';
import { createPeer, freePort, LOOPBACK_WS, type TestPeer, until } from '../support/network/peers.ts';
import { startProxy } from '../support/network/proxy.ts';
import { builtFixture, launch, type Site, serve } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import { runInNamespace, whyNoNamespace } from './netns.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined
    ? 'WebRTC of a tab (skipped: no Chromium, run .ci/install-chromium.sh)'
    : 'WebRTC of a tab';
const noNamespace = executablePath === undefined ? undefined : await whyNoNamespace();
/** The name of the network that `createPeer` makes. */
const NETWORK = 'network-test';

interface NetworkTab {
  readonly page: Page;
  readonly self: string;
}

describe.skipIf(executablePath === undefined)(where, () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const peers: TestPeer[] = [];

  beforeAll(async () => {
    folder = await builtFixture();
    site = await serve(folder);
    browser = await launch(executablePath!);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await Promise.all(peers.splice(0).map(({ transport }) => transport.stop()));
  });

  async function startPeer(
    listen: readonly string[],
    announce: readonly string[] = [],
  ): Promise<TestPeer & { readonly heard: RecordingListener }> {
    const peer = await createPeer({ listen, announce });
    peers.push(peer);
    const heard = new RecordingListener();
    await peer.transport.start(heard);
    return { ...peer, heard };
  }

  async function openTab(bootstrap: readonly string[]): Promise<NetworkTab> {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => 'network' in globalThis);
    const self = await page.evaluate((options) => network.start(options), { network: NETWORK, bootstrap });
    return { page, self };
  }

  const linkOf = async ({ page }: NetworkTab, peer: string) =>
    (await page.evaluate(() => network.peers())).find((row) => row.peer === peer && row.state === 'up');

  it('reaches a daemon over webrtc-direct, with words and blocks in both directions', async () => {
    const daemon = await startPeer(['/ip4/127.0.0.1/udp/0/webrtc-direct']);
    const tab = await openTab(daemon.transport.multiaddrs());
    await until(async () => (await linkOf(tab, daemon.transport.self)) !== undefined, 'the link');
    expect((await linkOf(tab, daemon.transport.self))!.address).toContain('/webrtc-direct/');
    await until(() => daemon.heard.of('connected').length === 1, 'the link on the other side');
    await tab.page.evaluate(() => network.say('from the tab'));
    await until(() => daemon.heard.of('gossip').some(({ bytes }) => text(bytes) === 'from the tab'), 'gossip');
    daemon.transport.publish(new TextEncoder().encode('from the daemon'));
    await until(() => hears(tab, 'from the daemon'), 'gossip in the tab');
    const { cid, bytes } = testBlock(1, BLOCK_BYTES_MAX);
    await daemon.store.blocks.put(cid, bytes, undefined);
    expect(await tab.page.evaluate((wanted) => network.fetch(wanted), cid)).toBe(true);
    await tab.page.close();
    await until(() => daemon.heard.of('disconnected').length === 1, 'the disconnection');
  });

  it('is not needed: two tabs on loopback talk through the relay of a daemon, and see each other go', async () => {
    const relay = await startPeer([LOOPBACK_WS]);
    const [one, other] = await Promise.all([0, 1].map(() => openTab(relay.transport.multiaddrs())));
    await introduce([one!, other!]);
    await until(async () => (await linkOf(one!, other!.self)) !== undefined, 'the link');
    await until(async () => (await linkOf(other!, one!.self)) !== undefined, 'the link on the other side');
    for (const [from, to] of [
      [one!, other!],
      [other!, one!],
    ] as const) {
      // Each word only once: gossip passes on nothing twice.
      await from.page.evaluate(([said]) => network.say(said), [`to all from ${from.self}`] as const);
      await from.page.evaluate(([said, peer]) => network.say(said, peer), [`to ${to.self}`, to.self] as const);
      await until(() => hears(to, `to all from ${from.self}`), 'gossip');
      await until(() => hears(to, `to ${to.self}`), 'a direct message');
      const cid = await from.page.evaluate((bytes) => network.keep(bytes), BLOCK_BYTES_MAX);
      expect(await to.page.evaluate((wanted) => network.fetch(wanted), cid)).toBe(true);
    }
    await other!.page.close();
    await until(async () => (await linkOf(one!, other!.self)) === undefined, 'the end of the link');
  });

  it('talk again in both directions after each of 20 lost connections to the relay', async () => {
    const port = await freePort();
    const proxy = await startProxy(port);
    const at = (tcp: number): string => `/ip4/127.0.0.1/tcp/${tcp}/ws`;
    try {
      // It only tells the address of the proxy, so that all ways to it can be cut.
      const relay = await startPeer([at(port)], [at(proxy.port)]);
      const [one, other] = await Promise.all([0, 1].map(() => openTab(relay.transport.multiaddrs())));
      await introduce([one!, other!]);
      for (let round = 0; round <= 20; round++) {
        const lost = (): number => relay.heard.of('disconnected').length;
        if (round > 0) {
          await until(() => relay.transport.peers().filter(({ state }) => state === 'up').length === 2, 'both tabs');
          const before = lost();
          proxy.cut();
          await until(() => lost() >= before + 2, 'the loss of both');
        }
        for (const [from, to] of [
          [one!, other!],
          [other!, one!],
        ] as const) {
          await until(async () => {
            await from.page.evaluate((said) => network.say(said), `round ${round}, ${Math.random()}, ${from.self}`);
            const heard = await to.page.evaluate(() => network.heard());
            return heard.some(({ by, words }) => by === from.self && words.startsWith(`round ${round},`));
          }, `gossip in round ${round}`);
          const cid = await from.page.evaluate((bytes) => network.keep(bytes), 50_000);
          expect(await to.page.evaluate((wanted) => network.fetch(wanted), cid)).toBe(true);
        }
      }
    } finally {
      await proxy.close();
    }
  });

  it.skipIf(noNamespace !== undefined)(
    `connects two tabs, with a daemon as relay that they outlive${noNamespace ?? ''}`,
    async () => {
      const result = await runInNamespace('two-tabs', { folder, executablePath: executablePath! });
      expect(result).toEqual({ linked: true, exchanged: true, stayed: true, outlived: true });
    },
  );
});

/** Tells each where the others can be reached, as soon as all have a place at a relay. */
async function introduce(tabs: readonly NetworkTab[]): Promise<void> {
  const addressesOf = ({ page }: NetworkTab) => page.evaluate(() => network.addresses());
  await until(async () => (await Promise.all(tabs.map(addressesOf))).every(({ length }) => length > 0), 'places');
  for (const { self, page } of tabs) {
    const addresses = await page.evaluate(() => network.addresses());
    for (const other of tabs)
      await other.page.evaluate(([key, at]) => network.learn(key, at), [self, addresses] as const);
  }
}

async function hears({ page }: NetworkTab, words: string): Promise<boolean> {
  return (await page.evaluate(() => network.heard())).some((said) => said.words === words);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
