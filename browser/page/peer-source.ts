/**
 * What the page needs of a peer, and nothing else: views are written against this one interface, so that the same page
 * shows a daemon through its control API and a peer that lives in the tab itself. What a source cannot do is absent,
 * and the page then does not offer it.
 */
import type { Cid, JobId, Millis, PeerKey, UnitIndex } from '../../node/protocol/ids.ts';
import type { Notification } from '../../node/protocol/notification.ts';
import type { JobView, PeerView, UnitState } from '../../node/protocol/view.ts';
import type { KernelReport } from '../../node/sandbox/inspect.ts';
import type { Inspection } from '../../node/sandbox/inspection.ts';
import type { KernelRecord } from '../../node/sdk/jobs/kernel-records.ts';
import type { Columns, KernelManifest } from '../../node/sdk/manifest.ts';
import type { PlotMaterial } from '../../node/sdk/plot/material.ts';

export interface PeerSource {
  readonly kind: 'daemon' | 'tab';
  connection(): Connection;
  about(): About | undefined;
  /** The latest snapshot; undefined before there was one. */
  view(): PeerView | undefined;
  /** The latest known; asking for it makes a remote source fetch it and keep it fresh while it is asked for. */
  jobView(job: JobId): JobView | undefined;
  /** What only the submitter's side knows of a job. */
  ownJob?(job: JobId): OwnJob | undefined;
  subscribe(listener: (change: Change) => void): () => void;

  kernels?(): Promise<readonly KernelEntry[]>;
  /** Looks at a kernel without running it. Rejects with an Error that says why it is refused. */
  inspect?(wasm: Uint8Array<ArrayBuffer>): Promise<Pick<KernelEntry, 'report' | 'cid'>>;
  /** What is known of a kernel that jobs use; of its module only where it is kept here. Fetches nothing. */
  kernel?(cid: Cid): Promise<KernelRecord<Inspection>>;
  submit?(submission: PageSubmission): Promise<JobId>;
  cancel?(job: JobId): Promise<void>;
  setCapacity?(wanted: { readonly cores?: number; readonly paused?: boolean }): Promise<void>;
  /** Outputs of one unit's tasks, one after the other; for units of own jobs that have a result. */
  unitOutput?(job: JobId, unit: UnitIndex): Promise<Uint8Array<ArrayBuffer>>;
  result?(job: JobId): Promise<Uint8Array<ArrayBuffer>>;
}

export type Change =
  | { readonly type: 'connection' }
  | { readonly type: 'view' }
  | { readonly type: 'job'; readonly job: JobId }
  | { readonly type: 'notification'; readonly notification: Notification };

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** It was there, or should be, and does not answer; another attempt follows by itself. */
  | { readonly state: 'lost'; readonly sinceMs: Millis }
  /** It answers, and does not let this page look. `missing`: no token at all. */
  | { readonly state: 'refused'; readonly why: 'missing' | 'wrong' };

export interface About {
  readonly version: string;
  readonly network: string;
  readonly preset: string;
  readonly peerName: string;
  readonly addresses: readonly string[];
  readonly startedAtMs: Millis;
  readonly dataFolder: string | undefined;
  readonly storage: { readonly blocks: number; readonly bytes: number; readonly bytesMax: number };
  /** False where this page may look and nothing else. */
  readonly mayAct: boolean;
  /** The most cores that can be given. */
  readonly coresMax: number;
  /** Where others join with a browser; absent where this peer serves no page for them. */
  readonly volunteerUrl?: string;
}

export interface KernelEntry {
  readonly manifest: KernelManifest;
  readonly report: KernelReport;
  readonly cid: Cid;
}

export interface PageSubmission {
  readonly kernel:
    | { readonly name: string }
    | { readonly wasm: Uint8Array<ArrayBuffer>; readonly manifest: KernelManifest };
  /** As typed. What is absent takes the manifest's default. */
  readonly arguments: Readonly<Record<string, string>>;
  readonly file: File | undefined;
  readonly policy: {
    readonly quorum?: number;
    readonly ownResults?: 'never' | 'alone' | 'always';
    readonly tasksPerUnit?: number;
  };
}

export interface OwnJob {
  readonly state: 'announcing' | 'running' | 'paused' | 'joining' | 'finished' | 'failed' | 'cancelled' | 'expired';
  readonly kernel: string;
  readonly units: number;
  readonly tasks: number;
  readonly done: number;
  /** `own`, `quorum 2/2`, or both with their numbers of units. */
  readonly label: string;
  readonly unitsPerSecond: number | undefined;
  readonly etaSeconds: number | undefined;
  readonly elapsedMs: Millis;
  readonly counts: Readonly<Record<UnitState, number>> | undefined;
  readonly refuted: readonly { readonly author: PeerKey; readonly units: number }[];
  readonly outcome: Outcome | undefined;
  readonly picture: PicturePlan | undefined;
}

export type Outcome =
  | {
      readonly state: 'finished';
      readonly show: KernelManifest['result']['show'];
      /** Present exactly if `show` is `table`. */
      readonly columns?: Columns | undefined;
      /** Present where the kernel says how its results are drawn. */
      readonly plot?: PlotMaterial | undefined;
      readonly byteLength: number;
      readonly sha256: string;
    }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'cancelled' | 'expired' };

/** Tiles are rows first, from the top left; one task draws one tile. */
export interface PicturePlan {
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: 1 | 2 | 3;
  readonly tileWidth: number;
  readonly tileHeight: number;
}
