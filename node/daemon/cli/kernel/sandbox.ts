/**
 * The sandbox a volunteer has, without a network: the same worker pool, with blocks in memory. A kernel under
 * development may loop or crash, and then it is a worker that ends.
 */
import type { Cid } from '../../../protocol/ids.ts';
import type { Logger } from '../../../runtime/log.ts';
import { createWorkerPool, type WorkerPool } from '../../workers/pool.ts';

/** What goes wrong in here is an answer, and is told as one. */
const SILENT: Logger = { log: () => undefined };

/** Hands over a sandbox for as long as `use` takes. */
export async function withSandbox<T>(
  use: (pool: WorkerPool, keep: (cid: Cid, bytes: Uint8Array) => void) => Promise<T>,
  cores = 1,
): Promise<T> {
  const blocks = new Map<Cid, Uint8Array>();
  const pool = createWorkerPool({ cores, blocks: { get: async (cid) => blocks.get(cid) }, logger: SILENT });
  try {
    return await use(pool, (cid, bytes) => void blocks.set(cid, bytes));
  } finally {
    await pool.close();
  }
}
