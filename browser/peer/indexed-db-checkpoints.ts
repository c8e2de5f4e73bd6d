/**
 * Checkpoints of a tab, in a database of their own. Two sides have it open: kernel workers, which write what they save
 * themselves, since a page that is being closed hears nothing any more; and the page, which reads what there is when a
 * unit begins. Everything that is decided is decided inside one transaction, so the two need not know of each other.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { JobId } from '../../node/protocol/ids.ts';
import {
  type CheckpointKey,
  type CheckpointStore,
  checkpointOfName,
  type KeptCheckpoint,
  nameOfCheckpoint,
  toLetGo,
} from '../../node/runtime/checkpoint-store.ts';
import { StorageError } from '../../node/runtime/environment.ts';
import { storageError } from './database.ts';

/** Of the layout below. */
const SCHEMA_VERSION = 1;
/** A browser gives a site less room than a disk has, and evicts the whole site when it takes too much. */
export const CHECKPOINTS_BYTES_MAX = 128 * 1024 * 1024;

interface Schema extends DBSchema {
  bytes: { key: string; value: Uint8Array };
  index: { key: string; value: { readonly byteLength: number; readonly savedAtMs: number } };
}

export interface IndexedDbCheckpointsOptions {
  readonly name: string;
  readonly bytesMax: number;
  readonly nowMs: () => number;
}

/** Of the database that belongs to a slot. */
export function checkpointDatabase(slotName: string): string {
  return `${slotName}/checkpoints`;
}

export class IndexedDbCheckpoints implements CheckpointStore {
  readonly #options: IndexedDbCheckpointsOptions;
  #opening: Promise<IDBPDatabase<Schema>> | undefined;

  /** Opens the database when it is first needed. */
  constructor(options: IndexedDbCheckpointsOptions) {
    this.#options = options;
  }

  put(key: CheckpointKey, bytes: Uint8Array): Promise<void> {
    const { bytesMax, nowMs } = this.#options;
    const name = nameOfCheckpoint(key);
    const byteLength = bytes.length;
    return this.#with(async (database) => {
      if (byteLength > bytesMax) {
        throw new StorageError('quota', `a checkpoint of ${byteLength} bytes, at most ${bytesMax} are kept`);
      }
      const transaction = database.transaction(['bytes', 'index'], 'readwrite', { durability: 'relaxed' });
      const [kept, index] = [transaction.objectStore('bytes'), transaction.objectStore('index')];
      for (const going of toLetGo(await rowsOf(index), name, byteLength, bytesMax)) {
        kept.delete(going).catch(ignored);
        index.delete(going).catch(ignored);
      }
      // A copy: of a view, structured cloning would keep the whole buffer behind it.
      kept.put(bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes), name).catch(ignored);
      index.put({ byteLength, savedAtMs: nowMs() }, name).catch(ignored);
      // A worker whose page is closing has no time to lose.
      transaction.commit();
      await transaction.done;
    });
  }

  get(key: CheckpointKey): Promise<Uint8Array | undefined> {
    return this.#with((database) => database.get('bytes', nameOfCheckpoint(key)));
  }

  drop(key: CheckpointKey): Promise<void> {
    return this.#with((database) => remove(database, [nameOfCheckpoint(key)]));
  }

  async dropJob(job: JobId): Promise<void> {
    const names = (await this.keys()).filter((key) => key.job === job).map(nameOfCheckpoint);
    if (names.length > 0) await this.#with((database) => remove(database, names));
  }

  keys(): Promise<readonly CheckpointKey[]> {
    return this.#with(async (database) => {
      const rows = await rowsOf(database.transaction('index', 'readonly').objectStore('index'));
      return rows.flatMap(({ name }) => checkpointOfName(name) ?? []);
    });
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    (await opening?.catch(() => undefined))?.close();
  }

  async #with<T>(work: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    try {
      this.#opening ??= this.#open();
      return await work(await this.#opening);
    } catch (error) {
      throw storageError(error);
    }
  }

  async #open(): Promise<IDBPDatabase<Schema>> {
    const forget = (): void => {
      this.#opening = undefined;
    };
    try {
      return await openDB<Schema>(this.#options.name, SCHEMA_VERSION, {
        upgrade(database) {
          database.createObjectStore('bytes');
          database.createObjectStore('index');
        },
        blocking(_from, _to, event) {
          forget();
          (event.target as IDBDatabase).close();
        },
        terminated: forget,
      });
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** Oldest first. */
async function rowsOf(index: {
  getAllKeys(): Promise<string[]>;
  getAll(): Promise<Schema['index']['value'][]>;
}): Promise<readonly KeptCheckpoint[]> {
  const [names, values] = await Promise.all([index.getAllKeys(), index.getAll()]);
  return names
    .map((name, i) => ({ name, ...values[i]! }))
    .sort((a, b) => a.savedAtMs - b.savedAtMs)
    .map(({ name, byteLength }) => ({ name, byteLength }));
}

async function remove(database: IDBPDatabase<Schema>, names: readonly string[]): Promise<void> {
  const transaction = database.transaction(['bytes', 'index'], 'readwrite', { durability: 'relaxed' });
  for (const name of names) {
    transaction.objectStore('bytes').delete(name).catch(ignored);
    transaction.objectStore('index').delete(name).catch(ignored);
  }
  await transaction.done;
}

/** A failed request fails its transaction, and that is what callers hear of. */
function ignored(): void {}
