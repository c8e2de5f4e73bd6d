/** Checkpoints in memory, for tests. Nothing that was handed in or out is shared with the caller. */
import type { JobId } from '../../node/protocol/ids.ts';
import {
  type CheckpointKey,
  type CheckpointStore,
  nameOfCheckpoint,
  toLetGo,
} from '../../node/runtime/checkpoint-store.ts';
import { StorageError } from '../../node/runtime/environment.ts';

export class MemoryCheckpoints implements CheckpointStore {
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #kept = new Map<string, { readonly key: CheckpointKey; readonly bytes: Uint8Array }>();
  /** Puts so far. */
  puts = 0;

  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax;
  }

  async put(key: CheckpointKey, bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#bytesMax) throw new StorageError('quota', `${bytes.length} bytes are too many`);
    const name = nameOfCheckpoint(key);
    const kept = [...this.#kept].map(([other, item]) => ({ name: other, byteLength: item.bytes.length }));
    for (const going of toLetGo(kept, name, bytes.length, this.#bytesMax)) this.#kept.delete(going);
    this.#kept.delete(name);
    this.#kept.set(name, { key, bytes: bytes.slice() });
    this.puts++;
  }

  async get(key: CheckpointKey): Promise<Uint8Array | undefined> {
    return this.#kept.get(nameOfCheckpoint(key))?.bytes.slice();
  }

  async drop(key: CheckpointKey): Promise<void> {
    this.#kept.delete(nameOfCheckpoint(key));
  }

  async dropJob(job: JobId): Promise<void> {
    for (const [name, { key }] of [...this.#kept]) if (key.job === job) this.#kept.delete(name);
  }

  async keys(): Promise<readonly CheckpointKey[]> {
    return [...this.#kept.values()].map(({ key }) => key);
  }
}
