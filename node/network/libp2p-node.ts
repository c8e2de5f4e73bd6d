/**
 * How libp2p is put together here. Only what a Shoal peer needs is on: no mDNS, DHT, NAT mapping or STUN, so nothing
 * is sent to any address but those the owner or connected peers gave. Transports and the relay are handed in, because
 * tcp exists on Node.js only, and a tab loads what it may not need later.
 */
import type { GossipSub } from '@chainsafe/libp2p-gossipsub';
import type { CircuitRelayService, circuitRelayServer } from '@libp2p/circuit-relay-v2';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionGater, ConnectionProtector, Libp2p, PrivateKey, Upgrader } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2pOptions } from 'libp2p';
import { messageOf } from './error.ts';
import { type GossipServiceOptions, gossipService } from './gossip.ts';
import { DIAL_TIMEOUT_MS, INBOUND_CONNECTIONS_PER_SECOND_MAX, INBOUND_PENDING_MAX, REFUSALS_MAX } from './limits.ts';
import type { SwarmKey } from './swarm-key.ts';

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];
export type RelayFactory = ReturnType<typeof circuitRelayServer>;

export interface Services extends Record<string, unknown> {
  readonly identify: Identify;
  readonly gossip: GossipSub;
  /** Where this peer serves as a relay. */
  readonly relay?: CircuitRelayService;
}

export interface Libp2pNodeOptions extends GossipServiceOptions {
  readonly privateKey: PrivateKey;
  readonly listen: readonly Multiaddr[];
  readonly announce: readonly Multiaddr[];
  readonly swarmKey: SwarmKey | undefined;
  readonly agent: string;
  readonly transports: readonly TransportFactory[];
  readonly relay?: RelayFactory | undefined;
  readonly peersMax: number;
  /** Who may use the relay. */
  readonly gater?: ConnectionGater;
  /** An incoming connection failed its handshake. */
  inboundFailed(address: Multiaddr, error: HandshakeError): void;
}

/** Not started yet, so that handlers can be registered first. */
export async function createNode(options: Libp2pNodeOptions): Promise<Libp2p<Services>> {
  const connectionProtector = options.swarmKey === undefined ? undefined : await protectorOf(options.swarmKey);
  return createLibp2p<Services>({
    start: false,
    privateKey: options.privateKey,
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: options.listen.map(String), announce: options.announce.map(String) },
    transports: options.transports.map((transport) => watchHandshakes(transport, options)),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    ...(connectionProtector === undefined ? {} : { connectionProtector }),
    connectionGater: {
      // The default gater of browsers refuses loopback and plain websockets; which addresses are dialled is decided here.
      denyDialMultiaddr: () => false,
      denyInboundEncryptedConnection: (peer) => peer.type !== 'Ed25519',
      denyOutboundEncryptedConnection: (peer) => peer.type !== 'Ed25519',
      ...options.gater,
    },
    connectionManager: {
      // Who is too much is told so before it is hung up; and a peer may have a relayed connection beside its own.
      maxConnections: 2 * options.peersMax + REFUSALS_MAX,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND_MAX,
      maxIncomingPendingConnections: INBOUND_PENDING_MAX,
      addressDialTimeout: DIAL_TIMEOUT_MS,
      // The dialer decides about reconnecting.
      reconnectRetries: 0,
    },
    // Links are measured, and dead ones dropped, by our own beats: libp2p's would do the same work twice.
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      gossip: gossipService(options),
      ...(options.relay === undefined ? {} : { relay: options.relay }),
    },
  });
}

/** Loaded only where there is a key: its cipher compiles WebAssembly on import, which a page's policy does not allow. */
async function protectorOf(key: SwarmKey): Promise<() => ConnectionProtector> {
  const { preSharedKey } = await import('@libp2p/pnet');
  return preSharedKey({ psk: key.text });
}

/** The transport connected, but the handshake over it failed: protection, encryption or multiplexing. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/**
 * Two things libp2p does not tell: whether a failed dial got as far as the handshake, and that an incoming connection
 * failed. With a swarm key both are what the owner must hear of.
 */
function watchHandshakes(transport: TransportFactory, { inboundFailed }: Libp2pNodeOptions): TransportFactory {
  return (components) => {
    const inner = transport(components);
    const dial = inner.dial.bind(inner);
    const createListener = inner.createListener.bind(inner);
    inner.dial = (address, options) =>
      dial(address, { ...options, upgrader: watched(options.upgrader, inboundFailed) });
    inner.createListener = (options) =>
      createListener({ ...options, upgrader: watched(options.upgrader, inboundFailed) });
    return inner;
  };
}

function watched(upgrader: Upgrader, inboundFailed: Libp2pNodeOptions['inboundFailed']): Upgrader {
  const upgradeInbound: Upgrader['upgradeInbound'] = async (connection, options) => {
    try {
      await upgrader.upgradeInbound(connection, options);
    } catch (error) {
      inboundFailed(connection.remoteAddr, new HandshakeError(error));
      throw error;
    }
  };
  const upgradeOutbound: Upgrader['upgradeOutbound'] = async (connection, options) => {
    try {
      return await upgrader.upgradeOutbound(connection, options);
    } catch (error) {
      throw new HandshakeError(error);
    }
  };
  return {
    upgradeInbound,
    upgradeOutbound,
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
  };
}
