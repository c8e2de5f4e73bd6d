/**
 * The database of one slot: the seed of its key, the protocol's records, blocks with an index of their own, and what
 * its owner's jobs need. Every error of IndexedDB becomes a StorageError here, once.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { StorageError } from '../../node/runtime/environment.ts';
import { TabPeerError } from './error.ts';

/** Of the layout below. A database with a higher one is left alone. */
const SCHEMA_VERSION = 2;
/** What each version has added. */
const ADDED: readonly (readonly Area[])[] = [
  ['secrets', 'records', 'blocks', 'index'],
  ['notes', 'results'],
];

export interface Schema extends DBSchema {
  secrets: { key: 'seed'; value: Uint8Array };
  records: { key: string; value: Uint8Array };
  blocks: { key: Cid; value: Uint8Array };
  /** `size` in bytes; `jobs` are those that pin the block. */
  index: {
    key: Cid;
    value: { readonly size: number; readonly usedAtMs: number; readonly jobs: readonly JobId[] };
  };
  /** Documents about own jobs. */
  notes: { key: string; value: unknown };
  results: { key: JobId; value: Uint8Array };
}

export type Area = StoreNames<Schema>;
export type Transaction = IDBPTransaction<Schema, Area[], 'readwrite'>;

export interface DatabaseOptions {
  readonly name: string;
  /** Called once if the browser takes the database away: its owner cleared the site's data, or a newer page needs it. */
  readonly lost: () => void;
}

export class Database {
  readonly #handle: IDBPDatabase<Schema>;

  private constructor(handle: IDBPDatabase<Schema>) {
    this.#handle = handle;
  }

  /** Rejects with a TabPeerError `storage-refused` or `storage-newer`. */
  static async open({ name, lost }: DatabaseOptions): Promise<Database> {
    try {
      const handle = await openDB<Schema>(name, SCHEMA_VERSION, {
        upgrade(database, from) {
          for (const area of ADDED.slice(from).flat()) database.createObjectStore(area);
        },
        blocking: (_from, _to, event) => {
          (event.target as IDBDatabase).close();
          lost();
        },
        terminated: lost,
      });
      return new Database(handle);
    } catch (error) {
      if ((error as { name?: unknown }).name === 'VersionError') {
        throw new TabPeerError(
          'storage-newer',
          'this browser has been here with a newer version of this page, and nothing it kept was changed: reload the page',
          { cause: error },
        );
      }
      throw new TabPeerError(
        'storage-refused',
        `this browser lets the page keep nothing (${String(error)}): a private window or a site setting may forbid it`,
        { cause: error },
      );
    }
  }

  /** All entries of an area, keys ascending. */
  all<A extends Area>(
    area: A,
  ): Promise<readonly { readonly key: Schema[A]['key']; readonly value: Schema[A]['value'] }[]> {
    return guarded(async () => {
      const transaction = this.#handle.transaction(area, 'readonly');
      const [keys, values] = await Promise.all([transaction.store.getAllKeys(), transaction.store.getAll()]);
      return keys.map((key, i) => ({ key, value: values[i]! }));
    });
  }

  get<A extends Area>(area: A, key: Schema[A]['key']): Promise<Schema[A]['value'] | undefined> {
    return guarded(() => this.#handle.get(area, key));
  }

  /**
   * One atomic batch. `strict` resolves when it is on disk and not only handed to the operating system. `work` must
   * make its requests at once: a transaction that waits for anything else ends.
   */
  change(areas: Area[], strict: boolean, work: (transaction: Transaction) => void): Promise<void> {
    return guarded(async () => {
      const durability = strict ? 'strict' : 'relaxed';
      const transaction = this.#handle.transaction(areas, 'readwrite', { durability });
      // Each request's own failure ends the transaction, which is what is waited for.
      work(transaction);
      await transaction.done;
    });
  }

  close(): void {
    this.#handle.close();
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error);
  }
}

/** Exported for its test. */
export function storageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message } = error as { readonly name?: unknown; readonly message?: unknown };
  if (name === 'QuotaExceededError') {
    return new StorageError('quota', 'the browser gives this site no more room: free some disk space');
  }
  return new StorageError('failed', `the browser's storage failed: ${String(name)}: ${String(message)}`);
}
