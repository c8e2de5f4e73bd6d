/** Peers that reach each other through a relay only, as two tabs do: everything works there, and again after it broke. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { NetworkTransport } from '../../node/network/transport.ts';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../node/protocol/limits.ts';
import type { FetchOutcome } from '../../node/runtime/environment.ts';
import { type CreatePair, describeTransport, RecordingListener } from '../contract/transport.ts';
import { testBlock } from '../support/network/blocks.ts';
import { createPeer, LOOPBACK_WS, type TestPeer, until } from '../support/network/peers.ts';
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
});

function fetchAll({ transport }: TestPeer, cids: readonly Cid[]): Promise<FetchOutcome> {
  return new Promise((resolve) => {
    transport.fetch({ job: JOB, cids, providers: [], bytesMax: cids.length * BLOCK_BYTES_MAX }, resolve);
  });
}
