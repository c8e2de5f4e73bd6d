/**
 * What a peer tells its owner as it happens. The CLI's progress, the dashboard and the demonstration live on these;
 * everything in them can also be read at any time from the peer's view.
 */
import type { Cid, Digest, JobId, Millis, PeerKey, Ticket, UnitIndex } from './ids.ts';
import type { ResultLabel } from './view.ts';

export type Notification =
  | { readonly type: 'job-accepted'; readonly ticket: Ticket; readonly job: JobId }
  | { readonly type: 'job-refused'; readonly ticket: Ticket; readonly code: string; readonly detail: string }
  /** A job of somebody else became known. */
  | { readonly type: 'job-known'; readonly job: JobId; readonly submitter: PeerKey; readonly title: string }
  /** Work on own job: one unit is agreed (or `own`), its output is kept here under `output`. */
  | {
      readonly type: 'unit-result';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly label: ResultLabel;
      readonly root: Digest;
      readonly output: Cid;
      readonly fuel: number;
      readonly authors: readonly PeerKey[];
    }
  | { readonly type: 'job-finished'; readonly job: JobId }
  | { readonly type: 'job-cancelled'; readonly job: JobId }
  /** This peer's verdict on a unit changed. */
  | {
      readonly type: 'verdict';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly verdict: 'pending' | 'agreed' | 'disputed';
    }
  /** A replica of this peer moved on. */
  | { readonly type: 'replica'; readonly job: JobId; readonly unit: UnitIndex; readonly phase: string }
  /** A root was refuted by re-execution: its author is voided in this job. */
  | {
      readonly type: 'refuted';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly author: PeerKey;
      readonly root: Digest;
      readonly leaf: number;
    }
  | { readonly type: 'equivocated'; readonly job: JobId; readonly unit: UnitIndex; readonly author: PeerKey }
  | { readonly type: 'statement-refused'; readonly source: PeerKey | undefined; readonly code: string }
  | {
      readonly type: 'unit-failed-here';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly code: string;
      readonly detail: string;
    }
  | {
      readonly type: 'took-over';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly from: PeerKey;
      readonly atMs: Millis;
    };
