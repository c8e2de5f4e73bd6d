/**
 * Room for others: how many peers may be connected, who may use the relay, and what whoever is too much is told.
 */
import type { Connection, ConnectionGater, PeerId } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import type { Services } from './libp2p-node.ts';
import { PEERS_MAX, REFUSALS_MAX } from './limits.ts';
import type { NetworkUsage } from './options.ts';
import { peerKeyOf } from './peer-key.ts';
import { refuse } from './refusal.ts';

export interface RoomHooks {
  /** Peers that have a place: their links, in whatever state. */
  readonly links: ReadonlyMap<PeerKey, { readonly state: string }>;
  readonly logger: Logger;
  /** The protocol by which a refusal is told. */
  readonly protocol: string;
  /** Resolves to whether the link of this peer is up, as soon as that is clear. */
  ready(peer: PeerId): Promise<boolean>;
}

export class Room {
  readonly peersMax: number;
  readonly #hooks: RoomHooks;
  /** Connections of newcomers that are being told that there is none. */
  readonly #refused = new Set<string>();

  constructor(peersMax: number | undefined, hooks: RoomHooks) {
    this.peersMax = peersMax ?? PEERS_MAX;
    this.#hooks = hooks;
  }

  /** Only peers of this network that are connected use its relay, and only to reach each other. */
  get gater(): ConnectionGater {
    const isUp = (peer: PeerId): boolean => this.#hooks.links.get(peerKeyOf(peer))?.state === 'up';
    return {
      denyInboundRelayReservation: async (source) => !(await this.#hooks.ready(source)),
      denyOutboundRelayedConnection: (source, destination) => !(isUp(source) && isUp(destination)),
    };
  }

  hasRefused({ id }: Connection): boolean {
    return this.#refused.has(id);
  }

  /** False for a newcomer beyond the limit, which is hung up then. Known peers and those dialled from here are welcome. */
  admits(connection: Connection): boolean {
    const { links, logger, protocol } = this.#hooks;
    const isKnown = links.has(peerKeyOf(connection.remotePeer));
    if (connection.direction === 'outbound' || isKnown || links.size < this.peersMax) return true;
    this.#refused.add(connection.id);
    logger.log('info', 'a peer was turned away, all places are taken', { max: this.peersMax });
    if (this.#refused.size > REFUSALS_MAX) connection.abort(new Error('full'));
    else void refuse(connection, protocol, `all ${this.peersMax} places are taken`);
    return false;
  }

  closed({ id }: Connection): void {
    this.#refused.delete(id);
  }

  /** The relay itself would keep the place of a peer that has gone for as long as it was promised. */
  gone(peer: PeerId, { relay }: Services): void {
    relay?.reservations.get(peer)?.signal.clear();
    relay?.reservations.delete(peer);
  }

  usage(services: Services | undefined, reservationsMax: number | undefined): NetworkUsage {
    const reservations = services?.relay?.reservations.size ?? 0;
    return {
      connections: { now: this.#hooks.links.size, max: this.peersMax },
      relay: reservationsMax === undefined ? undefined : { reservations, max: reservationsMax },
    };
  }
}
