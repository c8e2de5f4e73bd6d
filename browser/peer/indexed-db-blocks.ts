/** IndexedDB as a medium for blocks: one store for their bytes, one for the index, changed in one transaction. */
import type { Cid } from '../../node/protocol/ids.ts';
import type { BlockChange, BlockMedium, BlockRow } from '../../node/runtime/kept-blocks.ts';
import type { Database } from './database.ts';

export class IndexedDbBlocks implements BlockMedium {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async rows(): Promise<readonly (readonly [Cid, BlockRow])[]> {
    const rows = await this.#database.all('index');
    return rows.map(({ key, value: { size, usedAtMs, jobs } }) => [key, { size, usedAtMs, jobs: new Set(jobs) }]);
  }

  read(cid: Cid): Promise<Uint8Array | undefined> {
    return this.#database.get('blocks', cid);
  }

  write(changes: readonly BlockChange[]): Promise<void> {
    return this.#database.change(['blocks', 'index'], false, (transaction) => {
      const blocks = transaction.objectStore('blocks');
      const index = transaction.objectStore('index');
      for (const { cid, after, bytes } of changes) {
        if (after === undefined) {
          blocks.delete(cid).catch(ignored);
          index.delete(cid).catch(ignored);
          continue;
        }
        if (bytes !== undefined) blocks.put(bytes, cid).catch(ignored);
        index.put({ size: after.size, usedAtMs: after.usedAtMs, jobs: [...after.jobs] }, cid).catch(ignored);
      }
    });
  }
}

/** A failed request fails its transaction, and that is what callers hear of. */
function ignored(): void {}
