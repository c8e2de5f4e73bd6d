/**
 * What this tab has computed of a picture that somebody else asked for. The job itself does not say that it draws:
 * its kernel does, so only jobs of kernels that come with the page are known to be pictures. Outputs of units this tab
 * has computed since the page was opened lie in its own store; those of others went to their submitter.
 */
import { signal } from '@preact/signals';
import { concatBytes } from '../../../node/protocol/bytes.ts';
import type { Cid, JobId, UnitIndex } from '../../../node/protocol/ids.ts';
import type { JobView } from '../../../node/protocol/view.ts';
import { decodeUnitOutput } from '../../../node/protocol/wire/block.ts';
import type { JobSpec } from '../../../node/protocol/work/job.ts';
import type { Executor } from '../../../node/runtime/environment.ts';
import type { KernelManifest } from '../../../node/sdk/manifest.ts';
import type { KernelEntry, PicturePlan } from '../peer-source.ts';

export interface OwnPartParts {
  readonly kernels: () => Promise<readonly KernelEntry[]>;
  /** A block this tab keeps; undefined for one it does not have. */
  readonly block: (cid: Cid) => Promise<Uint8Array | undefined>;
}

const JOBS_MAX = 8;
const BYTES_OF_TYPE = { u32: 4, i32: 4, u64: 8, f64: 8 } as const;

export class OwnPart {
  readonly #parts: OwnPartParts;
  readonly #manifests = signal<ReadonlyMap<Cid, KernelManifest>>(new Map());
  /** Output blocks of units computed here, by job; of the latest jobs only. */
  readonly #outputs = new Map<JobId, Map<UnitIndex, Cid>>();
  #isAsked = false;

  constructor(parts: OwnPartParts) {
    this.#parts = parts;
  }

  /** Undefined where the job draws none, or before that is known; what reads it is drawn again then. */
  plan({ spec }: JobView): PicturePlan | undefined {
    this.#ask();
    const manifest = this.#manifests.value.get(spec.kernel);
    return manifest && picturePlan(manifest, spec);
  }

  /** Stands before the executor and takes note of what comes out of it. */
  watch(executor: Executor): Executor {
    return {
      execute: (ticket, request, done, progress) =>
        executor.execute(
          ticket,
          request,
          (outcome) => {
            const output = outcome.ok && request.task === undefined ? outcome.execution.output : undefined;
            if (output !== undefined) this.#note(request.job, request.unit, output.cid);
            done(outcome);
          },
          progress,
        ),
      cancel: (ticket, keep) => executor.cancel(ticket, keep),
      close: () => executor.close(),
    };
  }

  has(job: JobId, unit: UnitIndex): boolean {
    return this.#outputs.get(job)?.has(unit) === true;
  }

  /** Outputs of one unit's tasks, one after the other. Rejects where this tab has not computed it. */
  async output(job: JobId, unit: UnitIndex): Promise<Uint8Array<ArrayBuffer>> {
    const cid = this.#outputs.get(job)?.get(unit);
    const block = cid === undefined ? undefined : await this.#parts.block(cid);
    if (block === undefined) throw new Error(`the output of unit ${unit} is not here`);
    const { outputs } = decodeUnitOutput(block);
    return concatBytes(...outputs) as Uint8Array<ArrayBuffer>;
  }

  #note(job: JobId, unit: UnitIndex, output: Cid): void {
    const units = this.#outputs.get(job) ?? new Map<UnitIndex, Cid>();
    units.set(unit, output);
    this.#outputs.delete(job);
    this.#outputs.set(job, units);
    const [oldest] = this.#outputs.keys();
    if (this.#outputs.size > JOBS_MAX && oldest !== undefined) this.#outputs.delete(oldest);
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#parts.kernels().then(
      (entries) => {
        this.#manifests.value = new Map(entries.map(({ cid, manifest }) => [cid, manifest]));
      },
      // A page without kernels of its own shows no pictures of others.
      () => undefined,
    );
  }
}

/** Exported for its test. Undefined for a kernel that draws nothing, and for tiles of a size the job does not tell. */
export function picturePlan(
  { tasks, result, parameters }: Pick<KernelManifest, 'tasks' | 'result' | 'parameters'>,
  spec: Pick<JobSpec, 'parameters' | 'taskCount'>,
): PicturePlan | undefined {
  if (tasks.from !== 'grid' || result.join !== 'grid') return undefined;
  const { buffer, byteOffset, byteLength } = spec.parameters;
  const bytes = new DataView(buffer, byteOffset, byteLength);
  const found = new Map<string, number>();
  let at = 0;
  for (const { name, type } of parameters) {
    if (at + BYTES_OF_TYPE[type] > byteLength) return undefined;
    if (type === 'u32') found.set(name, bytes.getUint32(at, true));
    at += BYTES_OF_TYPE[type];
  }
  const [width, height] = [found.get(tasks.width), found.get(tasks.height)];
  if (width === undefined || height === undefined) return undefined;
  const { tileWidth, tileHeight } = tasks;
  if (Math.ceil(width / tileWidth) * Math.ceil(height / tileHeight) !== spec.taskCount) return undefined;
  return { width, height, bytesPerPixel: result.bytesPerPixel ?? 1, tileWidth, tileHeight };
}
