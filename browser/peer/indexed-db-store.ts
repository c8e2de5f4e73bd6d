/**
 * The `Store` of a tab. Records go in atomic batches; one that must survive a power cut asks IndexedDB for strict
 * durability, so that nothing is published that a crash could make this tab contradict later.
 */
import type { Store } from '../../node/runtime/environment.ts';
import type { Database } from './database.ts';
import { IndexedDbBlockStore } from './indexed-db-blocks.ts';

export interface IndexedDbStore extends Store {
  readonly blocks: IndexedDbBlockStore;
}

export interface IndexedDbStoreOptions {
  readonly database: Database;
  /** Bytes of blocks kept, pinned ones included. */
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}

/** Takes the database over: closing the store closes it. */
export async function openIndexedDbStore(options: IndexedDbStoreOptions): Promise<IndexedDbStore> {
  const { database } = options;
  const blocks = await IndexedDbBlockStore.load(options);
  return {
    blocks,
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

/** A failed request fails its transaction, and that is what callers hear of. */
function ignored(): void {}
