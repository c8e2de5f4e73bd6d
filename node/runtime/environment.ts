/**
 * What the world must offer a peer, as six small interfaces. The same state machine and driver run on whichever
 * implementation is handed in: Node.js (`daemon/`), the tab (`browser/`), virtual time (`test/simulator`).
 *
 * Rule for all of them: an implementation never calls back inside the call that started the work. Completions come
 * later, from its own turn, so that the driver's inbox is the only place where order is made.
 */
import type { Execution, ExecutionFailureCode, ExecutionRequest } from '../protocol/effect.ts';
import type { DialFailureCode } from '../protocol/event.ts';
import type { Cid, JobId, Millis, PeerKey, Ticket } from '../protocol/ids.ts';
import type { RunProgress } from '../protocol/view.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { CodedError } from './coded-error.ts';

export interface Clock {
  /** Milliseconds since 1970, but never running backwards within one process. */
  now(): Millis;
  /** Calls `callback` once, at or after `at`. Returns a function that cancels it. */
  schedule(at: Millis, callback: () => void): () => void;
  /** Runs `callback` soon, after the current turn, without starving timers or I/O. */
  defer(callback: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). For jitter only; nothing that must be unpredictable. */
  next(): number;
}

export interface Identity {
  readonly publicKey: PeerKey;
  /** 32 secret bytes derived from the key: salts of commitments come from them. */
  readonly saltSecret: Uint8Array;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** Ed25519 by the platform's native verifier. Resolves to one answer per item, in order; never rejects. */
  verify(items: readonly VerificationItem[]): Promise<readonly boolean[]>;
}

export interface VerificationItem {
  readonly author: PeerKey;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads and writes blocks by CID. Readers always get bytes that hash to the CID. */
export interface BlockStore {
  get(cid: Cid): Promise<Uint8Array | undefined>;
  has(cid: Cid): Promise<boolean>;
  /** Pinned for `job` until `release(job)`. Rejects with a StorageError (quota, disk-full). The caller has checked the hash. */
  put(cid: Cid, bytes: Uint8Array, job: JobId | undefined): Promise<void>;
  release(job: JobId): Promise<void>;
}

export interface Store {
  /** Every record, keys in ascending order. */
  load(): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]>;
  /** One atomic batch. With `sync`, resolves only when it would survive a power cut. Rejects with a StorageError. */
  write(
    writes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[],
    sync: boolean,
  ): Promise<void>;
  readonly blocks: BlockStore;
  close(): Promise<void>;
}

export class StorageError extends CodedError<'disk-full' | 'quota' | 'failed'> {
  override readonly name = 'StorageError';
}

export interface Executor {
  /** `progress` is called now and then while it runs. */
  execute(
    ticket: Ticket,
    request: ExecutionRequest,
    done: (outcome: ExecutionOutcome) => void,
    progress?: (progress: RunProgress) => void,
  ): void;
  /**
   * The run ends with `execution-failed`, code `cancelled`, unless it has already completed. With `keep` it stops at its
   * next step boundary, and what it has done so far is kept for when the same is executed again; otherwise at once.
   */
  cancel(ticket: Ticket, keep?: boolean): void;
  /** Ends everything; what runs is kept as `cancel` does. */
  close(): Promise<void>;
}

export type ExecutionOutcome =
  /** `note` tells the author of a program why it failed, for display; it is no part of any result. */
  | { readonly ok: true; readonly execution: Execution; readonly note?: string | undefined }
  | { readonly ok: false; readonly code: ExecutionFailureCode; readonly detail: string };

/** Everything a transport reports. Installed once, by `start`. */
export interface TransportListener {
  connected(peer: PeerKey, address: string, agent: string): void;
  disconnected(peer: PeerKey): void;
  incompatible(peer: PeerKey, address: string, agent: string, detail: string): void;
  dialFailed(address: string, code: DialFailureCode, detail: string): void;
  roundTrip(peer: PeerKey, roundTripMs: Millis): void;
  /** `token` must be answered by `answer`, at the latest after VALIDATION_TIMEOUT of the transport. */
  gossip(token: Ticket, source: PeerKey, bytes: Uint8Array): void;
  direct(peer: PeerKey, bytes: Uint8Array): void;
}

export interface FetchRequest {
  readonly job: JobId;
  readonly cids: readonly Cid[];
  readonly providers: readonly PeerKey[];
  readonly bytesMax: number;
}

export type FetchOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly missing: readonly Cid[]; readonly asked: readonly PeerKey[] };

export interface Transport {
  start(listener: TransportListener): Promise<void>;
  stop(): Promise<void>;
  publish(bytes: Uint8Array): void;
  answer(token: Ticket, answer: 'accept' | 'ignore' | 'reject'): void;
  send(peer: PeerKey, bytes: Uint8Array): void;
  /** Blocks already kept are not asked for; fetched ones are hash-checked and in the block store when `done` is called. */
  fetch(request: FetchRequest, done: (outcome: FetchOutcome) => void): void;
}

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: Identity;
  readonly store: Store;
  readonly executor: Executor;
  /** What the executor keeps of runs it has not finished; undefined where it keeps nothing. */
  readonly checkpoints?: CheckpointStore | undefined;
  readonly transport: Transport;
}
