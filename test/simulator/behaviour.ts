/**
 * How a peer behaves. Honest peers are the plain composition; an adversary is the same composition with its executor,
 * its state machine or its willingness to serve blocks wrapped. So every attack runs against the real rules, from
 * within the real rules.
 */
import type { PeerKey } from '../../node/protocol/ids.ts';
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
  /** Says something on gossip past the state machine. */
  readonly publish: (bytes: Uint8Array) => void;
}

export interface Behaviour {
  readonly name: string;
  readonly honest: boolean;
  /** Whether it answers requests for blocks. Default true. */
  readonly servesBlocks?: boolean;
  executor?(inner: Executor, context: BehaviourContext): Executor;
  machine?(inner: PeerStateMachine, context: BehaviourContext): PeerStateMachine;
}

export const honest: Behaviour = { name: 'honest', honest: true };
