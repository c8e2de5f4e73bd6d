/**
 * What a peer looks like from outside: a snapshot for `shoal status`, the dashboard and tests. Plain data, JSON-safe.
 * Reasons are codes with their facts; `runtime/why.ts` puts them into words.
 */
import type { DialFailureCode, PauseReason } from './event.ts';
import type { Cid, Digest, JobId, Millis, PeerKey, UnitIndex } from './ids.ts';
import type { JobSpec } from './work/job.ts';

/** How much stands behind a result. */
export type ResultLabel =
  | { readonly kind: 'own' }
  | { readonly kind: 'quorum'; readonly counted: number; readonly needed: number; readonly sequential: boolean };

export type UnitState = 'open' | 'claimed' | 'committed' | 'revealed' | 'disputed' | 'agreed' | 'own' | 'satisfied';

export interface PeerRow {
  readonly peer: PeerKey;
  readonly address: string;
  /** Listen addresses it announced in its identity. */
  readonly addresses: readonly string[];
  readonly agent: string;
  readonly connected: boolean;
  /** Set when it speaks another version or network. */
  readonly incompatible: string | undefined;
  readonly roundTripMs: Millis | undefined;
  readonly cores: number | undefined;
  /** Refutations and equivocations this peer has seen of it. */
  readonly offences: number;
}

export interface JobRow {
  readonly job: JobId;
  readonly submitter: PeerKey;
  readonly own: boolean;
  readonly title: string;
  readonly state: 'announcing' | 'running' | 'paused' | 'finished' | 'cancelled' | 'expired';
  readonly units: number;
  readonly tasks: number;
  /** Units by state; the numbers add up to `units`. */
  readonly counts: Readonly<Record<UnitState, number>>;
  readonly roster: number;
  readonly quorum: number;
  /** Fuel of units with a result. */
  readonly fuel: number;
  /** Runs so far: reveals seen, and own runs taken as they are. Over all units. */
  readonly executions: number;
  readonly submittedAtMs: Millis;
  readonly finishedAtMs: Millis | undefined;
  readonly refuted: readonly { readonly author: PeerKey; readonly units: number }[];
  readonly why: readonly Reason[];
}

export interface UnitRow {
  readonly unit: UnitIndex;
  readonly state: UnitState;
  readonly label: ResultLabel | undefined;
  readonly root: Digest | undefined;
  readonly output: Cid | undefined;
  readonly claimedBy: readonly PeerKey[];
  readonly committedBy: readonly PeerKey[];
  readonly revealedBy: readonly { readonly author: PeerKey; readonly root: Digest }[];
  readonly countedAuthors: readonly PeerKey[];
  readonly fuel: number;
}

export interface ReplicaRow {
  readonly job: JobId;
  readonly unit: UnitIndex;
  readonly phase: string;
  readonly sinceMs: Millis;
  /** While it is executed, as far as known; added by the driver, since the rules do not depend on it. */
  readonly progress?: RunProgress | undefined;
}

export interface RunProgress {
  readonly tasksDone: number;
  readonly tasks: number;
  /** Steps of the task that runs; both 0 while they are not known. */
  readonly stepsDone: number;
  readonly steps: number;
  /** Part of the whole that had been done in an earlier run, 0 to 1; 0 for a run from the beginning. */
  readonly resumedAt: number;
}

/** From 0 to 1, as if all tasks took the same time. */
export function partDone({ tasksDone, tasks, stepsDone, steps }: Omit<RunProgress, 'resumedAt'>): number {
  return Math.min(1, (tasksDone + (steps === 0 ? 0 : stepsDone / steps)) / Math.max(1, tasks));
}

export interface JobView extends JobRow {
  readonly spec: JobSpec;
  readonly rosterPeers: readonly PeerKey[];
  readonly unitRows: readonly UnitRow[];
}

export interface PeerView {
  readonly self: PeerKey;
  readonly nowMs: Millis;
  readonly cores: number;
  readonly paused: readonly PauseReason[];
  readonly observer: string | undefined;
  readonly holdMs: Millis;
  readonly peers: readonly PeerRow[];
  readonly jobs: readonly JobRow[];
  readonly replicas: readonly ReplicaRow[];
  readonly totals: {
    readonly unitsExecuted: number;
    readonly unitsCounted: number;
    readonly fuelExecuted: number;
    readonly statements: number;
  };
  readonly why: readonly Reason[];
}

/** Why this peer idles, or why a job waits. A closed union; words in `runtime/why.ts`. */
export type Reason =
  | { readonly code: 'no-peers' }
  | {
      readonly code: 'dial-failed';
      readonly address: string;
      readonly failure: DialFailureCode;
      readonly detail: string;
    }
  | { readonly code: 'no-job' }
  | { readonly code: 'computes-nothing' }
  | { readonly code: 'not-rostered'; readonly job: JobId }
  | { readonly code: 'rank-not-open'; readonly job: JobId; readonly untilMs: Millis }
  | { readonly code: 'claimed-by-others'; readonly job: JobId; readonly untilMs: Millis | undefined }
  | {
      readonly code: 'waiting-for-quorum';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly have: number;
      readonly need: number;
      readonly units: number;
    }
  | { readonly code: 'held'; readonly job: JobId; readonly unit: UnitIndex; readonly untilMs: Millis }
  | {
      readonly code: 'disputed';
      readonly job: JobId;
      readonly unit: UnitIndex;
      readonly wants: 'opening' | 're-execution' | 'replica';
      readonly units: number;
    }
  | {
      readonly code: 'inputs-unavailable';
      readonly job: JobId;
      readonly missing: number;
      readonly asked: readonly PeerKey[];
    }
  | { readonly code: 'paused'; readonly reasons: readonly PauseReason[] }
  | { readonly code: 'job-paused'; readonly job: JobId }
  | { readonly code: 'storage'; readonly detail: string }
  | { readonly code: 'sandbox'; readonly detail: string }
  | { readonly code: 'roster-below-quorum'; readonly job: JobId; readonly roster: number; readonly quorum: number }
  | { readonly code: 'alone'; readonly job: JobId }
  | { readonly code: 'poison-unit'; readonly job: JobId; readonly unit: UnitIndex; readonly how: string }
  | { readonly code: 'unrevealed-full'; readonly commits: number }
  | { readonly code: 'working'; readonly units: number };
