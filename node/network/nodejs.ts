/** The Node.js side of the network adapter: tcp, listening on websockets, and the native hash. Not for browser bundles. */
import { createHash } from 'node:crypto';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { WebSocket as NodeWebSocket } from 'ws';
import { createTransport, type NetworkTransport, type TransportOptions } from './transport.ts';

export type NodeTransportOptions = Omit<TransportOptions, 'transports' | 'sha256'>;

/** As `createTransport`, with everything a peer on Node.js can use. */
export function createNodeTransport(options: NodeTransportOptions): NetworkTransport {
  // Node.js 20 has no global WebSocket, which the transport dials with. Delete when `engines` says 22 or newer.
  (globalThis as { WebSocket?: unknown }).WebSocket ??= NodeWebSocket;
  return createTransport({ ...options, transports: [tcp(), webSockets()], sha256 });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
