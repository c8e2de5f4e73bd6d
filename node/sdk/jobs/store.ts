/** Where the owner's side of a peer keeps what it knows about its jobs; LevelDB and files, or IndexedDB. */
import type { Cid, JobId } from '../../protocol/ids.ts';
import type { BlockStore } from '../../runtime/environment.ts';

/** Small documents by key, such as JSON can hold. Rejects with a StorageError. */
export interface NoteStore {
  all(): Promise<readonly { readonly key: string; readonly value: unknown }[]>;
  /** Resolves when it would survive a power cut. */
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/** Blocks whose pins can be listed and moved. */
export interface PinnedBlocks extends Pick<BlockStore, 'get' | 'put' | 'release'> {
  /** Pins blocks that are kept already; those that are not are left out. */
  pin(cids: readonly Cid[], job: JobId): Promise<void>;
  /** Every pin holder: what a restart compares with the jobs it still knows. */
  holders(): ReadonlySet<JobId>;
}

/** Results of finished jobs, whole. Rejects with a StorageError. */
export interface ResultStore {
  /** Replaces what there was in one step: a reader sees the old or the new one. */
  put(job: JobId, bytes: Uint8Array): Promise<void>;
  get(job: JobId): Promise<Uint8Array | undefined>;
  /** Of one that is not there: does nothing. */
  delete(job: JobId): Promise<void>;
}

export interface JobStore {
  readonly notes: NoteStore;
  readonly blocks: PinnedBlocks;
  readonly results: ResultStore;
}
