/** What LevelDB adds to the contract: rotten blocks, order of use across restarts, the lock, full disks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LevelStore, openLevelStore, storageError } from '../../node/daemon/level-store.ts';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';

let path: string;
let open: LevelStore[];
let now: number;

async function openStore(blockBytesMax = 1024 * 1024): Promise<LevelStore> {
  const store = await openLevelStore({ path, blockBytesMax, nowMs: () => now++ });
  open.push(store);
  return store;
}

async function put(store: LevelStore, number: number, job?: string): Promise<Cid> {
  const content = new Uint8Array(1024).fill(number);
  const cid = cidOf(content, 'raw');
  await store.blocks.put(cid, content, job as JobId | undefined);
  return cid;
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'shoal-level-'));
  open = [];
  now = 1;
});
afterEach(async () => {
  for (const store of open) await store.close();
  await rm(path, { recursive: true, force: true });
});

describe('blocks in LevelDB', () => {
  it('deletes a block that no longer hashes to its CID and treats it as missing', async () => {
    const store = await openStore();
    const cid = await put(store, 1, 'job');
    const before = store.blocks.byteLength;
    await store.close();
    const level = new ClassicLevel<string, Uint8Array>(path, { valueEncoding: 'view' });
    await level.put(`blocks/${cid}`, new Uint8Array(1024).fill(2));
    await level.close();

    const again = await openStore();
    expect(again.blocks.byteLength).toBe(before);
    expect(await again.blocks.get(cid)).toBeUndefined();
    expect(await again.blocks.has(cid)).toBe(false);
    expect(again.blocks.byteLength).toBe(0);
    await put(again, 1);
    expect(await again.blocks.get(cid)).toHaveLength(1024);
  });

  it('evicts the least recently used first, also after a restart', async () => {
    const store = await openStore();
    const cids: Cid[] = [];
    for (let number = 0; number < 4; number++) cids.push(await put(store, number));
    await store.blocks.get(cids[0]!);
    await store.close();

    const room = 4 * (1024 + 256);
    const again = await openStore(room);
    await put(again, 9);
    expect(await Promise.all(cids.map((cid) => again.blocks.has(cid)))).toEqual([true, false, true, true]);
  });

  it('remembers pins across a restart', async () => {
    const store = await openStore();
    const cid = await put(store, 1, 'job');
    await store.close();
    const again = await openStore(2 * (1024 + 256));
    for (let number = 2; number < 8; number++) await put(again, number);
    expect(await again.blocks.has(cid)).toBe(true);
    expect([...again.blocks.holders()]).toEqual(['job']);
  });

  it('pins blocks it keeps and leaves out those it does not', async () => {
    const store = await openStore();
    const cid = await put(store, 1);
    const missing = cidOf(new Uint8Array(3), 'raw');
    await store.blocks.pin([cid, missing], 'job' as JobId);
    expect([...store.blocks.holders()]).toEqual(['job']);
    expect(await store.blocks.has(missing)).toBe(false);
  });
});

describe('the database', () => {
  it('keeps notes apart from records', async () => {
    const store = await openStore();
    await store.notes.put('job/1', { a: [1, 'x'] });
    await store.write([{ key: 'job/1', value: new Uint8Array([7]) }], false);
    expect(await store.notes.all()).toEqual([{ key: 'job/1', value: { a: [1, 'x'] } }]);
    await store.notes.delete('job/1');
    expect(await store.notes.all()).toEqual([]);
    expect(await store.load()).toHaveLength(1);
  });

  it('lets only one open it', async () => {
    await openStore();
    await expect(openStore()).rejects.toMatchObject({ name: 'StoreLockedError' });
  });

  it('tells a full disk from other failures', () => {
    const io = new Error('IO error: /x/000003.log: No space left on device');
    expect(storageError(new Error('batch failed', { cause: io }))).toMatchObject({ code: 'disk-full' });
    expect(storageError(new Error('Corruption: bad block'))).toMatchObject({ code: 'failed' });
  });
});
