/**
 * Numbers the whole network must share: two peers that differ in one of them would admit or count differently.
 * Their fingerprint goes into every topic name and stream id, so that such peers never hear each other at all
 * instead of disagreeing quietly. What one machine prefers (cores, folders, addresses) is not in here.
 */
import { encode } from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';
import type { Millis } from './ids.ts';

export const PROTOCOL_VERSION = 1;
/** How a kernel and its host speak: by exports of the kernel alone, or as a WASI preview1 program. A job names one. */
export const ABI_VERSION = 1;
export const WASI_ABI_VERSION = 2;
export const ABI_VERSIONS: readonly number[] = [ABI_VERSION, WASI_ABI_VERSION];

export interface Parameters {
  readonly preset: 'open' | 'private' | 'test';
  /** Names the network in signed bytes: a statement of one network means nothing in another. */
  readonly network: string;
  readonly holdFloorMs: Millis;
  readonly holdCapMs: Millis;
  /** A reveal is overdue this long after hold and m commits; a Close follows a reveal after the same time. */
  readonly overdueMs: Millis;
  /** A claim or commit of a peer that disconnected from me stops counting after this. */
  readonly goneMs: Millis;
  /** Most time between the start of one idle rank and the next. */
  readonly backoffMaxMs: Millis;
  readonly leaseMinMs: Millis;
  readonly leaseMaxMs: Millis;
  /** Roster size up to which everybody may run every unit. */
  readonly openRosterMax: number;
  /** Lowest ranks that may start when a unit opens, in larger rosters. */
  readonly firstRanks: number;
  readonly quorumMin: number;
  readonly closesMax: number;
  /** Gossip one author may send of each kind; honest senders stay under 80 % of it. */
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
}

const OPEN: Omit<Parameters, 'network'> = {
  preset: 'open',
  holdFloorMs: 250,
  holdCapMs: 3_000,
  overdueMs: 5_000,
  goneMs: 2_000,
  backoffMaxMs: 1_500,
  leaseMinMs: 2_000,
  leaseMaxMs: 60_000,
  openRosterMax: 16,
  firstRanks: 3,
  quorumMin: 2,
  closesMax: 4,
  messagesPerSecond: 4,
  messageBurst: 16,
};

export function openParameters(): Parameters {
  return { ...OPEN, network: 'open' };
}

/** A network behind a swarm key; `network` is derived from that key. */
export function privateParameters(network: string): Parameters {
  return {
    ...OPEN,
    preset: 'private',
    network,
    holdFloorMs: 20,
    overdueMs: 1_000,
    quorumMin: 1,
    messagesPerSecond: 40,
    messageBurst: 80,
  };
}

/** Loopback and simulated networks: private timing under a name of their own. */
export function testParameters(network: string): Parameters {
  return { ...privateParameters(network), preset: 'test' };
}

/** 16 hex digits over every parameter, the protocol's version and the ABIs. */
export function fingerprint(parameters: Parameters): string {
  return toHex(sha256(encode([PROTOCOL_VERSION, [...ABI_VERSIONS], { ...parameters }]))).slice(0, 16);
}
