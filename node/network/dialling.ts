/**
 * How a peer is dialled, and whether it should be: by which of its addresses, and what a link that exists is worth
 * against them. `Dialer` decides when.
 */
import type { Libp2p } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../protocol/ids.ts';
import { peerOfAddress } from './address.ts';
import { NetworkError } from './error.ts';
import { CONNECTION_TARGET, DIAL_TIMEOUT_MS, RELAYED_TARGET } from './limits.ts';
import type { Link } from './link.ts';
import { peerKeyOf } from './peer-key.ts';
import { isByRelay, isRelayAddress, isWebRtc } from './relayed.ts';

export class Dialling {
  readonly #links: ReadonlyMap<PeerKey, Link>;
  readonly #node: () => Pick<Libp2p, 'dial'> | undefined;
  /** Addresses of dials under way. */
  readonly #underWay = new Set<readonly Multiaddr[]>();

  /** `node` gives undefined while nothing can be dialled. */
  constructor(links: ReadonlyMap<PeerKey, Link>, node: () => Pick<Libp2p, 'dial'> | undefined) {
    this.#links = links;
    this.#node = node;
  }

  /** A relayed link does not count where there is an address that needs no relay. */
  isConnected(peer: PeerKey, addresses: readonly Multiaddr[]): boolean {
    const link = this.#links.get(peer);
    return link !== undefined && (!link.isRelayed || addresses.every(isByRelay));
  }

  /** Whether one more peer with these addresses is wanted. */
  wantsMore(addresses: readonly Multiaddr[]): boolean {
    // Dials under way count: else all of a crowd that is learnt of at once would be dialled at once.
    const dials = [...this.#underWay];
    if (this.#links.size + dials.length >= CONNECTION_TARGET) return false;
    if (!addresses.every(isByRelay)) return true;
    // The side that was called sees WebRTC only, without the relay at which the two met.
    const costly = [...this.#links.values()].filter(
      ({ connection: { remoteAddr } }) => isByRelay(remoteAddr) || isWebRtc(remoteAddr),
    );
    return costly.length + dials.filter((each) => each.every(isByRelay)).length < RELAYED_TARGET;
  }

  /** Resolves to the peer that was reached. Rejects with libp2p's error, or a NetworkError `not-started`. */
  async dial(addresses: readonly Multiaddr[]): Promise<PeerKey> {
    const node = this.#node();
    if (node === undefined) throw new NetworkError('not-started', 'the transport is not running');
    const named = addresses[0] === undefined ? undefined : peerOfAddress(addresses[0]);
    // A second relayed connection would be no better than the one there is. And WebRTC by way of a relay is never
    // dialled at first, because it may take long to fail: see `Upgrades`.
    const isLinked = named !== undefined && this.#links.has(named);
    const usable = addresses.filter((address) => !isByRelay(address) || (!isLinked && isRelayAddress(address)));
    const signal = AbortSignal.timeout(usable.length * DIAL_TIMEOUT_MS + 1_000);
    // Forced, because libp2p takes an inbound connection by the same relay for the same, and closes the new one.
    const force = usable.some(isRelayAddress);
    this.#underWay.add(addresses);
    try {
      const connection = await node.dial(usable, { signal, force });
      return peerKeyOf(connection.remotePeer);
    } finally {
      this.#underWay.delete(addresses);
    }
  }
}
