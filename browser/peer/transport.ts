/**
 * The tab's side of the network adapter: dials websockets, WebRTC to daemons and WebRTC to other tabs, which it meets
 * at a relay, and hashes with the browser's own code. It listens nowhere: what makes it reachable is a place at a
 * daemon's relay. Everything but websockets is loaded when it is needed, after the page.
 */
import { webSockets } from '@libp2p/websockets';
import type { Carriers } from '../../node/network/carriers.ts';
import { messageOf } from '../../node/network/error.ts';
import { RELAYS_PER_TAB } from '../../node/network/limits.ts';
import { createTransport, type NetworkTransport, type TransportOptions } from '../../node/network/transport.ts';
import type { Logger } from '../../node/runtime/log.ts';
import { sha256 } from './sha256.ts';

export type TabTransportOptions = Omit<TransportOptions, 'carriers' | 'sha256' | 'listen' | 'announce'>;

/** As `createTransport`, with everything a tab can use. */
export function createTabTransport(options: TabTransportOptions): NetworkTransport {
  return createTransport({ ...options, listen: [], carriers: () => loadCarriers(options.logger), sha256 });
}

async function loadCarriers(logger: Logger): Promise<Carriers> {
  try {
    const [{ circuitRelayTransport }, { webRTC, webRTCDirect }] = await Promise.all([
      import('@libp2p/circuit-relay-v2'),
      import('@libp2p/webrtc'),
    ]);
    // Without this line libp2p would ask public STUN servers who this machine is.
    const init = { rtcConfiguration: { iceServers: [] } };
    return {
      transports: [webSockets(), webRTC(init), webRTCDirect(init)],
      relayed: { factory: circuitRelayTransport, relays: RELAYS_PER_TAB },
    };
  } catch (error) {
    logger.log('warn', 'WebRTC and relays could not be loaded; only daemons are reached', { error: messageOf(error) });
    return { transports: [webSockets()] };
  }
}
