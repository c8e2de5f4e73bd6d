/** IndexedDB as the store of a tab: the contract of every store, and what a tab adds to it. */
import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { describe, expect, it } from 'vitest';
import { Database, storageError } from '../../browser/peer/database.ts';
import { type IndexedDbStore, openIndexedDbStore } from '../../browser/peer/indexed-db-store.ts';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import { describeStore } from '../contract/store.ts';

let names = 0;
const freshName = (): string => `store-test/${++names}`;
const nothing = (): void => undefined;

async function openStore(name: string, blockBytesMax = 1024 * 1024): Promise<IndexedDbStore> {
  let now = 1;
  const database = await Database.open({ name, lost: nothing });
  return openIndexedDbStore({ database, blockBytesMax, nowMs: () => now++ });
}

async function put(store: IndexedDbStore, number: number, job?: string): Promise<Cid> {
  const content = new Uint8Array(1024).fill(number);
  const cid = cidOf(content, 'raw');
  await store.blocks.put(cid, content, job as JobId | undefined);
  return cid;
}

describeStore('IndexedDB', async ({ blockBytesMax }) => {
  const name = freshName();
  let store = await openStore(name, blockBytesMax);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openStore(name, blockBytesMax);
      return store;
    },
    dispose: () => store.close(),
  };
});

describe('blocks in IndexedDB', () => {
  it('deletes a block that no longer hashes to its CID and treats it as missing', async () => {
    const name = freshName();
    const store = await openStore(name);
    const cid = await put(store, 1, 'job');
    const raw = await openDB(name);
    await raw.put('blocks', new Uint8Array(1024).fill(2), cid);
    raw.close();
    expect(await store.blocks.get(cid)).toBeUndefined();
    expect(await store.blocks.has(cid)).toBe(false);
    expect(store.blocks.byteLength).toBe(0);
    await put(store, 1);
    expect(await store.blocks.get(cid)).toHaveLength(1024);
    await store.close();
  });

  it('evicts the least recently used first, and remembers pins, also after a reload', async () => {
    const name = freshName();
    const store = await openStore(name);
    const cids: Cid[] = [];
    for (let number = 0; number < 4; number++) cids.push(await put(store, number, number === 1 ? 'job' : undefined));
    await store.blocks.get(cids[0]!);
    await store.close();
    const again = await openStore(name, 4 * (1024 + 256));
    await put(again, 9);
    expect(await Promise.all(cids.map((cid) => again.blocks.has(cid)))).toEqual([true, true, false, true]);
    await again.close();
  });

  it('keeps of a view only what the view shows', async () => {
    const name = freshName();
    const store = await openStore(name);
    const large = new Uint8Array(64 * 1024);
    await store.write([{ key: 'k', value: large.subarray(10, 20) }], true);
    expect((await store.load())[0]?.value.buffer.byteLength).toBe(10);
    await store.close();
  });
});

describe('the database', () => {
  it('refuses one that a newer version has written', async () => {
    const name = freshName();
    const newer = await openDB(name, 99, { upgrade: (database) => void database.createObjectStore('future') });
    newer.close();
    await expect(Database.open({ name, lost: nothing })).rejects.toMatchObject({ code: 'storage-newer' });
  });

  it('gives way to a newer page and tells its owner', async () => {
    const name = freshName();
    let told = 0;
    await Database.open({ name, lost: () => void told++ });
    (await openDB(name, 99)).close();
    expect(told).toBe(1);
  });

  it('asks for strict durability exactly where a write must survive a power cut', async () => {
    const asked: unknown[] = [];
    const transaction = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function spy(this: IDBDatabase, areas, mode, options) {
      if (mode === 'readwrite') asked.push(options?.durability);
      return transaction.call(this, areas, mode, options);
    };
    try {
      const store = await openStore(freshName());
      await store.write([{ key: 'a', value: new Uint8Array(1) }], true);
      await store.write([{ key: 'a', value: undefined }], false);
      await put(store, 1);
      await store.close();
    } finally {
      IDBDatabase.prototype.transaction = transaction;
    }
    expect(asked).toEqual(['strict', 'relaxed', 'relaxed']);
  });

  it('tells a full disk from other failures', () => {
    const full = new DOMException('no', 'QuotaExceededError');
    expect(storageError(full)).toMatchObject({ name: 'StorageError', code: 'quota' });
    expect(storageError(new DOMException('closing', 'InvalidStateError'))).toMatchObject({ code: 'failed' });
  });

  it('rejects writes once it is closed', async () => {
    const store = await openStore(freshName());
    await store.close();
    await expect(store.write([{ key: 'a', value: new Uint8Array(1) }], true)).rejects.toMatchObject({ code: 'failed' });
    await expect(put(store, 1)).rejects.toMatchObject({ code: 'failed' });
  });
});
