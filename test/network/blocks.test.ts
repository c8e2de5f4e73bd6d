/** The block exchange over real connections, with providers in processes of their own. */
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { encode } from 'it-length-prefixed';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { encodeRequest } from '../../node/network/block-wire.ts';
import { RANGE_BYTES, SERVED_REQUESTS_MAX } from '../../node/network/limits.ts';
import { peerKeyOf } from '../../node/network/peer-key.ts';
import type { Cid, JobId, PeerKey } from '../../node/protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../node/protocol/limits.ts';
import type { FetchOutcome } from '../../node/runtime/environment.ts';
import { RecordingListener } from '../contract/transport.ts';
import { testBlock } from '../support/network/blocks.ts';
import { type ProviderProcess, startProvider } from '../support/network/child.ts';
import type { ProviderConfiguration } from '../support/network/messages.ts';
import { createPeer, type TestPeer, until } from '../support/network/peers.ts';
import { RAW_NAMES, startRawNode } from '../support/network/raw-node.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const JOB = '01'.repeat(32) as JobId;
/**
 * How long the stalled readers stall. A server that buffered what was asked for would hold it within the first seconds;
 * `SHOAL_TEST_STALL_MS=60000` watches for a minute, for a leak that is slow.
 */
const STALL_MS = Number(process.env.SHOAL_TEST_STALL_MS ?? 15_000);

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

async function provider(
  blocks: number,
  blockBytes = BLOCK_BYTES_MAX,
  others: Partial<ProviderConfiguration> = {},
): Promise<ProviderProcess> {
  const started = await startProvider({ blocks, blockBytes, ...others });
  cleanups.push(async () => started.kill('SIGKILL'));
  return started;
}

async function fetcher(
  providers: readonly ProviderProcess[],
  options: Parameters<typeof createPeer>[0] = {},
): Promise<TestPeer & { heard: RecordingListener }> {
  const peer = await createPeer({ bootstrap: providers.map(({ addresses }) => addresses[0]!), ...options });
  cleanups.push(() => peer.transport.stop());
  const heard = new RecordingListener();
  await peer.transport.start(heard);
  await until(() => heard.of('connected').length === providers.length, 'the providers');
  return { ...peer, heard };
}

function fetchAll({ transport }: TestPeer, cids: readonly Cid[], providers: readonly PeerKey[]): Promise<FetchOutcome> {
  return new Promise((resolve) => {
    transport.fetch({ job: JOB, cids, providers, bytesMax: cids.length * BLOCK_BYTES_MAX }, resolve);
  });
}

function cidsOf(count: number, blockBytes = BLOCK_BYTES_MAX): readonly Cid[] {
  return Array.from({ length: count }, (_, i) => testBlock(i, blockBytes).cid);
}

describe('block exchange', () => {
  test('moves 50 MiB in blocks of 2 MiB', async () => {
    const from = await provider(25);
    const to = await fetcher([from]);
    const cids = cidsOf(25);
    expect(await fetchAll(to, cids, [from.peer])).toEqual({ ok: true });
    expect(to.store.blocks.byteLength).toBe(25 * BLOCK_BYTES_MAX);
    const last = testBlock(24, BLOCK_BYTES_MAX);
    expect(Buffer.compare((await to.store.blocks.get(last.cid))!, last.bytes)).toBe(0);
  });

  test('moves a thousand small blocks', async () => {
    const from = await provider(1_000, 500);
    const to = await fetcher([from]);
    expect(await fetchAll(to, cidsOf(1_000, 500), [from.peer])).toEqual({ ok: true });
  });

  test('goes on at another provider when one is killed in mid-transfer', async () => {
    const [doomed, other] = await Promise.all([provider(40), provider(40)]);
    const to = await fetcher([doomed, other]);
    const cids = cidsOf(40);
    const outcome = fetchAll(to, cids, [doomed.peer]);
    await until(() => to.store.blocks.byteLength >= 4 * BLOCK_BYTES_MAX, 'the first blocks');
    doomed.kill('SIGKILL');
    expect(to.store.blocks.byteLength).toBeLessThan(40 * BLOCK_BYTES_MAX);
    expect(await outcome).toEqual({ ok: true });
    await until(() => to.heard.of('disconnected').some(({ peer }) => peer === doomed.peer), 'the disconnection');
    expect(to.store.blocks.byteLength).toBe(40 * BLOCK_BYTES_MAX);
  });

  test('leaves a provider that stops answering for another', async () => {
    const [frozen, other] = await Promise.all([provider(4), provider(4)]);
    const to = await fetcher([frozen, other], { providerPatienceMs: 500 });
    frozen.kill('SIGSTOP');
    expect(await fetchAll(to, cidsOf(4), [frozen.peer])).toEqual({ ok: true });
  });

  test('waits for a provider that takes 15 s, and asks the others meanwhile, which do not have it', async () => {
    const [late, ...others] = await Promise.all([
      provider(1, 1_000, { findsAfterMs: 15_000 }),
      provider(0),
      provider(0),
    ]);
    const to = await fetcher([late, ...others]);
    expect(await fetchAll(to, cidsOf(1, 1_000), [late.peer])).toEqual({ ok: true });
  });

  test('a provider that never answers, though its link does, keeps nothing away that another has', async () => {
    const [silent, other] = await Promise.all([provider(3, 1_000, { findsAfterMs: 'never' }), provider(3, 1_000)]);
    const to = await fetcher([silent, other]);
    const [first, ...rest] = cidsOf(3, 1_000);
    expect(await fetchAll(to, [first!], [silent.peer])).toEqual({ ok: true });
    // Asked again, it is late from the start.
    for (const cid of rest) expect(await fetchAll(to, [cid], [silent.peer])).toEqual({ ok: true });
    expect(to.heard.of('disconnected')).toEqual([]);
  });

  test('names what is missing when the only provider is killed', async () => {
    const doomed = await provider(30);
    const to = await fetcher([doomed]);
    const outcome = fetchAll(to, cidsOf(30), [doomed.peer]);
    await until(() => to.store.blocks.byteLength >= 2 * BLOCK_BYTES_MAX, 'the first blocks');
    doomed.kill('SIGKILL');
    expect(await outcome).toMatchObject({ ok: false, asked: [doomed.peer] });
  });
});

describe('a block server', () => {
  /** A node that speaks the wire format by hand, accepted as a peer by the provider. */
  async function rawReader(from: ProviderProcess): Promise<{ open: () => Promise<Stream> }> {
    const node = await startRawNode();
    cleanups.push(async () => node.stop());
    const connection = await node.dial(multiaddr(from.addresses[0]!));
    expect(peerKeyOf(connection.remotePeer)).toBe(from.peer);
    return { open: () => connection.newStream(RAW_NAMES.blocks) };
  }

  function ask(stream: Stream, id: number, cid: Cid, offset: number): void {
    stream.send(encode.single(encodeRequest({ id, cid, offset, length: RANGE_BYTES })));
  }

  test(
    'keeps its memory flat while readers stall',
    async () => {
      const from = await provider(32);
      const { open } = await rawReader(from);
      const cids = cidsOf(32);
      const streams = await Promise.all([0, 1, 2, 3].map(open));
      const before = await from.residentBytes();
      // 64 MiB are asked for on four streams, and nothing is read.
      for (const [i, stream] of streams.entries()) {
        stream.pause();
        for (let id = 0; id < SERVED_REQUESTS_MAX; id++) {
          ask(stream, id, cids[8 * i + (id >> 3)]!, (id & 7) * RANGE_BYTES);
        }
      }
      const samples: number[] = [];
      const untilMs = Date.now() + STALL_MS;
      while (Date.now() < untilMs) {
        await new Promise((resolve) => setTimeout(resolve, Math.min(500, STALL_MS / 10)));
        samples.push(await from.residentBytes());
      }
      // The blocks being read may be in its cache (16 MiB); what was asked for must not be in its buffers.
      expect(Math.max(...samples) - before).toBeLessThan(32 * 1024 * 1024);
      const [settled] = samples;
      expect(Math.max(...samples) - settled!).toBeLessThan(8 * 1024 * 1024);
      // The readers have only stalled: everything still comes.
      const received = streams.map(() => 0);
      for (const [i, stream] of streams.entries()) {
        stream.addEventListener('message', ({ data }) => {
          received[i]! += data.byteLength;
        });
        stream.resume();
      }
      const expected = SERVED_REQUESTS_MAX * RANGE_BYTES;
      await until(() => received.every((bytes) => bytes > expected), 'the rest');
    },
    STALL_MS + 60_000,
  );

  test('closes the stream of a reader that asks without end', async () => {
    const from = await provider(1);
    const { open } = await rawReader(from);
    const stream = await open();
    const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()));
    stream.pause();
    const [cid] = cidsOf(1);
    for (let id = 0; id < 4 * SERVED_REQUESTS_MAX && stream.status === 'open'; id++) ask(stream, id, cid!, 0);
    await closed;
  });

  test.each([
    ['an empty frame', new Uint8Array(0)],
    ['a frame of the wrong shape', new Uint8Array(5)],
    ['a range beyond any block', encodeRequest({ id: 1, cid: 'x' as Cid, offset: 2 ** 31, length: 1 })],
    ['a range that is too long', encodeRequest({ id: 1, cid: 'x' as Cid, offset: 0, length: 2 ** 24 })],
    ['what is no CID', encodeRequest({ id: 1, cid: 'nonsense' as Cid, offset: 0, length: 1 })],
    ['a frame that is too large', new Uint8Array(100_000)],
  ])('closes the stream at %s and serves others on', async (_, frame) => {
    const from = await provider(1, 1_000);
    const { open } = await rawReader(from);
    const stream = await open();
    const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()));
    stream.send(encode.single(frame));
    await closed;
    const to = await fetcher([from]);
    expect(await fetchAll(to, cidsOf(1, 1_000), [from.peer])).toEqual({ ok: true });
  });
});
