/** Peers that reach each other through a relay only, as two tabs do: everything works there, and again after it broke. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { NetworkTransport } from '../../node/network/transport.ts';
import type { Cid, JobId, PeerKey } from '../../node/protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../node/protocol/limits.ts';
import type { FetchOutcome } from '../../node/runtime/environment.ts';
import { type CreatePair, describeTransport, RecordingListener } from '../contract/transport.ts';
import { testBlock } from '../support/network/blocks.ts';
import { createPeer, freePort, LOOPBACK_WS, type TestPeer, until } from '../support/network/peers.ts';
import { type ShakyProxy, startProxy } from '../support/network/proxy.ts';
import { createTabLike, type TabLikeOptions } from '../support/network/tabs.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000 });

const JOB = '01'.repeat(32) as JobId;
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

interface Started extends TestPeer {
  readonly heard: RecordingListener;
}

async function started(peer: TestPeer): Promise<Started> {
  const heard = new RecordingListener();
  cleanups.push(() => peer.transport.stop());
  await peer.transport.start(heard);
  return { ...peer, heard };
}

const startRelay = async (options: Parameters<typeof createPeer>[0] = {}): Promise<Started> =>
  started(await createPeer({ listen: [LOOPBACK_WS], ...options }));
const startTab = async (relay: Started, options: TabLikeOptions = {}): Promise<Started> =>
  started(await createTabLike({ bootstrap: relay.transport.multiaddrs(), ...options }));

/** A relay whose connections can be cut: it only tells the address of a proxy before it. `direct` goes past that. */
async function startShakyRelay(): Promise<{ relay: Started; proxy: ShakyProxy; direct: string }> {
  const port = await freePort();
  const proxy = await startProxy(port);
  cleanups.push(() => proxy.close());
  const at = (tcp: number): string => `/ip4/127.0.0.1/tcp/${tcp}/ws`;
  const relay = await startRelay({ listen: [at(port)], announce: [at(proxy.port)] });
  return { relay, proxy, direct: at(port) };
}

function linkTo(from: TestPeer, to: TestPeer) {
  return from.transport.peers().find(({ peer, state }) => peer === to.transport.self && state === 'up');
}

/** Tells each of them where the other can be reached, which the protocol does in a real network. */
async function introduce(a: TestPeer, b: TestPeer): Promise<void> {
  await until(() => [a, b].every(({ transport }) => transport.multiaddrs().length > 0), 'places at the relay');
  a.transport.learn(b.transport.self, b.transport.multiaddrs());
  b.transport.learn(a.transport.self, a.transport.multiaddrs());
}

describeTransport('libp2p through a relay', (async () => {
  const relay = await createPeer({ listen: [LOOPBACK_WS] });
  const relayHeard = new RecordingListener();
  await relay.transport.start(relayHeard);
  const bootstrap: readonly string[] = [];
  const [a, b] = await Promise.all([createTabLike({ bootstrap }), createTabLike({ bootstrap })]);
  const blind = (peer: TestPeer): NetworkTransport => {
    // The contract speaks of two peers; the relay between them is none of its business.
    const { transport } = peer;
    const start = transport.start.bind(transport);
    const self = relay.transport.self;
    const fetch = transport.fetch.bind(transport);
    transport.fetch = (request, done) =>
      fetch(request, (outcome) =>
        done(outcome.ok ? outcome : { ...outcome, asked: outcome.asked.filter((key) => key !== self) }),
      );
    transport.start = async (listener) => {
      const others = Object.create(listener) as typeof listener;
      for (const name of ['connected', 'disconnected', 'roundTrip'] as const) {
        const report = listener[name] as (peer: string, ...rest: unknown[]) => void;
        Object.assign(others, { [name]: (key: string, ...rest: unknown[]) => key !== self && report(key, ...rest) });
      }
      await start(others);
      await transport.dial(relay.transport.multiaddrs()[0]!);
      await until(() => transport.multiaddrs().length > 0, 'a place at the relay');
      const other = peer === a ? b : a;
      if (other.transport.multiaddrs().length > 0) await introduce(a, b);
    };
    return transport;
  };
  return {
    a: { peer: a.transport.self, transport: blind(a), blocks: a.store.blocks },
    b: { peer: b.transport.self, transport: blind(b), blocks: b.store.blocks },
    until: (condition) => until(condition),
    close: async () => {
      await Promise.all([a, b, relay].map(({ transport }) => transport.stop()));
    },
  };
}) satisfies CreatePair);

describe('through a relay', () => {
  test('whole blocks are exchanged, and a disconnection is seen at once', async () => {
    const relay = await startRelay();
    const [a, b] = await Promise.all([startTab(relay), startTab(relay)]);
    await introduce(a, b);
    await until(() => linkTo(a, b)?.isRelayed === true && linkTo(b, a)?.isRelayed === true, 'the relayed link');
    expect(relay.transport.usage().relay).toEqual({ reservations: 2, max: 96 });
    const blocks = [0, 1, 2, 3].map((number) => testBlock(number, BLOCK_BYTES_MAX));
    for (const { cid, bytes } of blocks) await b.store.blocks.put(cid, bytes, JOB);
    expect(
      await fetchAll(
        a,
        blocks.map(({ cid }) => cid),
      ),
    ).toEqual({ ok: true });
    await b.transport.stop();
    await until(() => a.heard.of('disconnected').some(({ peer }) => peer === b.transport.self), 'the disconnection');
    await until(() => relay.transport.usage().relay?.reservations === 1, 'the place that is free again');
  });

  test('everything flows again in both directions after each of 20 lost connections to the relay', async () => {
    const { relay, proxy, direct } = await startShakyRelay();
    const shaky = await startTab(relay);
    const steady = await startTab(relay, { bootstrap: [direct] });
    let number = 0;
    for (let round = 0; round <= 20; round++) {
      const lost = (): number =>
        relay.heard.of('disconnected').filter(({ peer }) => peer === shaky.transport.self).length;
      if (round > 0) proxy.cut();
      await until(() => lost() >= round, 'the loss');
      await until(() => shaky.transport.multiaddrs().length > 0, 'a place at the relay');
      await introduce(shaky, steady);
      await until(() => linkTo(shaky, steady) !== undefined && linkTo(steady, shaky) !== undefined, 'the link');
      await until(() => hears(shaky, steady, `${round} there`), `gossip there in round ${round}`);
      await until(() => hears(steady, shaky, `${round} back`), `gossip back in round ${round}`);
      for (const [from, to] of [
        [shaky, steady],
        [steady, shaky],
      ] as const) {
        const { cid, bytes } = testBlock(number++, 100_000);
        await from.store.blocks.put(cid, bytes, JOB);
        expect(await fetchAll(to, [cid]), `round ${round}`).toEqual({ ok: true });
      }
      // The relay itself is one of the peers all the time.
      await until(() => hears(relay, shaky, `${round} down`), `gossip from the relay in round ${round}`);
    }
    expect(relay.transport.usage()).toMatchObject({ connections: { now: 2 }, relay: { reservations: 2 } });
  });

  test.each([false, true])('WebRTC takes over, and outlives the relay (closed orderly: %s)', async (orderly) => {
    const { relay, proxy } = await startShakyRelay();
    const [a, b] = await Promise.all([startTab(relay, { webRtc: true }), startTab(relay, { webRtc: true })]);
    await introduce(a, b);
    await until(() => linkTo(a, b)?.isRelayed === false && linkTo(b, a)?.isRelayed === false, 'WebRTC');
    expect(linkTo(a, b)?.address).toContain('/webrtc/');
    const { cid, bytes } = testBlock(1, BLOCK_BYTES_MAX);
    await b.store.blocks.put(cid, bytes, JOB);
    expect(await fetchAll(a, [cid])).toEqual({ ok: true });
    if (orderly) await relay.transport.stop();
    else await proxy.close();
    await until(() => [a, b].every(({ heard }) => seesGone(heard, relay.transport.self)), 'the end of the relay');
    for (let round = 0; round < 5; round++) {
      await until(() => hears(a, b, `${round} there`), 'gossip there');
      await until(() => hears(b, a, `${round} back`), 'gossip back');
    }
    const other = testBlock(2, BLOCK_BYTES_MAX);
    await a.store.blocks.put(other.cid, other.bytes, JOB);
    expect(await fetchAll(b, [other.cid])).toEqual({ ok: true });
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(seesGone(one.heard, two.transport.self)).toBe(false);
    }
  });
});

function seesGone(heard: RecordingListener, peer: PeerKey): boolean {
  return heard.of('disconnected').some((report) => report.peer === peer);
}

/** Says something and looks whether it has arrived; to be called until it has. */
async function hears(listening: Started, speaking: Started, words: string): Promise<boolean> {
  const heard = (): boolean =>
    listening.heard.of('gossip').some(({ bytes }) => decoder.decode(bytes).startsWith(words));
  speaking.transport.publish(new TextEncoder().encode(`${words} ${Math.random()}`));
  for (let wait = 0; wait < 100 && !heard(); wait++) await new Promise((resolve) => setTimeout(resolve, 5));
  return heard();
}

const decoder = new TextDecoder();

function fetchAll({ transport }: TestPeer, cids: readonly Cid[]): Promise<FetchOutcome> {
  return new Promise((resolve) => {
    transport.fetch({ job: JOB, cids, providers: [], bytesMax: cids.length * BLOCK_BYTES_MAX }, resolve);
  });
}
