/**
 * The simulated network: endpoints, the links between them, and what a `Transport` offers over those. Gossip spreads
 * along a mesh of a few links per endpoint and is forwarded only when the receiver's validator accepts it; direct
 * messages are reliable and ordered while the link stands; a closed link is noticed by both ends.
 */
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { BlockStore, Transport, TransportListener } from '../../node/runtime/environment.ts';
import { BlockExchange } from './block-exchange.ts';
import type { VirtualClock } from './clock.ts';
import { Gossip } from './gossip.ts';
import { Link, type LinkProfile } from './link.ts';
import type { RandomStream } from './random.ts';

/** Round trips are measured when a link comes up, twice soon after, and then this often. */
const PING_INTERVAL_MS = 10_000;
/** A partition sends no packets that close a connection: both ends notice after this long. */
const SEVERED_NOTICED_MS = 5_000;

/** One run of one peer, as the network sees it. A restarted peer is a new endpoint with the same key. */
export interface Endpoint {
  readonly key: PeerKey;
  readonly blocks: BlockStore;
  /** Whether it answers requests for blocks. */
  readonly serves: boolean;
  readonly links: Map<PeerKey, Link>;
  readonly mesh: Set<PeerKey>;
  listener: TransportListener | undefined;
  up: boolean;
}

export interface NetworkOptions {
  readonly clock: VirtualClock;
  readonly random: RandomStream;
  readonly profile: LinkProfile;
}

export class SimulatedNetwork {
  readonly gossip: Gossip;
  readonly #clock: VirtualClock;
  readonly #random: RandomStream;
  readonly #profile: LinkProfile;
  readonly #endpoints = new Map<PeerKey, Endpoint>();
  readonly #exchange: BlockExchange;
  /** Which side of the partition a peer is on; absent peers are on side 0. */
  #sides = new Map<PeerKey, number>();
  directMessages = 0;
  directBytes = 0;

  constructor({ clock, random, profile }: NetworkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#profile = profile;
    this.gossip = new Gossip(clock, random.fork('gossip'), (key) => this.#endpoints.get(key));
    this.#exchange = new BlockExchange(clock, (from, to) => this.#route(from, to));
  }

  get blockBytes(): number {
    return this.#exchange.bytes;
  }

  /** The transport of one run of a peer. It comes up with `start` and goes down with `stop` or `crash`. */
  attach(key: PeerKey, blocks: BlockStore, serves = true): Transport {
    const endpoint: Endpoint = {
      key,
      blocks,
      serves,
      links: new Map(),
      mesh: new Set(),
      listener: undefined,
      up: false,
    };
    return {
      start: async (listener) => {
        endpoint.listener = listener;
        endpoint.up = true;
        this.#endpoints.set(key, endpoint);
      },
      stop: async () => this.#down(endpoint),
      publish: (bytes) => this.gossip.publish(endpoint, bytes),
      answer: (token, answer) => this.gossip.answer(endpoint, token, answer),
      send: (peer, bytes) => this.#send(endpoint, peer, bytes),
      fetch: (request, done) => this.#exchange.fetch(endpoint, request, done),
    };
  }

  /** The process dies: its kernel closes every connection, nobody says goodbye. */
  crash(key: PeerKey): void {
    const endpoint = this.#endpoints.get(key);
    if (endpoint !== undefined) this.#down(endpoint);
  }

  isUp(key: PeerKey): boolean {
    return this.#endpoints.has(key);
  }

  areConnected(a: PeerKey, b: PeerKey): boolean {
    return this.#endpoints.get(a)?.links.has(b) ?? false;
  }

  linkCount(key: PeerKey): number {
    return this.#endpoints.get(key)?.links.size ?? 0;
  }

  /** Dials. Nothing happens when either is down, they are connected already, or a partition lies between them. */
  connect(a: PeerKey, b: PeerKey): void {
    const from = this.#endpoints.get(a);
    const to = this.#endpoints.get(b);
    if (a === b || from === undefined || to === undefined || from.links.has(b) || this.#isSeparated(a, b)) return;
    const link = this.#newLink(a, b);
    from.links.set(b, link);
    to.links.set(a, link);
    // TCP, encryption and multiplexing: about three round trips until both may speak.
    this.#clock.after(6 * link.delayMs(), () => this.#connected(link, from, to));
  }

  disconnect(a: PeerKey, b: PeerKey): void {
    const link = this.#endpoints.get(a)?.links.get(b);
    if (link !== undefined) this.#close(link);
  }

  /** Splits the network. Peers in none of the groups stay on the side of the first. */
  partition(groups: readonly (readonly PeerKey[])[]): void {
    this.#sides = new Map(groups.flatMap((group, side) => group.map((key) => [key, side] as const)));
    for (const link of this.#links()) {
      if (!this.#isSeparated(link.a, link.b)) continue;
      link.severed = true;
      this.#clock.after(SEVERED_NOTICED_MS, () => {
        if (link.severed) this.#close(link);
      });
    }
  }

  /** Ends the partition. Connections that were lost have to be made again. */
  heal(): void {
    this.#sides = new Map();
    for (const link of this.#links()) link.severed = false;
  }

  #links(): Set<Link> {
    return new Set([...this.#endpoints.values()].flatMap(({ links }) => [...links.values()]));
  }

  #isSeparated(a: PeerKey, b: PeerKey): boolean {
    return (this.#sides.get(a) ?? 0) !== (this.#sides.get(b) ?? 0);
  }

  #newLink(a: PeerKey, b: PeerKey): Link {
    const name = a < b ? `link ${a} ${b}` : `link ${b} ${a}`;
    return new Link(a, b, this.#profile, this.#random.fork(name));
  }

  #connected(link: Link, from: Endpoint, to: Endpoint): void {
    if (!link.up || link.severed) return;
    this.gossip.graft(from);
    this.gossip.graft(to);
    from.listener?.connected(to.key, addressOf(to.key), 'shoal/simulated');
    to.listener?.connected(from.key, addressOf(from.key), 'shoal/simulated');
    for (const delayMs of [0, 500, 1_000]) this.#clock.after(delayMs, () => this.#ping(link, from, to));
    this.#pingForEver(link, from, to);
  }

  #pingForEver(link: Link, from: Endpoint, to: Endpoint): void {
    this.#clock.after(PING_INTERVAL_MS, () => {
      if (!link.up) return;
      this.#ping(link, from, to);
      this.#pingForEver(link, from, to);
    });
  }

  /** One exchange there, back and there again measures the round trip for both. */
  #ping(link: Link, from: Endpoint, to: Endpoint): void {
    if (!link.up || link.severed) return;
    const roundTripMs = link.delayMs() + link.delayMs();
    this.#clock.after(roundTripMs, () => {
      if (!link.up || link.severed) return;
      from.listener?.roundTrip(to.key, roundTripMs);
      to.listener?.roundTrip(from.key, roundTripMs);
    });
  }

  #send(from: Endpoint, peer: PeerKey, bytes: Uint8Array): void {
    const link = from.links.get(peer);
    const to = this.#endpoints.get(peer);
    if (!from.up || link === undefined || to === undefined) return;
    this.directMessages++;
    this.directBytes += bytes.length;
    this.#clock.scheduleExact(link.arrival(peer, this.#clock.exactNow(), true), () => {
      if (!link.severed) to.listener?.direct(from.key, bytes);
    });
  }

  #close(link: Link): void {
    if (!link.up) return;
    link.up = false;
    for (const key of [link.a, link.b]) {
      const endpoint = this.#endpoints.get(key);
      const other = link.other(key);
      if (endpoint === undefined || endpoint.links.get(other) !== link) continue;
      endpoint.links.delete(other);
      endpoint.mesh.delete(other);
      this.#clock.scheduleExact(link.closingArrival(key, this.#clock.exactNow()), () => {
        endpoint.listener?.disconnected(other);
        this.gossip.graft(endpoint);
      });
    }
  }

  #down(endpoint: Endpoint): void {
    if (!endpoint.up) return;
    endpoint.up = false;
    endpoint.listener = undefined;
    for (const link of [...endpoint.links.values()]) this.#close(link);
    if (this.#endpoints.get(endpoint.key) === endpoint) this.#endpoints.delete(endpoint.key);
  }

  /** How blocks get from one endpoint to another: over a standing link, else by dialling for the occasion. */
  #route(
    from: Endpoint,
    to: PeerKey,
  ): { readonly endpoint: Endpoint; readonly link: Link; readonly dialled: boolean } | undefined {
    const endpoint = this.#endpoints.get(to);
    if (endpoint === undefined || !from.up || this.#isSeparated(from.key, to)) return undefined;
    const link = from.links.get(to);
    return { endpoint, link: link ?? this.#newLink(from.key, to), dialled: link === undefined };
  }
}

function addressOf(key: PeerKey): string {
  return `/memory/${key.slice(0, 8)}`;
}
