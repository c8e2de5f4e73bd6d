/**
 * A tab's places at relays. libp2p asks each relay once, when it identifies itself, and leaves it at that: a relay
 * that was not ready, or full, is never asked again. Here every connected relay is asked until there are enough, and
 * again whenever one is lost.
 */
import type { Connection, PeerId } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import type { CircuitTransportFactory } from './carriers.ts';
import { messageOf } from './error.ts';
import type { TransportFactory } from './libp2p-node.ts';
import { RELAY_FAILED_MS, RELAY_FULL_MS, RELAY_SEARCH_MS } from './limits.ts';
import { peerNameOf } from './peer-key.ts';
import { HOP, isRelayed } from './relayed.ts';

/** A connected peer, as far as it matters here; `Link` is one. */
export interface RelayCandidate {
  readonly peer: PeerKey;
  readonly peerId: PeerId;
  readonly connection: Connection;
  readonly offers: readonly string[];
}

export interface RelayClientHooks {
  readonly self: PeerKey;
  readonly logger: Logger;
  /** Peers whose links are up. */
  candidates(): readonly RelayCandidate[];
  /** The addresses that `addresses` gives have changed. */
  changed(): void;
  /** This relay has no place left. */
  full(address: string, detail: string): void;
}

/** The part of libp2p's store of reservations that is used; its transport is the only way to it. */
interface Reservations extends EventTarget {
  addRelay(peer: PeerId, type: 'discovered'): Promise<unknown>;
  hasReservation(peer: PeerId): boolean;
}

export class RelayClient {
  /** To be handed to libp2p together with `listen`. */
  readonly transport: TransportFactory;
  readonly listen: readonly string[];
  readonly #hooks: RelayClientHooks;
  readonly #relays: number;
  readonly #notBeforeMs = new Map<PeerKey, number>();
  #reservations: Reservations | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking = false;
  #told = '';

  constructor(factory: CircuitTransportFactory, relays: number, hooks: RelayClientHooks) {
    this.#hooks = hooks;
    this.#relays = relays;
    this.listen = Array.from({ length: relays }, () => '/p2p-circuit');
    const inner = factory();
    this.transport = (components) => {
      const transport = inner(components);
      this.#reservations = (transport as unknown as { readonly reservationStore: Reservations }).reservationStore;
      return transport;
    };
  }

  start(): void {
    for (const event of ['relay:created-reservation', 'relay:removed']) {
      this.#reservations?.addEventListener(event, () => this.check());
    }
    this.#timer = setInterval(() => this.check(), RELAY_SEARCH_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#reservations = undefined;
  }

  /** Where others reach this peer: at each relay, to be carried or to meet there for WebRTC. */
  addresses(): readonly string[] {
    return this.#held().flatMap(({ connection, peer }) => {
      const relay = `/p2p/${peerNameOf(peer)}`;
      const base = connection.remoteAddr.toString().replace(new RegExp(`${relay}$`), '');
      const self = `/p2p/${peerNameOf(this.#hooks.self)}`;
      return [`${base}${relay}/p2p-circuit/webrtc${self}`, `${base}${relay}/p2p-circuit${self}`];
    });
  }

  /** Asks for a place where one is missing, and tells when the addresses are others than before. */
  check(): void {
    if (this.#reservations === undefined) return;
    const addresses = this.addresses().join(' ');
    if (addresses !== this.#told) {
      this.#told = addresses;
      this.#hooks.changed();
    }
    void this.#ask();
  }

  #held(): readonly RelayCandidate[] {
    return this.#hooks.candidates().filter(({ peerId }) => this.#reservations?.hasReservation(peerId));
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#held().length >= this.#relays) return;
    const nowMs = Date.now();
    const next = this.#hooks
      .candidates()
      .find(
        ({ peer, peerId, connection, offers }) =>
          offers.includes(HOP) &&
          !isRelayed(connection) &&
          this.#reservations?.hasReservation(peerId) === false &&
          (this.#notBeforeMs.get(peer) ?? 0) <= nowMs,
      );
    if (next === undefined) return;
    this.#asking = true;
    try {
      await this.#reservations?.addRelay(next.peerId, 'discovered');
      this.#notBeforeMs.delete(next.peer);
    } catch (error) {
      this.#refused(next, messageOf(error));
    } finally {
      this.#asking = false;
    }
    this.check();
  }

  #refused({ peer, connection }: RelayCandidate, reason: string): void {
    if (this.#reservations === undefined) return;
    this.#hooks.logger.log('info', 'a relay gave no place', { relay: peerNameOf(peer), reason });
    const isFull = reason.includes('RESERVATION_REFUSED');
    if (this.#notBeforeMs.size > 64) this.#notBeforeMs.clear();
    this.#notBeforeMs.set(peer, Date.now() + (isFull ? RELAY_FULL_MS : RELAY_FAILED_MS));
    if (isFull) this.#hooks.full(`${connection.remoteAddr}/p2p-circuit`, 'all places at its relay are taken');
  }
}
