/**
 * Blocks by CID, within a quota. A block that a job pins stays until the job is released; the others are evicted
 * when room is needed, least recently used first. If everything is pinned a put fails with code `quota`: the peer
 * then takes no more work instead of throwing away what others wait for.
 *
 * The index (size, pins, order of use) is held in memory and mirrored on disk in the same batch as each block, so the
 * two cannot differ after a crash. A block that does not hash to its CID when read is deleted and counts as missing:
 * it can be fetched again, and nobody ever computes on rotten bytes.
 */
import { createHash } from 'node:crypto';
import type { Cid, Digest, JobId } from '../protocol/ids.ts';
import { digestOf } from '../protocol/wire/block.ts';
import { type BlockStore, StorageError } from '../runtime/environment.ts';
import type { Area, Database, Operation } from './level-store.ts';

/** Index, keys and LevelDB's own structures, per block: with it the quota bounds the number of blocks, too. */
const OVERHEAD_BYTES = 256;
/** Reads remembered before their order is written: it only matters after a restart. */
const TOUCHED_MAX = 1_024;

interface Entry {
  readonly size: number;
  readonly jobs: Set<JobId>;
  usedAtMs: number;
}

interface Options {
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}

export class LevelBlockStore implements BlockStore {
  readonly #database: Database;
  readonly #options: Options;
  /** In order of use, the least recent first. */
  readonly #index: Map<Cid, Entry>;
  readonly #touched = new Set<Cid>();
  #bytes = 0;
  /** Changes happen one after the other: accounting and disk stay equal. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(database: Database, options: Options, index: Map<Cid, Entry>) {
    this.#database = database;
    this.#options = options;
    this.#index = index;
    for (const { size } of index.values()) this.#bytes += size + OVERHEAD_BYTES;
  }

  static async load(database: Database, options: Options): Promise<LevelBlockStore> {
    const entries: [Cid, Entry][] = [];
    for (const { key, value } of await database.list('block-index')) {
      const { size, usedAtMs } = JSON.parse(Buffer.from(value).toString()) as { size: number; usedAtMs: number };
      entries.push([key as Cid, { size, usedAtMs, jobs: new Set() }]);
    }
    const index = new Map(entries.sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs));
    for (const { key } of await database.list('pins')) {
      const [job, cid] = key.split('/') as [JobId, Cid];
      index.get(cid)?.jobs.add(job);
    }
    return new LevelBlockStore(database, options, index);
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
    if (bytes !== undefined && sha256(bytes) === digestOf(cid)) {
      this.#touch(cid);
      return bytes;
    }
    await this.#change(() => this.#drop([cid]));
    return undefined;
  }

  async has(cid: Cid): Promise<boolean> {
    return this.#index.has(cid);
  }

  put(cid: Cid, bytes: Uint8Array, job: JobId | undefined): Promise<void> {
    return this.#change(async () => {
      if (this.#index.has(cid)) return this.#pin([cid], job);
      const evicted = this.#makeRoom(bytes.length + OVERHEAD_BYTES);
      const usedAtMs = this.#options.nowMs();
      await this.#database.write(
        [
          ...evicted.flatMap((old) => this.#removal(old)),
          { area: 'blocks', key: cid, value: bytes },
          indexed(cid, bytes.length, usedAtMs),
          ...(job === undefined ? [] : [pinned(job, cid)]),
        ],
        false,
      );
      for (const old of evicted) this.#forget(old);
      this.#index.set(cid, { size: bytes.length, usedAtMs, jobs: new Set(job === undefined ? [] : [job]) });
      this.#bytes += bytes.length + OVERHEAD_BYTES;
    });
  }

  /** Pins blocks that are kept already; those that are not are left out. */
  pin(cids: readonly Cid[], job: JobId): Promise<void> {
    return this.#change(() => this.#pin(cids, job));
  }

  release(job: JobId): Promise<void> {
    return this.#change(async () => {
      const held = [...this.#index].filter(([, { jobs }]) => jobs.has(job)).map(([cid]) => cid);
      if (held.length === 0) return;
      await this.#database.write(
        held.map((cid) => ({ area: 'pins', key: `${job}/${cid}`, value: undefined })),
        false,
      );
      for (const cid of held) this.#index.get(cid)?.jobs.delete(job);
    });
  }

  /** Every pin holder: what a restart compares with the jobs it still knows. */
  holders(): ReadonlySet<JobId> {
    const holders = new Set<JobId>();
    for (const { jobs } of this.#index.values()) for (const job of jobs) holders.add(job);
    return holders;
  }

  /** Writes the order of use. Called before the database closes. */
  flush(): Promise<void> {
    return this.#change(async () => {
      const operations: Operation[] = [];
      for (const cid of this.#touched) {
        const entry = this.#index.get(cid);
        if (entry !== undefined) operations.push(indexed(cid, entry.size, entry.usedAtMs));
      }
      this.#touched.clear();
      if (operations.length > 0) await this.#database.write(operations, false);
    });
  }

  async #pin(cids: readonly Cid[], job: JobId | undefined): Promise<void> {
    const kept = cids.filter((cid) => this.#index.has(cid));
    for (const cid of kept) this.#touch(cid);
    if (job === undefined) return;
    const fresh = kept.filter((cid) => this.#index.get(cid)?.jobs.has(job) === false);
    if (fresh.length === 0) return;
    await this.#database.write(
      fresh.map((cid) => pinned(job, cid)),
      false,
    );
    for (const cid of fresh) this.#index.get(cid)?.jobs.add(job);
  }

  #touch(cid: Cid): void {
    const entry = this.#index.get(cid);
    if (entry === undefined) return;
    entry.usedAtMs = this.#options.nowMs();
    this.#index.delete(cid);
    this.#index.set(cid, entry);
    this.#touched.add(cid);
    if (this.#touched.size >= TOUCHED_MAX) this.flush().catch(() => undefined);
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
    if (excess > 0) {
      throw new StorageError(
        'quota',
        `blocks are limited to ${this.#options.blockBytesMax} bytes (blockQuota) and unfinished jobs hold the rest`,
      );
    }
    return chosen;
  }

  async #drop(cids: readonly Cid[]): Promise<void> {
    const kept = cids.filter((cid) => this.#index.has(cid));
    if (kept.length === 0) return;
    await this.#database.write(
      kept.flatMap((cid) => this.#removal(cid)),
      false,
    );
    for (const cid of kept) this.#forget(cid);
  }

  #removal(cid: Cid): readonly Operation[] {
    const pins = [...(this.#index.get(cid)?.jobs ?? [])].map(
      (job): Operation => ({ area: 'pins', key: `${job}/${cid}`, value: undefined }),
    );
    return [
      ...(['blocks', 'block-index'] as const).map((area: Area) => ({ area, key: cid, value: undefined })),
      ...pins,
    ];
  }

  #forget(cid: Cid): void {
    const entry = this.#index.get(cid);
    if (entry === undefined) return;
    this.#index.delete(cid);
    this.#touched.delete(cid);
    this.#bytes -= entry.size + OVERHEAD_BYTES;
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function indexed(cid: Cid, size: number, usedAtMs: number): Operation {
  return { area: 'block-index', key: cid, value: Buffer.from(JSON.stringify({ size, usedAtMs })) };
}

function pinned(job: JobId, cid: Cid): Operation {
  return { area: 'pins', key: `${job}/${cid}`, value: new Uint8Array(0) };
}

function sha256(bytes: Uint8Array): Digest {
  return createHash('sha256').update(bytes).digest('hex') as Digest;
}
