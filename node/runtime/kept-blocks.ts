/**
 * Blocks by CID, within a quota, on any medium. A block that a job pins stays until the job is released; the others
 * are evicted when room is needed, least recently used first. If everything is pinned a put fails with code `quota`:
 * the peer then takes no more work instead of throwing away what others wait for.
 *
 * The index (size, pins, order of use) is held in memory and written in the same atomic change as each block, so the
 * two cannot differ after a crash. A block that does not hash to its CID when read is deleted and counts as missing: it
 * can be fetched again, and nobody ever computes on rotten bytes.
 */
import { toHex } from '../protocol/bytes.ts';
import type { Cid, JobId, Millis } from '../protocol/ids.ts';
import { digestOf } from '../protocol/wire/block.ts';
import { type BlockStore, StorageError } from './environment.ts';

/** One line of the index. */
export interface BlockRow {
  /** Bytes. */
  readonly size: number;
  readonly usedAtMs: Millis;
  /** Those that pin it. */
  readonly jobs: ReadonlySet<JobId>;
}

/** What becomes of one block: its line before and after, each undefined where there is none. */
export interface BlockChange {
  readonly cid: Cid;
  readonly before: BlockRow | undefined;
  readonly after: BlockRow | undefined;
  /** Of a new block; the medium may keep the buffer. */
  readonly bytes?: Uint8Array;
}

/** Where blocks are kept: LevelDB, IndexedDB. Rejects with a StorageError. */
export interface BlockMedium {
  rows(): Promise<readonly (readonly [Cid, BlockRow])[]>;
  read(cid: Cid): Promise<Uint8Array | undefined>;
  /** One atomic batch. A lost block is fetched again, so it need not wait for the disk. */
  write(changes: readonly BlockChange[]): Promise<void>;
}

export interface KeptBlocksOptions {
  readonly medium: BlockMedium;
  readonly sha256: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Bytes of blocks kept, pinned ones included. */
  readonly blockBytesMax: number;
  readonly nowMs: () => Millis;
}

/** Index, keys and the medium's own structures, per block: with it the quota bounds the number of blocks, too. */
export const BLOCK_OVERHEAD_BYTES = 256;
/** Reads remembered before their order is written: it only matters after a restart. */
const TOUCHED_MAX = 512;

export class KeptBlocks implements BlockStore {
  readonly #options: KeptBlocksOptions;
  /** In order of use, the least recent first. */
  readonly #index: Map<Cid, BlockRow>;
  /** As `#index`, but as it was written last, for those read since then. */
  readonly #touched = new Map<Cid, BlockRow>();
  #bytes = 0;
  /** Changes happen one after the other: accounting and medium stay equal. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: KeptBlocksOptions, rows: readonly (readonly [Cid, BlockRow])[]) {
    this.#options = options;
    this.#index = new Map(rows.toSorted(([, a], [, b]) => a.usedAtMs - b.usedAtMs));
    for (const { size } of this.#index.values()) this.#bytes += size + BLOCK_OVERHEAD_BYTES;
  }

  static async load(options: KeptBlocksOptions): Promise<KeptBlocks> {
    return new KeptBlocks(options, await options.medium.rows());
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
    const bytes = await this.#options.medium.read(cid);
    if (bytes !== undefined && toHex(await this.#options.sha256(bytes)) === digestOf(cid)) {
      this.#touch(cid);
      return bytes;
    }
    await this.#change(async () => {
      const before = this.#index.get(cid);
      if (before !== undefined) await this.#apply([{ cid, before, after: undefined }]);
    });
    return undefined;
  }

  async has(cid: Cid): Promise<boolean> {
    return this.#index.has(cid);
  }

  put(cid: Cid, bytes: Uint8Array, job: JobId | undefined): Promise<void> {
    // Copied now: the caller may use its buffer again while earlier changes are still being written.
    const content = new Uint8Array(bytes);
    return this.#change(async () => {
      if (this.#index.has(cid)) return this.#pin([cid], job);
      const evicted = this.#evictionsFor(content.length + BLOCK_OVERHEAD_BYTES);
      const jobs = new Set(job === undefined ? [] : [job]);
      const after = { size: content.length, usedAtMs: this.#options.nowMs(), jobs };
      await this.#apply([...evicted, { cid, before: undefined, after, bytes: content }]);
    });
  }

  /** Pins blocks that are kept already; those that are not are left out. */
  pin(cids: readonly Cid[], job: JobId): Promise<void> {
    return this.#change(() => this.#pin(cids, job));
  }

  release(job: JobId): Promise<void> {
    return this.#change(async () => {
      const changes: BlockChange[] = [];
      for (const [cid, before] of this.#index) {
        if (!before.jobs.has(job)) continue;
        changes.push({ cid, before, after: { ...before, jobs: new Set([...before.jobs].filter((id) => id !== job)) } });
      }
      await this.#apply(changes);
    });
  }

  /** Every pin holder: what a restart compares with the jobs it still knows. */
  holders(): ReadonlySet<JobId> {
    return new Set([...this.#index.values()].flatMap(({ jobs }) => [...jobs]));
  }

  /** Writes the order of use. Called before the medium closes. */
  flush(): Promise<void> {
    return this.#change(async () => {
      const changes = [...this.#touched].map(([cid, before]) => ({ cid, before, after: this.#index.get(cid) }));
      this.#touched.clear();
      if (changes.length > 0) await this.#options.medium.write(changes);
    });
  }

  async #pin(cids: readonly Cid[], job: JobId | undefined): Promise<void> {
    const changes: BlockChange[] = [];
    for (const cid of new Set(cids)) {
      this.#touch(cid);
      const before = this.#index.get(cid);
      if (before === undefined || job === undefined || before.jobs.has(job)) continue;
      changes.push({ cid, before, after: { ...before, jobs: new Set([...before.jobs, job]) } });
    }
    await this.#apply(changes);
  }

  #touch(cid: Cid): void {
    const row = this.#index.get(cid);
    if (row === undefined) return;
    if (!this.#touched.has(cid)) this.#touched.set(cid, row);
    this.#index.delete(cid);
    this.#index.set(cid, { ...row, usedAtMs: this.#options.nowMs() });
    if (this.#touched.size >= TOUCHED_MAX) this.flush().catch(() => undefined);
  }

  /** Chooses what to evict for `wanted` more bytes. Throws a StorageError when pinned blocks leave no room. */
  #evictionsFor(wanted: number): readonly BlockChange[] {
    const { blockBytesMax } = this.#options;
    const chosen: BlockChange[] = [];
    let excess = this.#bytes + wanted - blockBytesMax;
    for (const [cid, before] of this.#index) {
      if (excess <= 0) break;
      if (before.jobs.size > 0) continue;
      chosen.push({ cid, before, after: undefined });
      excess -= before.size + BLOCK_OVERHEAD_BYTES;
    }
    if (excess <= 0) return chosen;
    throw new StorageError('quota', `blocks are limited to ${blockBytesMax} bytes and unfinished jobs hold the rest`);
  }

  /** Written first, then true here as well: a change that fails has not happened. */
  async #apply(changes: readonly BlockChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#options.medium.write(changes);
    for (const { cid, before, after } of changes) {
      if (before !== undefined) this.#bytes -= before.size + BLOCK_OVERHEAD_BYTES;
      if (after === undefined) {
        this.#index.delete(cid);
        this.#touched.delete(cid);
      } else {
        this.#bytes += after.size + BLOCK_OVERHEAD_BYTES;
        // It may have been read while this was written: its place in the order is the later one.
        const { usedAtMs } = this.#index.get(cid) ?? after;
        this.#index.set(cid, { ...after, usedAtMs: Math.max(usedAtMs, after.usedAtMs) });
      }
    }
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
