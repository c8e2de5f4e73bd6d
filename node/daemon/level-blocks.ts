/**
 * LevelDB as a medium for blocks. Pins are entries of their own, named by job and CID, so that pinning a block for one
 * more job writes a few bytes whoever else holds it.
 */
import type { Cid, JobId } from '../protocol/ids.ts';
import type { BlockChange, BlockMedium, BlockRow } from '../runtime/kept-blocks.ts';
import type { Database, Operation } from './level-store.ts';

export class LevelBlocks implements BlockMedium {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async rows(): Promise<readonly (readonly [Cid, BlockRow])[]> {
    const pins = new Map<Cid, Set<JobId>>();
    for (const { key } of await this.#database.list('pins')) {
      // A job that is a draft has a slash in its name; a CID has none.
      const at = key.lastIndexOf('/');
      const [job, cid] = [key.slice(0, at) as JobId, key.slice(at + 1) as Cid];
      const jobs = pins.get(cid);
      if (jobs === undefined) pins.set(cid, new Set([job]));
      else jobs.add(job);
    }
    return (await this.#database.list('block-index')).map(({ key, value }) => {
      const { size, usedAtMs } = JSON.parse(Buffer.from(value).toString()) as { size: number; usedAtMs: number };
      return [key as Cid, { size, usedAtMs, jobs: pins.get(key as Cid) ?? new Set<JobId>() }];
    });
  }

  read(cid: Cid): Promise<Uint8Array | undefined> {
    return this.#database.get('blocks', cid);
  }

  write(changes: readonly BlockChange[]): Promise<void> {
    return this.#database.write(changes.flatMap(operationsOf), false);
  }
}

function operationsOf({ cid, before, after, bytes }: BlockChange): readonly Operation[] {
  const operations: Operation[] = [];
  if (after === undefined) {
    operations.push(
      { area: 'blocks', key: cid, value: undefined },
      { area: 'block-index', key: cid, value: undefined },
    );
  } else {
    if (bytes !== undefined) operations.push({ area: 'blocks', key: cid, value: bytes });
    if (before?.usedAtMs !== after.usedAtMs) {
      const { size, usedAtMs } = after;
      operations.push({ area: 'block-index', key: cid, value: Buffer.from(JSON.stringify({ size, usedAtMs })) });
    }
  }
  for (const job of before?.jobs ?? []) if (after?.jobs.has(job) !== true) operations.push(pin(job, cid, undefined));
  for (const job of after?.jobs ?? []) if (before?.jobs.has(job) !== true) operations.push(pin(job, cid, PINNED));
  return operations;
}

const PINNED = new Uint8Array(0);

function pin(job: JobId, cid: Cid, value: Uint8Array | undefined): Operation {
  return { area: 'pins', key: `${job}/${cid}`, value };
}
