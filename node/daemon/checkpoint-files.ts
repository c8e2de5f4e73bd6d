/**
 * Checkpoints as files of the data folder, one each. They are replaced by renaming, so a crash leaves the old one or the
 * new one; after a power cut there may be neither, or one whose hash does not fit: then its unit begins again.
 */
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobId } from '../protocol/ids.ts';
import {
  type CheckpointKey,
  type CheckpointStore,
  checkpointOfName,
  type KeptCheckpoint,
  nameOfCheckpoint,
  toLetGo,
} from '../runtime/checkpoint-store.ts';
import { StorageError } from '../runtime/environment.ts';
import { writeWhole } from './data-folder.ts';

export class CheckpointFiles implements CheckpointStore {
  readonly #folder: string;
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #kept: Map<string, KeptCheckpoint>;
  /** Of the newest one; each is later than the one before, so that their order outlives the process. */
  #savedAtMs: number;
  /** Changes go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, bytesMax: number, kept: Map<string, KeptCheckpoint>, savedAtMs: number) {
    this.#folder = folder;
    this.#savedAtMs = savedAtMs;
    this.#bytesMax = bytesMax;
    this.#kept = kept;
  }

  /** Makes the folder if need be, and clears away what a crash has left of unfinished files. */
  static async open(folder: string, bytesMax: number): Promise<CheckpointFiles> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found: (KeptCheckpoint & { readonly savedAtMs: number })[] = [];
    for (const file of await readdir(folder)) {
      const path = join(folder, file);
      const { size, mtimeMs } = await stat(path);
      const name = decodeURIComponent(file);
      if (checkpointOfName(name) === undefined) await rm(path, { recursive: true });
      else found.push({ name, byteLength: size, savedAtMs: mtimeMs });
    }
    found.sort((a, b) => a.savedAtMs - b.savedAtMs);
    const kept = new Map(found.map(({ name, byteLength }) => [name, { name, byteLength }]));
    const files = new CheckpointFiles(folder, bytesMax, kept, Math.ceil(found.at(-1)?.savedAtMs ?? 0));
    // The bound may have been lowered.
    await files.#remove(toLetGo([...kept.values()], '', 0, bytesMax));
    return files;
  }

  put(key: CheckpointKey, bytes: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const name = nameOfCheckpoint(key);
      const byteLength = bytes.length;
      if (byteLength > this.#bytesMax) {
        throw new StorageError('quota', `a checkpoint of ${byteLength} bytes, at most ${this.#bytesMax} are kept`);
      }
      await this.#remove(toLetGo([...this.#kept.values()], name, byteLength, this.#bytesMax));
      await writeWhole(this.#pathOf(name), bytes, 0o600);
      // The system stamps files by a clock of up to 10 ms a tick.
      this.#savedAtMs = Math.max(Date.now(), this.#savedAtMs + 1);
      await utimes(this.#pathOf(name), this.#savedAtMs / 1_000, this.#savedAtMs / 1_000);
      this.#kept.delete(name);
      this.#kept.set(name, { name, byteLength });
    });
  }

  get(key: CheckpointKey): Promise<Uint8Array | undefined> {
    return this.#next(async () => {
      const name = nameOfCheckpoint(key);
      if (!this.#kept.has(name)) return undefined;
      return new Uint8Array(await readFile(this.#pathOf(name)));
    });
  }

  drop(key: CheckpointKey): Promise<void> {
    return this.#next(() => this.#remove([nameOfCheckpoint(key)]));
  }

  dropJob(job: JobId): Promise<void> {
    return this.#next(() => this.#remove([...this.#kept.keys()].filter((name) => checkpointOfName(name)?.job === job)));
  }

  keys(): Promise<readonly CheckpointKey[]> {
    return this.#next(async () => [...this.#kept.keys()].map((name) => checkpointOfName(name)!));
  }

  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#kept.delete(name)) await rm(this.#pathOf(name), { force: true });
    }
  }

  /** Jobs that are not announced yet have a slash in their name. */
  #pathOf(name: string): string {
    return join(this.#folder, encodeURIComponent(name));
  }

  async #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    try {
      return await result;
    } catch (error) {
      throw storageErrorOf(error);
    }
  }
}

function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new StorageError(isFull ? 'disk-full' : 'failed', `a checkpoint: ${String(message ?? error)}`);
}
