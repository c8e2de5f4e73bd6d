/**
 * The `Store` of a tab, and what its owner's jobs need beside it. Records go in atomic batches; one that must survive a
 * power cut asks IndexedDB for strict durability, so that nothing is published that a crash could make this tab
 * contradict later.
 */
import type { Store } from '../../node/runtime/environment.ts';
import { KeptBlocks } from '../../node/runtime/kept-blocks.ts';
import type { JobStore } from '../../node/sdk/jobs/store.ts';
import type { Database } from './database.ts';
import { IndexedDbBlocks } from './indexed-db-blocks.ts';
import { sha256 } from './sha256.ts';

export interface IndexedDbStore extends Store, JobStore {
  readonly blocks: KeptBlocks;
}

export interface IndexedDbStoreOptions {
  readonly database: Database;
  /** Bytes of blocks kept, pinned ones included. */
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}

/** Takes the database over: closing the store closes it. */
export async function openIndexedDbStore({
  database,
  blockBytesMax,
  nowMs,
}: IndexedDbStoreOptions): Promise<IndexedDbStore> {
  const medium = new IndexedDbBlocks(database);
  const blocks = await KeptBlocks.load({ medium, sha256, blockBytesMax, nowMs });
  return {
    blocks,
    ...jobDocuments(database),
    load: () => database.all('records'),
    async write(writes, sync) {
      if (writes.length === 0) return;
      await database.change(['records'], sync, (transaction) => {
        const records = transaction.objectStore('records');
        for (const { key, value } of writes) {
          // A copy: of a view, structured cloning would keep the whole buffer behind it.
          if (value === undefined) records.delete(key).catch(ignored);
          else records.put(new Uint8Array(value), key).catch(ignored);
        }
      });
    },
    async close() {
      await blocks.flush().catch(ignored);
      database.close();
    },
  };
}

/** Notes and results of own jobs. A lost result can be joined again only as long as the network keeps its outputs. */
function jobDocuments(database: Database): Pick<JobStore, 'notes' | 'results'> {
  return {
    notes: {
      all: () => database.all('notes'),
      put: (key, value) =>
        database.change(['notes'], true, (transaction) => {
          transaction.objectStore('notes').put(value, key).catch(ignored);
        }),
      delete: (key) =>
        database.change(['notes'], true, (transaction) => {
          transaction.objectStore('notes').delete(key).catch(ignored);
        }),
    },
    results: {
      put: (job, bytes) =>
        database.change(['results'], true, (transaction) => {
          transaction.objectStore('results').put(new Uint8Array(bytes), job).catch(ignored);
        }),
      get: (job) => database.get('results', job),
      delete: (job) =>
        database.change(['results'], true, (transaction) => {
          transaction.objectStore('results').delete(job).catch(ignored);
        }),
    },
  };
}

/** A failed request fails its transaction, and that is what callers hear of. */
function ignored(): void {}
