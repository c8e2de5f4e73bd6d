/**
 * Blocks by CID, within a quota. A block that a job pins stays until the job is released; the others are evicted when
 * room is needed, least recently used first. If everything is pinned a put fails with code `quota`.
 *
 * The index is held in memory and written in the same transaction as each block, so the two cannot differ after a
 * crash. A block that does not hash to its CID when read is deleted and counts as missing.
 */
import { toHex } from '../../node/protocol/bytes.ts';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { digestOf } from '../../node/protocol/wire/block.ts';
import { type BlockStore, StorageError } from '../../node/runtime/environment.ts';
import type { Database, Transaction } from './database.ts';
import { sha256 } from './sha256.ts';

/** Index and the database's own structures, per block: with it the quota bounds the number of blocks, too. */
const OVERHEAD_BYTES = 256;
/** Reads remembered before their order is written: it only matters after a reload. */
const TOUCHED_MAX = 256;

interface Entry {
  readonly size: number;
  readonly jobs: Set<JobId>;
  usedAtMs: number;
}

interface Options {
  readonly database: Database;
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}

export class IndexedDbBlockStore implements BlockStore {
  readonly #database: Database;
  readonly #options: Options;
  /** In order of use, the least recent first. */
  readonly #index: Map<Cid, Entry>;
  readonly #touched = new Set<Cid>();
  #bytes = 0;
  /** Changes happen one after the other: accounting and database stay equal. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: Options, index: Map<Cid, Entry>) {
    this.#database = options.database;
    this.#options = options;
    this.#index = index;
    for (const { size } of index.values()) this.#bytes += size + OVERHEAD_BYTES;
  }

  static async load(options: Options): Promise<IndexedDbBlockStore> {
    const rows = await options.database.all('index');
    const entries = rows.map(({ key, value: { size, usedAtMs, jobs } }): [Cid, Entry] => [
      key,
      { size, usedAtMs, jobs: new Set(jobs) },
    ]);
    return new IndexedDbBlockStore(options, new Map(entries.sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs)));
  }

  /** Bytes in use, as the quota counts them. */
  get byteLength(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#index.size;
  }

  get byteLengthMax(): number {
    return this.#options.blockBytesMax;
  }

  async get(cid: Cid): Promise<Uint8Array | undefined> {
    if (!this.#index.has(cid)) return undefined;
    const bytes = await this.#database.get('blocks', cid);
    if (bytes !== undefined && toHex(await sha256(bytes)) === digestOf(cid)) {
      this.#touch(cid);
      return bytes;
    }
    await this.#change(() => this.#drop(cid));
    return undefined;
  }

  async has(cid: Cid): Promise<boolean> {
    return this.#index.has(cid);
  }

  put(cid: Cid, bytes: Uint8Array, job: JobId | undefined): Promise<void> {
    // Copied now: the caller may use its buffer again while earlier changes are still being written.
    const content = new Uint8Array(bytes);
    return this.#change(async () => {
      const known = this.#index.get(cid);
      if (known !== undefined) return this.#pin(cid, known, job);
      const evicted = this.#makeRoom(content.length + OVERHEAD_BYTES);
      const entry: Entry = {
        size: content.length,
        usedAtMs: this.#options.nowMs(),
        jobs: new Set(job === undefined ? [] : [job]),
      };
      await this.#write((transaction) => {
        for (const old of evicted) remove(transaction, old);
        transaction.objectStore('blocks').put(content, cid).catch(ignored);
        index(transaction, cid, entry);
      });
      for (const old of evicted) this.#forget(old);
      this.#index.set(cid, entry);
      this.#bytes += entry.size + OVERHEAD_BYTES;
    });
  }

  release(job: JobId): Promise<void> {
    return this.#change(async () => {
      const held = [...this.#index].filter(([, { jobs }]) => jobs.has(job));
      if (held.length === 0) return;
      const without = ({ jobs }: Entry): Set<JobId> => new Set([...jobs].filter((other) => other !== job));
      await this.#write((transaction) => {
        for (const [cid, entry] of held) index(transaction, cid, { ...entry, jobs: without(entry) });
      });
      for (const [, { jobs }] of held) jobs.delete(job);
    });
  }

  /** Writes the order of use. Called before the database closes. */
  flush(): Promise<void> {
    return this.#change(async () => {
      const rows = [...this.#touched].map((cid) => [cid, this.#index.get(cid)] as const);
      this.#touched.clear();
      if (rows.length === 0) return;
      await this.#write((transaction) => {
        for (const [cid, entry] of rows) if (entry !== undefined) index(transaction, cid, entry);
      });
    });
  }

  async #pin(cid: Cid, entry: Entry, job: JobId | undefined): Promise<void> {
    this.#touch(cid);
    if (job === undefined || entry.jobs.has(job)) return;
    await this.#write((transaction) => index(transaction, cid, { ...entry, jobs: new Set([...entry.jobs, job]) }));
    entry.jobs.add(job);
  }

  #touch(cid: Cid): void {
    const entry = this.#index.get(cid);
    if (entry === undefined) return;
    entry.usedAtMs = this.#options.nowMs();
    this.#index.delete(cid);
    this.#index.set(cid, entry);
    this.#touched.add(cid);
    if (this.#touched.size >= TOUCHED_MAX) this.flush().catch(ignored);
  }

  /** Chooses what to evict for `wanted` more bytes. Throws a StorageError when pinned blocks leave no room. */
  #makeRoom(wanted: number): readonly Cid[] {
    const chosen: Cid[] = [];
    let excess = this.#bytes + wanted - this.#options.blockBytesMax;
    for (const [cid, { size, jobs }] of this.#index) {
      if (excess <= 0) break;
      if (jobs.size > 0) continue;
      chosen.push(cid);
      excess -= size + OVERHEAD_BYTES;
    }
    if (excess <= 0) return chosen;
    const room = `${this.#options.blockBytesMax} bytes`;
    throw new StorageError('quota', `blocks of this tab are limited to ${room} and unfinished jobs hold the rest`);
  }

  async #drop(cid: Cid): Promise<void> {
    if (!this.#index.has(cid)) return;
    await this.#write((transaction) => remove(transaction, cid));
    this.#forget(cid);
  }

  #forget(cid: Cid): void {
    const entry = this.#index.get(cid);
    if (entry === undefined) return;
    this.#index.delete(cid);
    this.#touched.delete(cid);
    this.#bytes -= entry.size + OVERHEAD_BYTES;
  }

  /** A lost block is fetched again, so it need not wait for the disk. */
  #write(work: (transaction: Transaction) => void): Promise<void> {
    return this.#database.change(['blocks', 'index'], false, work);
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(ignored);
    return done;
  }
}

function index(transaction: Transaction, cid: Cid, { size, usedAtMs, jobs }: Entry): void {
  transaction
    .objectStore('index')
    .put({ size, usedAtMs, jobs: [...jobs] }, cid)
    .catch(ignored);
}

function remove(transaction: Transaction, cid: Cid): void {
  transaction.objectStore('blocks').delete(cid).catch(ignored);
  transaction.objectStore('index').delete(cid).catch(ignored);
}

/** A failed request fails its transaction, and that is what callers hear of. */
function ignored(): void {}
