/** Multiaddrs from the owner and from strangers: the owner's must be right, strangers' are dropped when they are not. */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../protocol/ids.ts';
import { messageOf, NetworkError } from './error.ts';
import { peerKeyOfName, peerNameOf } from './peer-key.ts';

/** Throws a NetworkError `address-malformed` that names the address and shows what one looks like. */
export function parseAddress(text: string): Multiaddr {
  try {
    const address = multiaddr(text);
    if (address.getComponents().length === 0) throw new RangeError('it is empty');
    return address;
  } catch (error) {
    throw new NetworkError(
      'address-malformed',
      `not a multiaddr: ${JSON.stringify(text.slice(0, 200))} (${messageOf(error)}); expected e.g. /ip4/192.0.2.7/tcp/4001`,
      { cause: error },
    );
  }
}

/** As `parseAddress`, and refuses what cannot be guarded by a swarm key: only tcp and websockets can. */
export function parseListenAddress(text: string, hasSwarmKey: boolean): Multiaddr {
  const address = parseAddress(text);
  const unguarded = names(address).find((name) => name.startsWith('webrtc') || name.startsWith('webtransport'));
  if (hasSwarmKey && unguarded !== undefined) {
    throw new NetworkError(
      'address-refused',
      `${text}: a private network cannot listen on ${unguarded}, which a swarm key does not protect; use tcp or ws`,
    );
  }
  return address;
}

/** The peer an address names at its end, if it does. Throws a NetworkError if that peer's key is not Ed25519. */
export function peerOfAddress(address: Multiaddr): PeerKey | undefined {
  const name = address.getComponents().findLast((component) => component.name === 'p2p')?.value;
  return name === undefined ? undefined : peerKeyOfName(name);
}

/** A stranger's address for `peer`, with the peer's name at its end; undefined if it is malformed or another peer's. */
export function addressForPeer(text: string, peer: PeerKey): Multiaddr | undefined {
  try {
    const address = multiaddr(text);
    const named = peerOfAddress(address);
    if (named === undefined) return address.encapsulate(`/p2p/${peerNameOf(peer)}`);
    return named === peer ? address : undefined;
  } catch {
    return undefined;
  }
}

function names(address: Multiaddr): readonly string[] {
  return address.getComponents().map((component) => component.name);
}
