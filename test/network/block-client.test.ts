/** Fetching from providers that lie, break off, disagree or stall, against scripted providers: no network. */
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { BlockClient, type RangeSource } from '../../node/network/block-client.ts';
import type { RangeAnswer } from '../../node/network/block-wire.ts';
import { BUSY_BYTES, RANGE_BYTES } from '../../node/network/limits.ts';
import type { Cid, JobId, PeerKey } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import type { FetchOutcome } from '../../node/runtime/environment.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';

const JOB = '01'.repeat(32) as JobId;
const BLOCK = Uint8Array.from({ length: 4 * RANGE_BYTES - 5 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const CID = cidOf(BLOCK, 'raw');

interface Script {
  /** The bytes it serves; undefined: not kept. */
  readonly bytes?: Uint8Array;
  /** Ranges it answers before it breaks off. */
  readonly answers?: number;
}

class ScriptedProvider implements RangeSource {
  load = 0;
  isLate = false;
  readonly offsets: number[] = [];
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  async request(_cid: Cid, offset: number, length: number): Promise<RangeAnswer> {
    if (this.offsets.length >= (this.#script.answers ?? Number.POSITIVE_INFINITY)) throw new Error('broke off');
    this.offsets.push(offset);
    const { bytes } = this.#script;
    if (bytes === undefined) return { id: 0, found: false };
    return { id: 0, found: true, total: bytes.length, bytes: bytes.slice(offset, offset + length) };
  }
}

interface World {
  readonly client: BlockClient;
  readonly store: MemoryStore;
  readonly providers: readonly ScriptedProvider[];
  readonly peers: readonly PeerKey[];
  fetch(request?: { cids?: readonly Cid[]; hinted?: readonly number[]; bytesMax?: number }): Promise<FetchOutcome>;
}

function worldOf(...scripts: readonly Script[]): World {
  const store = createMemoryStore();
  const providers = scripts.map((script) => new ScriptedProvider(script));
  const peers = scripts.map((_, i) => String(i).padStart(64, '0') as PeerKey);
  const client = new BlockClient({
    blocks: store.blocks,
    sha256,
    logger: silentLogger,
    peers: () => peers,
    channel: (peer) => providers[peers.indexOf(peer)],
  });
  return {
    client,
    store,
    providers,
    peers,
    fetch: ({ cids = [CID], hinted = [], bytesMax = 10_000_000 } = {}) =>
      client.fetch({ job: JOB, cids, providers: hinted.map((i) => peers[i]!), bytesMax }),
  };
}

const LIE = BLOCK.map((byte) => byte ^ 1);

/** Compared as bytes: an assertion on a million elements takes seconds. */
async function expectBlock(store: MemoryStore): Promise<void> {
  expect(Buffer.compare((await store.blocks.get(CID))!, BLOCK)).toBe(0);
}

describe('block client', () => {
  test('asks hinted providers before others', async () => {
    const { fetch, providers } = worldOf({ bytes: BLOCK }, { bytes: BLOCK });
    expect(await fetch({ hinted: [1] })).toEqual({ ok: true });
    expect(providers[0]!.offsets).toEqual([]);
    expect(providers[1]!.offsets).toEqual([0, 1, 2, 3].map((i) => i * RANGE_BYTES));
  });

  test('goes on with the rest at the next provider when one breaks off', async () => {
    const { fetch, providers, store } = worldOf({ bytes: BLOCK, answers: 2 }, { bytes: BLOCK });
    expect(await fetch({ hinted: [0] })).toEqual({ ok: true });
    expect(providers[1]!.offsets).toEqual([2, 3].map((i) => i * RANGE_BYTES));
    await expectBlock(store);
  });

  test('drops a liar and asks the next', async () => {
    const { fetch, store } = worldOf({ bytes: LIE }, { bytes: BLOCK });
    expect(await fetch({ hinted: [0] })).toEqual({ ok: true });
    await expectBlock(store);
  });

  test('never keeps what a liar sends', async () => {
    const { fetch, store, peers } = worldOf({ bytes: LIE });
    expect(await fetch()).toEqual({ ok: false, missing: [CID], asked: [peers[0]] });
    expect(await store.blocks.has(CID)).toBe(false);
  });

  test('a liar that breaks off cannot spoil the block of the honest provider after it', async () => {
    const { fetch, store } = worldOf({ bytes: LIE, answers: 2 }, { bytes: BLOCK });
    expect(await fetch({ hinted: [0] })).toEqual({ ok: true });
    await expectBlock(store);
  });

  test('starts over when two providers disagree about the length', async () => {
    const { fetch, store } = worldOf({ bytes: LIE.slice(0, 3 * RANGE_BYTES), answers: 1 }, { bytes: BLOCK });
    expect(await fetch({ hinted: [0] })).toEqual({ ok: true });
    await expectBlock(store);
  });

  test('does not take blocks that exceed the budget', async () => {
    const { fetch, store } = worldOf({ bytes: BLOCK });
    expect(await fetch({ bytesMax: BLOCK.length - 1 })).toMatchObject({ ok: false, missing: [CID] });
    expect(await store.blocks.has(CID)).toBe(false);
    expect(await fetch({ bytesMax: BLOCK.length })).toEqual({ ok: true });
  });

  test('the budget is for all blocks of a request together', async () => {
    const other = BLOCK.slice(1);
    const { store } = worldOf();
    const provider = new ScriptedProvider({ bytes: BLOCK });
    const cids = [CID, cidOf(other, 'raw')];
    provider.request = async (cid, offset, length) => {
      const bytes = cid === CID ? BLOCK : other;
      return { id: 0, found: true, total: bytes.length, bytes: bytes.slice(offset, offset + length) };
    };
    const bounded = new BlockClient({
      blocks: store.blocks,
      sha256,
      logger: silentLogger,
      peers: () => ['aa' as PeerKey],
      channel: () => provider,
    });
    const outcome = await bounded.fetch({ job: JOB, cids, providers: [], bytesMax: BLOCK.length + 10 });
    expect(outcome.ok).toBe(false);
    expect(store.blocks.byteLength).toBeLessThanOrEqual(BLOCK.length + 10);
  });

  test('pulls a block once for several jobs, and pins it for each', async () => {
    const { client, providers, store } = worldOf({ bytes: BLOCK });
    const jobs = ['02', '03'].map((byte) => byte.repeat(32) as JobId);
    const outcomes = await Promise.all(
      jobs.map((job) => client.fetch({ job, cids: [CID], providers: [], bytesMax: 10_000_000 })),
    );
    expect(outcomes).toEqual([{ ok: true }, { ok: true }]);
    expect(providers[0]!.offsets).toHaveLength(4);
    expect(store.blocks.pins(CID)).toEqual(jobs);
  });

  test('asks everybody and names them when nobody has it', async () => {
    const { fetch, peers } = worldOf({}, {}, {});
    expect(await fetch({ hinted: [2] })).toEqual({ ok: false, missing: [CID], asked: [peers[2], peers[0], peers[1]] });
  });

  test('reports a block as missing when the store is full, and what is no CID', async () => {
    const { fetch, store } = worldOf({ bytes: BLOCK });
    store.fail('quota');
    expect(await fetch()).toMatchObject({ ok: false, missing: [CID] });
    store.recover();
    expect(await fetch()).toEqual({ ok: true });
    expect(await fetch({ cids: ['nonsense' as Cid] })).toMatchObject({ ok: false, missing: ['nonsense'] });
  });

  test('asks a late provider after all others that are hinted, and the next one beside it', async () => {
    const { fetch, providers } = worldOf({ bytes: BLOCK }, { bytes: BLOCK }, { bytes: BLOCK });
    providers[0]!.isLate = true;
    await fetch({ hinted: [0, 1] });
    expect(providers.map(({ offsets }) => offsets.length)).toEqual([0, 4, 0]);
    const alone = worldOf({ bytes: BLOCK }, { bytes: BLOCK });
    alone.providers[0]!.isLate = true;
    alone.providers[0]!.request = () => new Promise(() => undefined);
    expect(await alone.fetch({ hinted: [0] })).toEqual({ ok: true });
    expect(alone.providers[1]!.offsets).toHaveLength(4);
  });

  test('takes from a late provider what comes before the next one has anything', async () => {
    const { fetch, providers, store } = worldOf({ bytes: BLOCK }, {});
    providers[0]!.isLate = true;
    expect(await fetch({ hinted: [0] })).toEqual({ ok: true });
    await expectBlock(store);
  });

  test('asks whom a later request hints at, while the one asked before is late', async () => {
    const { providers, peers } = worldOf({}, { bytes: BLOCK });
    const [late] = providers;
    late!.isLate = true;
    late!.request = () => new Promise(() => undefined);
    const visible = [peers[0]!];
    const hooks = { ...{ blocks: createMemoryStore().blocks, sha256, logger: silentLogger }, peers: () => visible };
    const hidden = new BlockClient({ ...hooks, channel: (peer) => providers[peers.indexOf(peer)] });
    const first = hidden.fetch({ job: JOB, cids: [CID], providers: [peers[0]!], bytesMax: 10_000_000 });
    await new Promise((resolve) => setTimeout(resolve, 0));
    const second = hidden.fetch({ job: JOB, cids: [CID], providers: [peers[1]!], bytesMax: 10_000_000 });
    expect(await Promise.all([first, second])).toEqual([{ ok: true }, { ok: true }]);
  });

  test('keeps to the order of the hints, until one has much to do for this peer', async () => {
    const { fetch, providers } = worldOf({ bytes: BLOCK }, { bytes: BLOCK });
    providers[0]!.load = BUSY_BYTES - 1;
    await fetch({ hinted: [0, 1] });
    expect(providers[1]!.offsets).toEqual([]);
    const busy = worldOf({ bytes: BLOCK }, { bytes: BLOCK });
    busy.providers[0]!.load = BUSY_BYTES;
    await busy.fetch({ hinted: [0, 1] });
    expect(busy.providers[0]!.offsets).toEqual([]);
  });
});
