import 'fake-indexeddb/auto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDB } from 'idb';
import { expect, it } from 'vitest';
import { Database } from '../../browser/peer/database.ts';
import { type IndexedDbStore, openIndexedDbStore } from '../../browser/peer/indexed-db-store.ts';
import { ResultFiles } from '../../node/daemon/jobs/results.ts';
import { openLevelStore } from '../../node/daemon/level-store.ts';
import { describeJobStore } from './job-store.ts';

describeJobStore('LevelDB and files', async ({ blockBytesMax }) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-job-store-'));
  await mkdir(join(folder, 'results'));
  const results = new ResultFiles(join(folder, 'results'));
  const open = () => openLevelStore({ path: join(folder, 'store'), blockBytesMax, nowMs: Date.now });
  let level = await open();
  return {
    store: { notes: level.notes, blocks: level.blocks, results },
    async reopen() {
      await level.close();
      level = await open();
      return { notes: level.notes, blocks: level.blocks, results };
    },
    async dispose() {
      await level.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

let names = 0;

describeJobStore('IndexedDB', async ({ blockBytesMax }) => {
  const name = `job-store/${++names}`;
  const open = async (): Promise<IndexedDbStore> => {
    const database = await Database.open({ name, lost: () => undefined });
    return openIndexedDbStore({ database, blockBytesMax, nowMs: Date.now });
  };
  let store = await open();
  return {
    store,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    dispose: () => store.close(),
  };
});

it('IndexedDB of an earlier version of the page keeps its key and gains what own jobs need', async () => {
  const name = `job-store/${++names}`;
  const seed = new Uint8Array(32).fill(7);
  const earlier = await openDB(name, 1, {
    upgrade(database) {
      for (const area of ['secrets', 'records', 'blocks', 'index']) database.createObjectStore(area);
    },
  });
  await earlier.put('secrets', seed, 'seed');
  earlier.close();
  const database = await Database.open({ name, lost: () => undefined });
  expect(await database.get('secrets', 'seed')).toEqual(seed);
  expect(await database.all('notes')).toEqual([]);
  expect(await database.all('results')).toEqual([]);
  database.close();
});
