/** The tab's side of the network adapter: dials websockets, listens nowhere, hashes with the browser's own code. */
import { webSockets } from '@libp2p/websockets';
import { createTransport, type NetworkTransport, type TransportOptions } from '../../node/network/transport.ts';
import { sha256 } from './sha256.ts';

export type TabTransportOptions = Omit<TransportOptions, 'transports' | 'sha256' | 'listen' | 'announce'>;

/** As `createTransport`, with everything a tab can use. */
export function createTabTransport(options: TabTransportOptions): NetworkTransport {
  return createTransport({ ...options, listen: [], transports: [webSockets()], sha256 });
}
