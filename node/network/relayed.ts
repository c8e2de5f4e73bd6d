/**
 * Connections by way of a third peer. A relayed connection runs through a relay for as long as it lives; WebRTC only
 * meets there, and then runs from peer to peer. Both carry `/p2p-circuit` in their addresses, and the relay's host.
 */
import type { Connection } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';

/** What a peer offers that can be dialled by `/webrtc`. */
export const SIGNALLING = '/webrtc-signaling/0.0.1';
/** What a peer offers that is a relay. */
export const HOP = '/libp2p/circuit/relay/0.2.0/hop';

export function isRelayed({ remoteAddr, limits }: Pick<Connection, 'remoteAddr' | 'limits'>): boolean {
  return limits !== undefined || isRelayAddress(remoteAddr);
}

/** Through a relay, or by WebRTC that meets at one. */
export function isByRelay(address: Multiaddr): boolean {
  return namesOf(address).includes('p2p-circuit');
}

/** Every byte to this address would go through a relay. */
export function isRelayAddress(address: Multiaddr): boolean {
  const names = namesOf(address);
  return names.includes('p2p-circuit') && !names.includes('webrtc');
}

/** Its end is told by silence only: no socket closes when the other side is killed. */
export function isWebRtc(address: Multiaddr): boolean {
  return namesOf(address).some((name) => name.startsWith('webrtc'));
}

/** Where the two ends of a relayed connection can meet for WebRTC. */
export function webRtcAddress(relayed: Multiaddr): Multiaddr {
  return multiaddr(relayed.toString().replace('/p2p-circuit/', '/p2p-circuit/webrtc/'));
}

/** The IP address that an address by way of a relay begins with; undefined for other addresses, and for names. */
export function relayHost(address: Multiaddr): string | undefined {
  const [host] = address.getComponents();
  if (!namesOf(address).includes('p2p-circuit')) return undefined;
  return host?.name === 'ip4' || host?.name === 'ip6' ? host.value : undefined;
}

function namesOf(address: Multiaddr): readonly string[] {
  return address.getComponents().map(({ name }) => name);
}
