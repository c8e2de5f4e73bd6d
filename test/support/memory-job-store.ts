/** Storage for the owner's side of a peer, in memory: what it holds outlives a service that is made anew on it. */
import { createHash } from 'node:crypto';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { type BlockMedium, type BlockRow, KeptBlocks } from '../../node/runtime/kept-blocks.ts';
import type { JobStore } from '../../node/sdk/jobs/store.ts';

export interface MemoryJobStore extends JobStore {
  readonly blocks: KeptBlocks;
  readonly kept: {
    readonly notes: Map<string, unknown>;
    readonly results: Map<JobId, Uint8Array>;
    readonly blocks: Map<Cid, Uint8Array>;
  };
}

export async function createMemoryJobStore(blockBytesMax = 1024 * 1024): Promise<MemoryJobStore> {
  const notes = new Map<string, unknown>();
  const results = new Map<JobId, Uint8Array>();
  const { medium, blocks: kept } = memoryMedium();
  let now = 0;
  const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
  const blocks = await KeptBlocks.load({ medium, sha256, blockBytesMax, nowMs: () => ++now });
  return {
    blocks,
    kept: { notes, results, blocks: kept },
    notes: {
      all: async () => [...notes].map(([key, value]) => ({ key, value: structuredClone(value) })),
      put: async (key, value) => void notes.set(key, structuredClone(value)),
      delete: async (key) => void notes.delete(key),
    },
    results: {
      put: async (job, bytes) => void results.set(job, bytes.slice()),
      get: async (job) => results.get(job)?.slice(),
      delete: async (job) => void results.delete(job),
    },
  };
}

export function memoryMedium(): { medium: BlockMedium; blocks: Map<Cid, Uint8Array>; rows: Map<Cid, BlockRow> } {
  const blocks = new Map<Cid, Uint8Array>();
  const rows = new Map<Cid, BlockRow>();
  return {
    blocks,
    rows,
    medium: {
      rows: async () => [...rows],
      read: async (cid) => blocks.get(cid)?.slice(),
      async write(changes) {
        for (const { cid, after, bytes } of changes) {
          if (after === undefined) {
            blocks.delete(cid);
            rows.delete(cid);
          } else {
            rows.set(cid, after);
            if (bytes !== undefined) blocks.set(cid, bytes);
          }
        }
      },
    },
  };
}
