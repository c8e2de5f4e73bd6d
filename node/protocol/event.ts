/**
 * Everything that can happen to a peer: a closed union. Time is not in here; it arrives beside the event, as the
 * second argument of `handle`. Events that complete an effect carry its ticket.
 */
import type { Execution, ExecutionFailureCode } from './effect.ts';
import type { Cid, JobId, Millis, PeerKey, Ticket, UnitIndex } from './ids.ts';
import type { JobRequest } from './work/job.ts';

export type Event =
  | StartedEvent
  | JobSubmittedEvent
  | JobControlledEvent
  | JobRaisedEvent
  | CapacityChangedEvent
  | AddressesChangedEvent
  | PeerConnectedEvent
  | PeerDisconnectedEvent
  | PeerIncompatibleEvent
  | DialFailedEvent
  | LinkMeasuredEvent
  | MessageReceivedEvent
  | DirectReceivedEvent
  | VerifiedEvent
  | SignedEvent
  | BlockReadEvent
  | BlocksFetchedEvent
  | BlocksUnavailableEvent
  | ExecutedEvent
  | ExecutionFailedEvent
  | WorkKeptEvent
  | StorageFailedEvent
  | StorageRecoveredEvent
  | SandboxChangedEvent
  | StoppingEvent
  | WokeEvent;

/** First event of a run: every record that `persist` wrote in earlier runs, keys in order. */
export interface StartedEvent {
  readonly type: 'started';
  readonly records: readonly { readonly key: string; readonly value: Uint8Array }[];
}

/** The owner wants a job announced. Kernel, input index and unit blocks are in the store already. Answered by a notification with this ticket. */
export interface JobSubmittedEvent {
  readonly type: 'job-submitted';
  readonly ticket: Ticket;
  readonly request: JobRequest;
  /** Links of the input index, one per unit. */
  readonly unitInputs: readonly Cid[];
}

/** `cancel` and `pause`/`resume` are for the owner's own jobs; `forget` drops any job from this peer. */
export interface JobControlledEvent {
  readonly type: 'job-controlled';
  readonly job: JobId;
  readonly action: 'cancel' | 'pause' | 'resume' | 'forget';
}

/** The owner wants a larger quorum for every unit of its running job. */
export interface JobRaisedEvent {
  readonly type: 'job-raised';
  readonly job: JobId;
  readonly quorum: number;
}

export type PauseReason = 'manual' | 'battery' | 'metered' | 'hours' | 'load' | 'hidden';

/** What the owner gives: units executed side by side (0 = computes nothing), and why it is paused, if it is. */
export interface CapacityChangedEvent {
  readonly type: 'capacity-changed';
  readonly cores: number;
  readonly paused: readonly PauseReason[];
}

/** Where others can dial this peer; goes into its identity. */
export interface AddressesChangedEvent {
  readonly type: 'addresses-changed';
  readonly addresses: readonly string[];
}

export interface PeerConnectedEvent {
  readonly type: 'peer-connected';
  readonly peer: PeerKey;
  readonly address: string;
  /** Agent version as told by identify, e.g. `shoal/0.1.0`; empty when unknown. */
  readonly agent: string;
}

export interface PeerDisconnectedEvent {
  readonly type: 'peer-disconnected';
  readonly peer: PeerKey;
}

/** Connected, but speaks another protocol version or another network: named in `shoal peers`, otherwise left alone. */
export interface PeerIncompatibleEvent {
  readonly type: 'peer-incompatible';
  readonly peer: PeerKey;
  readonly address: string;
  readonly agent: string;
  /** e.g. `speaks /shoal/2, this peer speaks /shoal/1`. */
  readonly detail: string;
}

export type DialFailureCode =
  | 'unreachable'
  | 'swarm-key-suspected'
  | 'refused'
  | 'timeout'
  | 'wrong-peer'
  /** The peer answers, and says that it takes no more: no connection, or no place at its relay. */
  | 'full'
  | 'failed';

export interface DialFailedEvent {
  readonly type: 'dial-failed';
  readonly address: string;
  readonly code: DialFailureCode;
  readonly detail: string;
}

export interface LinkMeasuredEvent {
  readonly type: 'link-measured';
  readonly peer: PeerKey;
  readonly roundTripMs: Millis;
}

/** A gossip message; answered by an `answer` effect with this token, perhaps after a `verify`. */
export interface MessageReceivedEvent {
  readonly type: 'message-received';
  readonly token: Ticket;
  /** The peer that forwarded it, not its author. */
  readonly source: PeerKey;
  readonly bytes: Uint8Array;
}

export interface DirectReceivedEvent {
  readonly type: 'direct-received';
  readonly peer: PeerKey;
  readonly bytes: Uint8Array;
}

export interface VerifiedEvent {
  readonly type: 'verified';
  readonly ticket: Ticket;
  readonly valid: boolean;
}

export interface SignedEvent {
  readonly type: 'signed';
  readonly ticket: Ticket;
  readonly signature: Uint8Array;
}

export interface BlockReadEvent {
  readonly type: 'block-read';
  readonly ticket: Ticket;
  readonly bytes: Uint8Array | undefined;
}

export interface BlocksFetchedEvent {
  readonly type: 'blocks-fetched';
  readonly ticket: Ticket;
}

export interface BlocksUnavailableEvent {
  readonly type: 'blocks-unavailable';
  readonly ticket: Ticket;
  readonly missing: readonly Cid[];
  readonly asked: readonly PeerKey[];
}

export interface ExecutedEvent {
  readonly type: 'executed';
  readonly ticket: Ticket;
  readonly execution: Execution;
}

export interface ExecutionFailedEvent {
  readonly type: 'execution-failed';
  readonly ticket: Ticket;
  readonly code: ExecutionFailureCode;
  readonly detail: string;
}

/** Units that earlier runs have begun and not finished, and can go on with. Once, behind `started`. */
export interface WorkKeptEvent {
  readonly type: 'work-kept';
  readonly units: readonly { readonly job: JobId; readonly unit: UnitIndex }[];
}

/** A persist or put-block did not succeed. Effects behind it were not performed; the peer turns observer. */
export interface StorageFailedEvent {
  readonly type: 'storage-failed';
  readonly code: 'disk-full' | 'quota' | 'failed';
  readonly detail: string;
}

/** The failed writes have been performed after all, in order, and everything behind them. */
export interface StorageRecoveredEvent {
  readonly type: 'storage-recovered';
}

/** Nothing can be executed here any more, for that reason; or, without one, it can again. */
export interface SandboxChangedEvent {
  readonly type: 'sandbox-changed';
  readonly failure: string | undefined;
}

/** The owner is about to stop this peer: say goodbye (claims with lease 0). */
export interface StoppingEvent {
  readonly type: 'stopping';
}

/** The one armed timer fired. State machines compare with `now` again, so a spurious one is harmless. */
export interface WokeEvent {
  readonly type: 'woke';
}
