/**
 * Records, blocks and job notes in one LevelDB.
 *
 * Records are what the state machine persisted. Each batch is atomic; `sync: true` is passed through to the disk.
 * LevelDB may be left with half a record at the end of its log when a write fails, which would make it drop later
 * ones on its next start; so after a failed write the database is closed and opened again before anything else is
 * written. LevelDB's own lock (released by the kernel when a process dies) is what keeps a second peer out.
 */
import { ClassicLevel } from 'classic-level';
import { StorageError, type Store } from '../runtime/environment.ts';
import { KeptBlocks } from '../runtime/kept-blocks.ts';
import type { NoteStore } from '../sdk/jobs/store.ts';
import { LevelBlocks } from './level-blocks.ts';
import { nativeSha256 } from './workers/sha256.ts';

export interface LevelStore extends Store {
  readonly blocks: KeptBlocks;
  /** Small documents of the daemon itself (what it knows about its own jobs), beside the protocol's records. */
  readonly notes: NoteStore;
}

export interface LevelStoreOptions {
  readonly path: string;
  /** Bytes of blocks kept, pinned ones included. */
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}

/** Raised by `open` only: another process has this database open. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError';
}

export type Operation = { readonly area: Area; readonly key: string; readonly value: Uint8Array | undefined };
export type Area = 'records' | 'notes' | 'blocks' | 'block-index' | 'pins';

export async function openLevelStore(options: LevelStoreOptions): Promise<LevelStore> {
  const database = await Database.open(options.path);
  const blocks = await KeptBlocks.load({ ...options, medium: new LevelBlocks(database), sha256: nativeSha256 });
  return new RecordsInLevel(database, blocks);
}

class RecordsInLevel implements LevelStore {
  readonly blocks: KeptBlocks;
  readonly notes: NoteStore;
  readonly #database: Database;
  #closing: Promise<void> | undefined;

  constructor(database: Database, blocks: KeptBlocks) {
    this.#database = database;
    this.blocks = blocks;
    this.notes = {
      all: async () => (await database.list('notes')).map(({ key, value }) => ({ key, value: fromJson(value) })),
      put: (key, value) => database.write([{ area: 'notes', key, value: Buffer.from(JSON.stringify(value)) }], true),
      delete: (key) => database.write([{ area: 'notes', key, value: undefined }], true),
    };
  }

  load(): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return this.#database.list('records');
  }

  async write(
    writes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[],
    sync: boolean,
  ): Promise<void> {
    if (writes.length === 0) return;
    await this.#database.write(
      writes.map(({ key, value }) => ({ area: 'records', key, value })),
      sync,
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.blocks
      .flush()
      .catch(() => undefined)
      .then(() => this.#database.close());
    return this.#closing;
  }
}

function fromJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
}

/** LevelDB with areas (sublevels), errors translated once, and recovery after a failed write. */
export class Database {
  readonly #path: string;
  #level: ClassicLevel<string, Uint8Array>;
  /** Set after a failed write, until the database has been opened afresh. */
  #broken = false;
  #reopening: Promise<void> | undefined;

  private constructor(path: string, level: ClassicLevel<string, Uint8Array>) {
    this.#path = path;
    this.#level = level;
  }

  static async open(path: string): Promise<Database> {
    return new Database(path, await openLevel(path));
  }

  async get(area: Area, key: string): Promise<Uint8Array | undefined> {
    return this.#guarded(async () => {
      const value = await this.#level.get(nameIn(area, key));
      return value === undefined ? undefined : plain(value);
    });
  }

  /** Every entry of an area, keys ascending. */
  async list(area: Area): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return this.#guarded(async () => {
      const head = nameIn(area, '');
      const found: { key: string; value: Uint8Array }[] = [];
      for await (const [key, value] of this.#level.iterator({ gte: head, lt: nameAfter(area) })) {
        found.push({ key: key.slice(head.length), value: plain(value) });
      }
      return found;
    });
  }

  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    return this.#guarded(async () => {
      try {
        await this.#level.batch(
          operations.map(({ area, key, value }) =>
            value === undefined
              ? { type: 'del' as const, key: nameIn(area, key) }
              : { type: 'put' as const, key: nameIn(area, key), value },
          ),
          { sync },
        );
      } catch (error) {
        this.#broken = true;
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#reopening?.catch(() => undefined);
    await this.#level.close();
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      if (this.#broken) this.#reopening ??= this.#reopen();
      await this.#reopening;
      return await work();
    } catch (error) {
      throw storageError(error);
    }
  }

  async #reopen(): Promise<void> {
    try {
      await this.#level.close();
      this.#level = await openLevel(this.#path);
      this.#broken = false;
    } finally {
      this.#reopening = undefined;
    }
  }
}

/** An area is a prefix, so that one batch can write to several of them. `0` is the character after `/`. */
function nameIn(area: Area, key: string): string {
  return `${area}/${key}`;
}

function nameAfter(area: Area): string {
  return `${area}0`;
}

/** LevelDB hands out Buffers, which the protocol's libraries do not expect to meet. */
function plain(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

async function openLevel(path: string): Promise<ClassicLevel<string, Uint8Array>> {
  const level = new ClassicLevel<string, Uint8Array>(path, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await level.open();
  } catch (error) {
    if (causes(error).some((cause) => (cause as { code?: unknown }).code === 'LEVEL_LOCKED')) {
      throw new StoreLockedError(`${path} is open in another process`);
    }
    throw storageError(error);
  }
  return level;
}

/** LevelDB tells what went wrong in words only. Exported for its test. */
export function storageError(error: unknown): Error {
  if (error instanceof StorageError || error instanceof StoreLockedError) return error;
  const words = causes(error)
    .map((cause) => (cause instanceof Error ? cause.message : String(cause)))
    .join(': ');
  if (/no space left|ENOSPC|disk quota exceeded/i.test(words)) {
    return new StorageError('disk-full', `the disk is full (${words})`);
  }
  return new StorageError('failed', `storage failed: ${words}`);
}

function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let at: unknown = error; at !== undefined && chain.length < 8; at = (at as { cause?: unknown }).cause) {
    chain.push(at);
    if (!(at instanceof Error)) break;
  }
  return chain;
}
