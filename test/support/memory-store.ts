/**
 * A store in memory, for tests and the simulator. It keeps the promises a real one keeps: batches are atomic,
 * records come back in order of their keys, nothing that was handed in or out is shared with the caller. It can
 * also fail on request, and `crash()` takes back what was written after the last synced batch, as a power cut may.
 */
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { type BlockStore, StorageError, type Store } from '../../node/runtime/environment.ts';

export interface MemoryStore extends Store {
  readonly blocks: MemoryBlockStore;
  /** The next `count` writes and puts (default: all from now on) reject with a StorageError of this code. */
  fail(code: StorageError['code'], count?: number): void;
  /** Ends what `fail` started. */
  recover(): void;
  /** Forgets every record written since the last batch with `sync`. Blocks stay. */
  crash(): void;
}

export interface MemoryBlockStore extends BlockStore {
  /** Jobs that pin this block. */
  pins(cid: Cid): readonly JobId[];
  readonly byteLength: number;
}

export interface MemoryStoreOptions {
  /** Puts beyond this many bytes of blocks reject with code `quota`. Default: no limit. */
  readonly blockBytesMax?: number;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new RecordsInMemory(options.blockBytesMax ?? Number.POSITIVE_INFINITY);
}

class Faults {
  #code: StorageError['code'] | undefined;
  #left = 0;

  set(code: StorageError['code'] | undefined, count: number): void {
    this.#code = code;
    this.#left = count;
  }

  check(): void {
    if (this.#code === undefined || this.#left <= 0) return;
    this.#left--;
    throw new StorageError(this.#code, `injected storage failure: ${this.#code}`);
  }
}

class RecordsInMemory implements MemoryStore {
  readonly blocks: BlocksInMemory;
  readonly #faults = new Faults();
  readonly #records = new Map<string, Uint8Array>();
  /** What to put back, newest last, if power failed now. */
  #unsynced: { readonly key: string; readonly before: Uint8Array | undefined }[] = [];

  constructor(blockBytesMax: number) {
    this.blocks = new BlocksInMemory(blockBytesMax, this.#faults);
  }

  async load(): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return [...this.#records]
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, value]) => ({ key, value: value.slice() }));
  }

  async write(
    writes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[],
    sync: boolean,
  ): Promise<void> {
    this.#faults.check();
    for (const { key, value } of writes) {
      this.#unsynced.push({ key, before: this.#records.get(key) });
      this.#set(key, value?.slice());
    }
    if (sync) this.#unsynced = [];
  }

  fail(code: StorageError['code'], count = Number.POSITIVE_INFINITY): void {
    this.#faults.set(code, count);
  }

  recover(): void {
    this.#faults.set(undefined, 0);
  }

  crash(): void {
    for (const { key, before } of this.#unsynced.reverse()) this.#set(key, before);
    this.#unsynced = [];
  }

  async close(): Promise<void> {
    this.#unsynced = [];
  }

  #set(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#records.delete(key);
    else this.#records.set(key, value);
  }
}

class BlocksInMemory implements MemoryBlockStore {
  readonly #bytesMax: number;
  readonly #faults: Faults;
  readonly #blocks = new Map<Cid, { readonly bytes: Uint8Array; readonly jobs: Set<JobId> }>();
  #byteLength = 0;

  constructor(bytesMax: number, faults: Faults) {
    this.#bytesMax = bytesMax;
    this.#faults = faults;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  pins(cid: Cid): readonly JobId[] {
    return [...(this.#blocks.get(cid)?.jobs ?? [])];
  }

  async get(cid: Cid): Promise<Uint8Array | undefined> {
    return this.#blocks.get(cid)?.bytes.slice();
  }

  async has(cid: Cid): Promise<boolean> {
    return this.#blocks.has(cid);
  }

  async put(cid: Cid, bytes: Uint8Array, job: JobId | undefined): Promise<void> {
    this.#faults.check();
    let kept = this.#blocks.get(cid);
    if (kept === undefined) {
      if (this.#byteLength + bytes.length > this.#bytesMax) this.#evict(bytes.length);
      kept = { bytes: bytes.slice(), jobs: new Set() };
      this.#blocks.set(cid, kept);
      this.#byteLength += bytes.length;
    }
    if (job !== undefined) kept.jobs.add(job);
  }

  async release(job: JobId): Promise<void> {
    for (const { jobs } of this.#blocks.values()) jobs.delete(job);
  }

  /** Makes room by dropping blocks that no job pins, oldest first. */
  #evict(wanted: number): void {
    for (const [cid, { bytes, jobs }] of this.#blocks) {
      if (this.#byteLength + wanted <= this.#bytesMax) return;
      if (jobs.size > 0) continue;
      this.#blocks.delete(cid);
      this.#byteLength -= bytes.length;
    }
    if (this.#byteLength + wanted > this.#bytesMax) {
      throw new StorageError('quota', `blocks are limited to ${this.#bytesMax} bytes and the rest is pinned`);
    }
  }
}
