/**
 * What a peer knows of a kernel that jobs use: which jobs, of whom, with which limits; and what its module is, where the
 * module is kept here. Nothing is fetched in order to know more. `I` is the sandbox's inspection of a module.
 */
import type { Cid, JobId, Millis, PeerKey } from '../../protocol/ids.ts';
import type { JobRow } from '../../protocol/view.ts';
import type { Driver } from '../../runtime/driver.ts';
import type { BlockStore } from '../../runtime/environment.ts';

export interface KernelUse {
  readonly job: JobId;
  readonly title: string;
  readonly submitter: PeerKey;
  readonly own: boolean;
  readonly state: JobRow['state'];
  readonly submittedAtMs: Millis;
  readonly fuelPerTaskMax: number;
  /** Pages of 64 KiB. */
  readonly memoryPagesMax: number;
  readonly outputBytesPerTaskMax: number;
  readonly tasks: number;
  readonly tasksPerUnit: number;
}

export interface KernelRecord<I> {
  readonly cid: Cid;
  /** Jobs known here that use it, the latest first. */
  readonly uses: readonly KernelUse[];
  /** Of the module; undefined where it is not kept here. */
  readonly inspection: I | undefined;
}

export interface KernelRecordsParts<I> {
  readonly driver: Pick<Driver, 'view' | 'jobView'>;
  readonly blocks: Pick<BlockStore, 'get'>;
  /** Rejects where this machine could not look at it. */
  readonly inspect: (wasm: Uint8Array) => Promise<I>;
}

/** Inspections remembered: a module never changes under its name. */
const INSPECTIONS_MAX = 64;

export class KernelRecords<I> {
  readonly #parts: KernelRecordsParts<I>;
  readonly #inspections = new Map<Cid, I>();

  constructor(parts: KernelRecordsParts<I>) {
    this.#parts = parts;
  }

  /** Rejects with a StorageError, or as `inspect` does. */
  async of(cid: Cid): Promise<KernelRecord<I>> {
    return { cid, uses: this.#usesOf(cid), inspection: await this.#inspectionOf(cid) };
  }

  #usesOf(cid: Cid): readonly KernelUse[] {
    const { driver } = this.#parts;
    const uses = driver.view().jobs.flatMap((row): KernelUse[] => {
      const spec = driver.jobView(row.job)?.spec;
      if (spec?.kernel !== cid) return [];
      const { job, title, submitter, own, state, submittedAtMs, tasks } = row;
      const { fuelPerTaskMax, memoryPagesMax, outputBytesPerTaskMax, tasksPerUnit } = spec;
      const limits = { fuelPerTaskMax, memoryPagesMax, outputBytesPerTaskMax, tasksPerUnit };
      return [{ job, title, submitter, own, state, submittedAtMs, tasks, ...limits }];
    });
    return uses.sort((a, b) => b.submittedAtMs - a.submittedAtMs);
  }

  async #inspectionOf(cid: Cid): Promise<I | undefined> {
    const known = this.#inspections.get(cid);
    if (known !== undefined) return known;
    const wasm = await this.#parts.blocks.get(cid);
    if (wasm === undefined) return undefined;
    const inspection = await this.#parts.inspect(wasm);
    this.#inspections.set(cid, inspection);
    const [oldest] = this.#inspections.keys();
    if (this.#inspections.size > INSPECTIONS_MAX && oldest !== undefined) this.#inspections.delete(oldest);
    return inspection;
  }
}
