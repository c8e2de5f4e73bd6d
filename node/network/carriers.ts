/**
 * What carries a peer's connections, loaded when its transport starts: a tab does not load WebRTC and the relay with
 * its page, and a daemon only loads what it listens on.
 */
import type { CircuitRelayTransportInit } from '@libp2p/circuit-relay-v2';
import type { RelayFactory, TransportFactory } from './libp2p-node.ts';

export interface Carriers {
  readonly transports: readonly TransportFactory[];
  /** Makes this peer a relay for others of its network. */
  readonly relay?: { readonly factory: RelayFactory; readonly reservationsMax: number };
  /** Makes this peer take places at relays, so that others reach it there. */
  readonly relayed?: { readonly factory: CircuitTransportFactory; readonly relays: number };
}

/** `circuitRelayTransport` of the relay's package. */
export type CircuitTransportFactory = (init?: CircuitRelayTransportInit) => TransportFactory;
