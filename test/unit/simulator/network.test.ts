import { beforeEach, describe, expect, it } from 'vitest';
import type { Cid, JobId, PeerKey } from '../../../node/protocol/ids.ts';
import { cidOf } from '../../../node/protocol/wire/block.ts';
import type { FetchOutcome, Transport } from '../../../node/runtime/environment.ts';
import { VirtualClock } from '../../simulator/clock.ts';
import { SimulatedNetwork } from '../../simulator/network.ts';
import { RandomStream } from '../../simulator/random.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

interface Node {
  readonly key: PeerKey;
  readonly transport: Transport;
  readonly store: MemoryStore;
  readonly heard: { readonly at: number; readonly source: PeerKey; readonly text: string }[];
  readonly direct: string[];
  readonly roundTrips: number[];
  readonly connected: Set<PeerKey>;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);
const JOB = 'job' as JobId;

describe('simulated network', () => {
  let clock: VirtualClock;
  let network: SimulatedNetwork;

  function createNetwork(linkMs = 10, loss = 0): void {
    clock = new VirtualClock(0);
    const profile = { linkMs, spread: 0, loss, bytesPerMs: 1_000 };
    network = new SimulatedNetwork({ clock, random: RandomStream.seeded(1), profile });
  }

  async function createNode(name: string, answer: 'accept' | 'ignore' | 'reject' = 'accept'): Promise<Node> {
    const key = name.padEnd(64, '0') as PeerKey;
    const store = createMemoryStore();
    const transport = network.attach(key, store.blocks);
    const node: Node = { key, transport, store, heard: [], direct: [], roundTrips: [], connected: new Set() };
    await transport.start({
      connected: (peer) => node.connected.add(peer),
      disconnected: (peer) => node.connected.delete(peer),
      incompatible: () => undefined,
      dialFailed: () => undefined,
      roundTrip: (_, ms) => node.roundTrips.push(ms),
      gossip: (token, source, data) => {
        node.heard.push({ at: clock.now(), source, text: text(data) });
        clock.defer(() => transport.answer(token, answer));
      },
      direct: (_, data) => node.direct.push(text(data)),
    });
    return node;
  }

  beforeEach(() => createNetwork());

  it('tells both ends of a connection, and measures it', async () => {
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(5_000);
    expect([...a.connected]).toEqual([b.key]);
    expect([...b.connected]).toEqual([a.key]);
    expect(a.roundTrips.length).toBeGreaterThanOrEqual(3);
    for (const ms of a.roundTrips) expect(ms).toBeGreaterThan(15);
    network.disconnect(a.key, b.key);
    await clock.run(6_000);
    expect(a.connected.size + b.connected.size).toBe(0);
  });

  it('carries gossip over several hops, once to each', async () => {
    const nodes = [await createNode('a'), await createNode('b'), await createNode('c'), await createNode('d')];
    for (let i = 0; i < 3; i++) network.connect(nodes[i]!.key, nodes[i + 1]!.key);
    await clock.run(1_000);
    nodes[0]!.transport.publish(bytes('hello'));
    nodes[0]!.transport.publish(bytes('hello'));
    await clock.run(2_000);
    expect(nodes.slice(1).map(({ heard }) => heard.map((item) => item.text))).toEqual([
      ['hello'],
      ['hello'],
      ['hello'],
    ]);
    expect(nodes[3]!.heard[0]!.source).toBe(nodes[2]!.key);
    expect(nodes[3]!.heard[0]!.at).toBeGreaterThan(1_020);
  });

  it.each(['ignore', 'reject'] as const)('forwards nothing that a validator answers with %s', async (answer) => {
    const [a, b, c] = [await createNode('a'), await createNode('b', answer), await createNode('c')];
    network.connect(a.key, b.key);
    network.connect(b.key, c.key);
    await clock.run(1_000);
    a.transport.publish(bytes('spam'));
    await clock.run(3_000);
    expect(b.heard.length).toBe(1);
    expect(c.heard.length).toBe(0);
  });

  it('graylists who forwarded five rejected messages', async () => {
    const [a, b] = [await createNode('a'), await createNode('b', 'reject')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    for (let i = 0; i < 10; i++) {
      a.transport.publish(bytes(`spam ${i}`));
      await clock.run(1_100 + 100 * i);
    }
    expect(b.heard.length).toBe(5);
  });

  it('repairs lost gossip at later heartbeats', async () => {
    createNetwork(10, 0.3);
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    for (let i = 0; i < 200; i++) a.transport.publish(bytes(`message ${i}`));
    await clock.run(10_000);
    expect(network.gossip.counts.lost).toBeGreaterThan(40);
    expect(b.heard.length).toBeGreaterThan(190);
  });

  it('keeps direct messages in order', async () => {
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    const sent = Array.from({ length: 100 }, (_, i) => `${i}`);
    for (const item of sent) a.transport.send(b.key, bytes(item));
    await clock.run(2_000);
    expect(b.direct).toEqual(sent);
  });

  it('drops what crosses a partition, tells the ends after a while, and heals', async () => {
    const [a, b, c] = [await createNode('a'), await createNode('b'), await createNode('c')];
    network.connect(a.key, b.key);
    network.connect(b.key, c.key);
    await clock.run(1_000);
    network.partition([[a.key], [b.key, c.key]]);
    a.transport.publish(bytes('lost'));
    a.transport.send(b.key, bytes('lost'));
    await clock.run(2_000);
    expect([b.heard, b.direct, c.heard]).toEqual([[], [], []]);
    expect(a.connected.size).toBe(1);
    await clock.run(8_000);
    expect(a.connected.size).toBe(0);
    network.connect(a.key, b.key);
    await clock.run(9_000);
    expect(a.connected.size).toBe(0);
    network.heal();
    network.connect(a.key, b.key);
    await clock.run(10_000);
    a.transport.publish(bytes('healed'));
    await clock.run(11_000);
    expect(c.heard.map((item) => item.text)).toEqual(['healed']);
  });

  it('tells the others when a process dies, and hears nothing from it afterwards', async () => {
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    network.crash(a.key);
    a.transport.publish(bytes('from the grave'));
    await clock.run(2_000);
    expect(b.connected.size).toBe(0);
    expect(b.heard).toEqual([]);
  });

  it('still delivers what was under way when a link is closed, and then says so', async () => {
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    a.transport.publish(bytes('last words'));
    a.transport.send(b.key, bytes('goodbye'));
    await a.transport.stop();
    await clock.run(1_001);
    expect(b.connected.size).toBe(1);
    await clock.run(2_000);
    expect(b.heard.map((item) => item.text)).toEqual(['last words']);
    expect(b.direct).toEqual(['goodbye']);
    expect(b.connected.size).toBe(0);
  });

  it('fetches blocks from whoever has them, and says which are missing', async () => {
    const [a, b, c] = [await createNode('a'), await createNode('b'), await createNode('c')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    const blocks = ['one', 'two'].map((content) => ({ cid: cidOf(bytes(content), 'raw'), bytes: bytes(content) }));
    await b.store.blocks.put(blocks[0]!.cid, blocks[0]!.bytes, undefined);
    await c.store.blocks.put(blocks[1]!.cid, blocks[1]!.bytes, undefined);
    const nowhere = cidOf(bytes('nowhere'), 'raw');
    const fetch = (cids: Cid[], providers: PeerKey[]): Promise<FetchOutcome> =>
      new Promise((resolve) => a.transport.fetch({ job: JOB, cids, providers, bytesMax: 1_000 }, resolve));
    const all = fetch(
      blocks.map(({ cid }) => cid),
      [c.key],
    );
    await clock.run(2_000);
    expect(await all).toEqual({ ok: true });
    expect(await a.store.blocks.get(blocks[1]!.cid)).toEqual(blocks[1]!.bytes);
    const some = fetch([blocks[0]!.cid, nowhere], []);
    await clock.run(3_000);
    expect(await some).toEqual({ ok: false, missing: [nowhere], asked: [b.key] });
  });

  it('takes no more bytes than allowed', async () => {
    const [a, b] = [await createNode('a'), await createNode('b')];
    network.connect(a.key, b.key);
    await clock.run(1_000);
    const large = new Uint8Array(500).fill(1);
    const cid = cidOf(large, 'raw');
    await b.store.blocks.put(cid, large, undefined);
    const outcome = new Promise<FetchOutcome>((resolve) => {
      a.transport.fetch({ job: JOB, cids: [cid], providers: [b.key], bytesMax: 499 }, resolve);
    });
    await clock.run(2_000);
    expect((await outcome).ok).toBe(false);
  });
});
