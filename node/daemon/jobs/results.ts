/** Results of the owner's jobs as files, one a job, which only the owner's account can read. */
import { createReadStream, type ReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobId } from '../../protocol/ids.ts';
import type { ResultStore } from '../../sdk/jobs/store.ts';
import { writeWhole } from '../data-folder.ts';

export class ResultFiles implements ResultStore {
  readonly #folder: string;

  /** The folder is there already. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  put(job: JobId, bytes: Uint8Array): Promise<void> {
    return writeWhole(this.#pathOf(job), bytes, 0o600);
  }

  async get(job: JobId): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.#pathOf(job)));
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  delete(job: JobId): Promise<void> {
    return rm(this.#pathOf(job), { force: true });
  }

  /** For readers that take a large result piece by piece. */
  stream(job: JobId): ReadStream {
    return createReadStream(this.#pathOf(job));
  }

  #pathOf(job: JobId): string {
    return join(this.#folder, job);
  }
}
