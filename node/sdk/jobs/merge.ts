/** Merging outputs by a kernel's own `shoal_reduce`, on the owner's own machine and under the limits of its manifest. */
import type { Cid, Millis } from '../../protocol/ids.ts';
import { SdkError } from '../error.ts';
import type { Reduce } from '../join.ts';
import type { KernelManifest } from '../manifest.ts';

export interface MergeRequest {
  readonly kernel: Cid;
  readonly parameters: Uint8Array;
  /** In order. */
  readonly outputs: readonly Uint8Array[];
  readonly limits: NonNullable<KernelManifest['limits']['reduce']> & { readonly wallClockMaxMs: Millis };
}

/** The sandbox, as far as merging needs it. */
export interface Merger {
  reduce(request: MergeRequest): Promise<Uint8Array>;
}

/** It is the owner's own work on the owner's own machine: only a kernel that hangs is cut off. */
const MERGE_MAX_MS = 10 * 60_000;

export function reduceBy(merger: Merger, kernel: Cid, manifest: KernelManifest, parameters: Uint8Array): Reduce {
  const limits = manifest.limits.reduce;
  return async (outputs) => {
    if (limits === undefined) {
      throw new SdkError('reduce-missing', `${manifest.name} has no limits for shoal_reduce in its manifest`);
    }
    return merger.reduce({ kernel, parameters, outputs, limits: { ...limits, wallClockMaxMs: MERGE_MAX_MS } });
  };
}
