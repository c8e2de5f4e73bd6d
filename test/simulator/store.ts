/**
 * The store of one simulated peer: it outlives the peer's runs. Writes take the time a disk would, one process after
 * another can be cut off from it, and a kill may be placed exactly before or after the n-th write.
 */
import type { Store } from '../../node/runtime/environment.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import type { VirtualClock } from './clock.ts';

/** One run of one peer. Once it is over, nothing it started has any further effect. */
export interface Life {
  alive: boolean;
}

export type WriteHook = (when: 'before' | 'after', write: number) => void;

export interface SimulatedStoreOptions {
  readonly clock: VirtualClock;
  readonly memory: MemoryStore;
  readonly life: Life;
  /** Time until a synced batch is durable. */
  readonly syncMs: number;
  /** Number of the next write, over all runs of this peer. */
  readonly nextWrite: () => number;
  readonly hook: () => WriteHook | undefined;
}

/** A dead process never hears back: its promises stay open. */
const never = new Promise<never>(() => undefined);

export function simulatedStore({ clock, memory, life, syncMs, nextWrite, hook }: SimulatedStoreOptions): Store {
  const settled = <T>(promise: Promise<T>): Promise<T> => {
    if (!life.alive) return never;
    clock.touch();
    return promise;
  };
  return {
    load: () => settled(memory.load()),
    write: async (writes, sync) => {
      const write = nextWrite();
      hook()?.('before', write);
      if (!life.alive) return never;
      if (sync) await clock.sleep(syncMs);
      if (!life.alive) return never;
      clock.touch();
      await memory.write(writes, sync);
      hook()?.('after', write);
      return life.alive ? undefined : never;
    },
    blocks: {
      get: (cid) => settled(memory.blocks.get(cid)),
      has: (cid) => settled(memory.blocks.has(cid)),
      put: (cid, bytes, job) => (life.alive ? settled(memory.blocks.put(cid, bytes, job)) : never),
      release: (job) => (life.alive ? settled(memory.blocks.release(job)) : never),
    },
    close: async () => undefined,
  };
}
