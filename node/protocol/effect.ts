/**
 * Everything a peer can ask for: a closed union. The state machine returns these from `handle`; one place, the
 * driver, performs them in order. Effects that stand behind a `persist` wait until it is on disk, so that a
 * restarted peer never contradicts what it has published. Completions come back later as events that carry the
 * same ticket; no promise crosses the seam.
 */
import type { Cid, Digest, JobId, Millis, PeerKey, Ticket, UnitIndex } from './ids.ts';
import type { Notification } from './notification.ts';
import type { Metering } from './work/job.ts';

export type Effect =
  | SignEffect
  | VerifyEffect
  | AnswerEffect
  | PublishEffect
  | SendEffect
  | PersistEffect
  | PutBlockEffect
  | ReadBlockEffect
  | FetchBlocksEffect
  | ReleaseBlocksEffect
  | ExecuteEffect
  | CancelExecutionEffect
  | NotifyEffect;

/** Sign these bytes with the peer's key. Completed by `signed`. */
export interface SignEffect {
  readonly type: 'sign';
  readonly ticket: Ticket;
  readonly bytes: Uint8Array;
}

/** Check an Ed25519 signature natively. Completed by `verified`. Verifications may be batched. */
export interface VerifyEffect {
  readonly type: 'verify';
  readonly ticket: Ticket;
  readonly author: PeerKey;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** Tells gossip what to do with a message that came with this token: forward it, drop it, or drop and penalise. */
export interface AnswerEffect {
  readonly type: 'answer';
  readonly token: Ticket;
  readonly answer: 'accept' | 'ignore' | 'reject';
}

/** Publish an envelope on the network's gossip topic. */
export interface PublishEffect {
  readonly type: 'publish';
  readonly bytes: Uint8Array;
}

/** Send a direct message (the have/want exchange) to a connected peer; dropped silently if it is gone. */
export interface SendEffect {
  readonly type: 'send';
  readonly peer: PeerKey;
  readonly bytes: Uint8Array;
}

/** One atomic batch of writes; `undefined` deletes. With `sync` it is on disk before anything behind it happens. */
export interface PersistEffect {
  readonly type: 'persist';
  readonly writes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[];
  readonly sync: boolean;
}

/** Keep a block, pinned for a job until `release-blocks`. */
export interface PutBlockEffect {
  readonly type: 'put-block';
  readonly job: JobId;
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** Read a block that is kept here. Completed by `block-read`. */
export interface ReadBlockEffect {
  readonly type: 'read-block';
  readonly ticket: Ticket;
  readonly cid: Cid;
}

/** Get blocks from other peers unless already kept; hinted providers are asked first. Completed by `blocks-fetched` or `blocks-unavailable`. */
export interface FetchBlocksEffect {
  readonly type: 'fetch-blocks';
  readonly ticket: Ticket;
  readonly job: JobId;
  readonly cids: readonly Cid[];
  readonly providers: readonly PeerKey[];
  /** Sum of what these blocks may weigh, so that a provider cannot send without end. */
  readonly bytesMax: number;
}

/** The job's blocks may be evicted. */
export interface ReleaseBlocksEffect {
  readonly type: 'release-blocks';
  readonly job: JobId;
}

/** Run a whole unit (`task` undefined), or re-execute one of its tasks. Kernel and unit input are kept here already. Completed by `executed` or `execution-failed`. */
export interface ExecuteEffect {
  readonly type: 'execute';
  readonly ticket: Ticket;
  readonly request: ExecutionRequest;
}

export interface ExecutionRequest {
  readonly job: JobId;
  readonly unit: UnitIndex;
  /** Index within the unit; undefined means all tasks. */
  readonly task: number | undefined;
  readonly taskCount: number;
  readonly kernel: Cid;
  readonly abi: number;
  readonly metering: Metering;
  readonly stepQuantum: number;
  readonly parameters: Uint8Array;
  /** dag-cbor list of the unit's task inputs. */
  readonly unitInput: Cid;
  readonly fuelPerTaskMax: number;
  readonly memoryPagesMax: number;
  readonly outputBytesPerTaskMax: number;
  /** Real time after which the run is killed; a host failure, never a result. */
  readonly wallClockMaxMs: Millis;
}

export interface CancelExecutionEffect {
  readonly type: 'cancel-execution';
  readonly ticket: Ticket;
  /** It may be wanted again: what has been computed so far is worth keeping. */
  readonly keep: boolean;
}

/** Something its owner, the CLI or a page may want to know at once. Never needed for the protocol to go on. */
export interface NotifyEffect {
  readonly type: 'notify';
  readonly notification: Notification;
}

/**
 * What a run of a unit (or of one task) produced.
 * `leaves` packs one record of 41 bytes per task: trap kind (1), fuel (8, little-endian), SHA-256 of the output (32).
 */
export interface Execution {
  readonly leaves: Uint8Array;
  /** Merkle root over the leaves; empty for a single re-executed task. */
  readonly merkleRoot: Digest;
  readonly fuel: number;
  /** dag-cbor block `{ leaves, outputs }`; undefined for a single re-executed task. */
  readonly output: { readonly cid: Cid; readonly bytes: Uint8Array } | undefined;
  readonly wallClockMs: Millis;
}

/** Why this machine could not run it. A host failure is never a result: the peer abstains. */
export type ExecutionFailureCode =
  | 'kernel-refused'
  | 'kernel-missing'
  | 'input-malformed'
  | 'out-of-memory'
  | 'wall-clock'
  | 'worker-crashed'
  | 'cancelled';
