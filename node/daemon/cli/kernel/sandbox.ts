/**
 * The sandbox a volunteer has, without a network: the same process and threads, with blocks in memory. A kernel under
 * development may loop or crash, and then it is a thread or that process that ends.
 */
import type { Cid } from '../../../protocol/ids.ts';
import type { Logger } from '../../../runtime/log.ts';
import { SANDBOX_FOLDER } from '../../installation.ts';
import { createSandbox, type Sandbox } from '../../workers/sandbox.ts';

/** What goes wrong in here is an answer, and is told as one. */
const SILENT: Logger = { log: () => undefined };

/** Hands over a sandbox for as long as `use` takes. */
export async function withSandbox<T>(
  use: (pool: Sandbox, keep: (cid: Cid, bytes: Uint8Array) => void) => Promise<T>,
  cores = 1,
): Promise<T> {
  const blocks = new Map<Cid, Uint8Array>();
  const parts = { folder: SANDBOX_FOLDER, cores, blocks: { get: async (cid: Cid) => blocks.get(cid) }, logger: SILENT };
  const pool = createSandbox(parts);
  try {
    return await use(pool, (cid, bytes) => void blocks.set(cid, bytes));
  } finally {
    await pool.close();
  }
}
