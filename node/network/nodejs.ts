/** The Node.js side of the network adapter: tcp, listening, the relay, and the native hash. Not for browser bundles. */
import { createHash } from 'node:crypto';
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { WebSocket as NodeWebSocket } from 'ws';
import type { Carriers } from './carriers.ts';
import { NetworkError } from './error.ts';
import type { TransportFactory } from './libp2p-node.ts';
import {
  RELAY_RESERVATION_MS,
  RELAY_RESERVATIONS_MAX,
  RELAYED_CONNECTION_BYTES,
  RELAYED_CONNECTION_MS,
  RELAYED_CONNECTIONS_PER_PEER_MAX,
} from './limits.ts';
import { createTransport, type NetworkTransport, type TransportOptions } from './transport.ts';

export interface NodeTransportOptions extends Omit<TransportOptions, 'carriers' | 'sha256'> {
  /** PEM, for listen addresses with `/tls/ws`; without it such an address is refused. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  /** Asked for where there is a listen address of webrtc-direct. Without it libp2p makes a new one at every start. */
  readonly webRtcCertificate?: () => Promise<WebRtcCertificate>;
  /** Tabs that meet by way of this peer at once; 0 makes it no relay. Default 96, and 0 with a swarm key. */
  readonly reservationsMax?: number;
}

export interface WebRtcCertificate {
  /** PEM, PKCS#8, of the curve P-256. */
  readonly privateKey: string;
  readonly pem: string;
  /** As in a multiaddr. */
  readonly certhash: string;
}

/** As `createTransport`, with everything a peer on Node.js can use. */
export function createNodeTransport(options: NodeTransportOptions): NetworkTransport {
  // Node.js 20 has no global WebSocket, which the transport dials with. Delete when `engines` says 22 or newer.
  (globalThis as { WebSocket?: unknown }).WebSocket ??= NodeWebSocket;
  const encrypted = options.listen.find((address) => /\/(tls|wss)(\/|$)/.test(address));
  if (encrypted !== undefined && options.tls === undefined) {
    throw new NetworkError('address-refused', `${encrypted}: encrypted websockets need a certificate and its key`);
  }
  return createTransport({ ...options, carriers: () => loadCarriers(options), sha256 });
}

async function loadCarriers(options: NodeTransportOptions): Promise<Carriers> {
  const { listen, swarmKey, tls, reservationsMax, webRtcCertificate } = options;
  const sockets = [tcp(), webSockets(tls === undefined ? {} : { https: { cert: tls.certificate, key: tls.key } })];
  // A swarm key protects tcp and websockets only, and tabs, which have no other use for a relay, cannot have one.
  if (swarmKey !== undefined) return { transports: sockets };
  const transports: TransportFactory[] = [...sockets, circuitRelayTransport()];
  if (listen.some((address) => address.includes('webrtc'))) {
    // Its native part is only loaded where somebody asks for it.
    const { webRTCDirect } = await import('@libp2p/webrtc');
    const certificate = await webRtcCertificate?.();
    const kept = certificate === undefined ? {} : { certificate };
    transports.push(webRTCDirect({ rtcConfiguration: { iceServers: [] }, ...kept }));
  }
  const max = reservationsMax ?? RELAY_RESERVATIONS_MAX;
  if (max === 0) return { transports };
  const factory = circuitRelayServer({
    maxInboundHopStreams: RELAYED_CONNECTIONS_PER_PEER_MAX,
    maxOutboundStopStreams: RELAYED_CONNECTIONS_PER_PEER_MAX,
    reservations: {
      maxReservations: max,
      reservationTtl: RELAY_RESERVATION_MS,
      defaultDurationLimit: RELAYED_CONNECTION_MS,
      defaultDataLimit: RELAYED_CONNECTION_BYTES,
    },
  });
  return { transports, relay: { factory, reservationsMax: max } };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
