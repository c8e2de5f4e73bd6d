/**
 * What a peer remembers about its owner's jobs beside the protocol's records: which kernel and arguments, so that
 * outputs can be joined after a restart, and how it ended, so that a result outlives the job in the network.
 */
import type { Cid, JobId, Millis } from '../../protocol/ids.ts';
import type { BytesPerPixel, Columns, KernelManifest } from '../manifest.ts';
import type { PlotMaterial } from '../plot/material.ts';

export interface JobNote {
  readonly job: JobId;
  readonly manifest: KernelManifest;
  readonly arguments: Readonly<Record<string, string>>;
  readonly taskSize: number | undefined;
  /** Name of the input file as it was given; nothing else of its path. */
  readonly fileName: string | undefined;
  readonly kernel: Cid;
  readonly input: Cid;
  readonly title: string;
  readonly tasks: number;
  readonly units: number;
  readonly quorum: number;
  readonly submittedAtMs: Millis;
  readonly outcome: JobOutcome | undefined;
  /** The result gave way to later ones; what is known of it stays. */
  readonly resultDropped?: true;
}

export type JobOutcome = (FinishedOutcome | FailedOutcome | { readonly state: 'cancelled' | 'expired' }) & {
  readonly endedAtMs: Millis;
};

export interface FinishedOutcome extends Effort {
  readonly state: 'finished';
  readonly show: KernelManifest['result']['show'];
  readonly picture:
    | { readonly width: number; readonly height: number; readonly bytesPerPixel: BytesPerPixel }
    | undefined;
  readonly columns?: Columns | undefined;
  readonly plot?: PlotMaterial | undefined;
  readonly byteLength: number;
  readonly sha256: string;
}

export interface FailedOutcome extends Effort {
  readonly state: 'failed';
  /** As the peer's platform names failures; see `Failures`. */
  readonly code: string;
  readonly message: string;
}

/** What stands behind a result, and what it took. */
export interface Effort {
  /** `own`, `quorum 2/2`, or both with their numbers of units. */
  readonly label: string;
  readonly fuel: number;
  /** Replicas computed, over all units. */
  readonly executions: number;
  readonly refuted: readonly { readonly author: string; readonly units: number }[];
}

/** Records of drafts and jobs; the prefix keeps them apart from other notes. */
export const NOTE_PREFIX = 'job/';
export const DRAFT_PREFIX = 'draft/';
