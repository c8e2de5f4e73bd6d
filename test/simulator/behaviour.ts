/**
 * How a peer behaves. Honest peers are the plain composition; an adversary is the same composition with its executor,
 * its state machine or its willingness to serve blocks wrapped. So every attack runs against the real rules, from
 * within the real rules.
 */
import type { Execution } from '../../node/protocol/effect.ts';
import type { Digest, PeerKey } from '../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../node/protocol/machine.ts';
import type { Executor, Identity } from '../../node/runtime/environment.ts';
import type { VirtualClock } from './clock.ts';
import type { RandomStream } from './random.ts';
import type { WireRecord } from './wire-record.ts';

export interface BehaviourContext {
  readonly self: PeerKey;
  readonly identity: Identity;
  readonly clock: VirtualClock;
  readonly random: RandomStream;
  /** What has been said on the network so far: an adversary hears everything. */
  readonly wire: WireRecord;
  /** Name of the network, which is part of what is signed. */
  readonly network: string;
  /** What anybody has computed, by root: whoever publishes a root can be asked for what is behind it. */
  readonly known: ReadonlyMap<Digest, Execution>;
  /** Says something on gossip past the state machine. */
  readonly publish: (bytes: Uint8Array) => void;
}

export interface Behaviour {
  readonly name: string;
  readonly honest: boolean;
  /** Whether it answers requests for blocks. Default true. */
  readonly servesBlocks?: boolean;
  /** Whether what its executor hands over was computed here. Default true. */
  readonly computes?: boolean;
  executor?(inner: Executor, context: BehaviourContext): Executor;
  machine?(inner: PeerStateMachine, context: BehaviourContext): PeerStateMachine;
}

export const honest: Behaviour = { name: 'honest', honest: true };
