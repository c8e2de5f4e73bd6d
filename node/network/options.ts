/** What the network adapter is made of, and what it offers beyond the `Transport` of the seam. */
import type { PrivateKey } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { Parameters } from '../protocol/parameters.ts';
import type { BlockStore, Transport } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import type { Carriers } from './carriers.ts';
import type { Sha256 } from './gossip.ts';
import type { LinkState } from './link.ts';

export interface TransportOptions {
  /** An Ed25519 key; see `privateKeyFromSeed`. */
  readonly privateKey: PrivateKey;
  /** Multiaddrs to listen on; none in a tab. */
  readonly listen: readonly string[];
  /** Addresses told to others instead of those listened on, e.g. behind a router. */
  readonly announce?: readonly string[];
  readonly bootstrap: readonly string[];
  /** A private network's key in its text form. */
  readonly swarmKey?: Uint8Array | undefined;
  readonly parameters: Parameters;
  readonly blocks: BlockStore;
  readonly logger: Logger;
  /** Told to other peers, e.g. `shoal/0.1.0`. */
  readonly agent: string;
  /** What carries its connections; called once, at start. */
  readonly carriers: () => Promise<Carriers>;
  /** Peers connected at once; further ones are told that this peer is full. Default 128. */
  readonly peersMax?: number;
  /** Called in a turn of its own whenever `multiaddrs` has changed since `start`: a relay was found or lost. */
  readonly addressesChanged?: (addresses: readonly string[]) => void;
  readonly sha256: Sha256;
  /** Makes the turn in which messages are published. A tab hands in its own, which an ending page still gets. */
  readonly soon?: (callback: () => void) => void;
  /** Calls back again and again; returns what ends it. A tab hands in its own, since timers of hidden pages are slow. */
  readonly every?: (intervalMs: number, callback: () => void) => () => void;
  /** When a provider of a block has sent nothing for this long the next one is asked beside it. Default 5 s. */
  readonly providerPatienceMs?: number;
}

export interface ConnectedPeer {
  readonly peer: PeerKey;
  readonly address: string;
  readonly agent: string;
  readonly direction: 'inbound' | 'outbound';
  readonly state: LinkState;
  /** Everything between the two goes through a relay. */
  readonly isRelayed: boolean;
  readonly roundTripMs: number | undefined;
}

/** What is used of what there is. */
export interface NetworkUsage {
  readonly connections: { readonly now: number; readonly max: number };
  /** Undefined for a peer that is no relay. */
  readonly relay: { readonly reservations: number; readonly max: number } | undefined;
}

export interface NetworkTransport extends Transport {
  readonly self: PeerKey;
  /** Where this peer can be reached, with its name at the end. Empty before `start`. */
  multiaddrs(): readonly string[];
  /** Rejects with a NetworkError. A failure is also reported as `dialFailed`. */
  dial(address: string): Promise<void>;
  /** Remembers where a peer can be reached, and dials it while there are few connections. */
  learn(peer: PeerKey, addresses: readonly string[]): void;
  peers(): readonly ConnectedPeer[];
  usage(): NetworkUsage;
}
