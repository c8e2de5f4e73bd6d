/**
 * Gossip as gossipsub does it, as far as timing and counting go: a mesh of six links an endpoint, a message id that
 * hashes the data, each message handed to the validator once per endpoint and forwarded only when it accepts. A lost
 * transmission is repaired as IHAVE and IWANT would, at one of the next three heartbeats. An endpoint whose messages
 * were rejected five times by a receiver is graylisted there.
 */
import type { PeerKey, Ticket } from '../../node/protocol/ids.ts';
import type { VirtualClock } from './clock.ts';
import { hash128, hexOf } from './hash.ts';
import type { Endpoint } from './network.ts';
import type { RandomStream } from './random.ts';

const MESH_DEGREE = 6;
const MESH_DEGREE_MAX = 10;
const HEARTBEAT_MS = 700;
/** Heartbeats during which a message is offered again. */
const GOSSIP_WINDOW = 3;
const SEEN_MS = 120_000;
const REJECTS_TO_GRAYLIST = 5;

interface Message {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly publisher: PeerKey;
  readonly publishedAt: number;
  readonly seenBy: Set<Endpoint>;
}

export interface GossipCounts {
  readonly published: number;
  readonly publishedBytes: number;
  /** Transmissions over links, duplicates included. */
  readonly transmissions: number;
  readonly transmittedBytes: number;
  /** Messages handed to validators. */
  readonly delivered: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly accepted: number;
  readonly ignored: number;
  readonly rejected: number;
}

/** Called for every `reject`: who refused what came from whom. */
export type RejectListener = (by: PeerKey, forwarder: PeerKey, publisher: PeerKey, bytes: Uint8Array) => void;

export class Gossip {
  readonly counts: { -readonly [K in keyof GossipCounts]: number } = {
    published: 0,
    publishedBytes: 0,
    transmissions: 0,
    transmittedBytes: 0,
    delivered: 0,
    duplicates: 0,
    lost: 0,
    accepted: 0,
    ignored: 0,
    rejected: 0,
  };
  onReject: RejectListener = () => undefined;
  readonly #clock: VirtualClock;
  readonly #random: RandomStream;
  readonly #endpointOf: (key: PeerKey) => Endpoint | undefined;
  readonly #messages = new Map<string, Message>();
  readonly #pending = new WeakMap<Endpoint, Map<Ticket, { readonly message: Message; readonly from: PeerKey }>>();
  /** Rejects per receiver and forwarder. */
  readonly #rejects = new WeakMap<Endpoint, Map<PeerKey, number>>();
  #tokens = 0;

  constructor(clock: VirtualClock, random: RandomStream, endpointOf: (key: PeerKey) => Endpoint | undefined) {
    this.#clock = clock;
    this.#random = random;
    this.#endpointOf = endpointOf;
  }

  /** Fills the endpoint's mesh from its links, in random order. Mesh links serve both ends. */
  graft(endpoint: Endpoint): void {
    if (!endpoint.up || endpoint.mesh.size >= MESH_DEGREE) return;
    for (const key of this.#random.shuffled([...endpoint.links.keys()])) {
      if (endpoint.mesh.size >= MESH_DEGREE) return;
      const other = this.#endpointOf(key);
      // The smallest networks are one clique; in larger ones a full endpoint declines.
      if (other === undefined || other.mesh.size >= MESH_DEGREE_MAX) continue;
      endpoint.mesh.add(key);
      other.mesh.add(endpoint.key);
    }
  }

  publish(from: Endpoint, bytes: Uint8Array): void {
    if (!from.up) return;
    const id = hexOf(hash128(bytes));
    let message = this.#messages.get(id);
    if (message === undefined) {
      this.#forgetOld();
      message = { id, bytes, publisher: from.key, publishedAt: this.#clock.now(), seenBy: new Set() };
      this.#messages.set(id, message);
    }
    // A router refuses to publish what it has seen already.
    if (message.seenBy.has(from)) return;
    message.seenBy.add(from);
    this.counts.published++;
    this.counts.publishedBytes += bytes.length;
    this.#forward(from, message, undefined);
  }

  answer(endpoint: Endpoint, token: Ticket, answer: 'accept' | 'ignore' | 'reject'): void {
    const pending = this.#pending.get(endpoint);
    const held = pending?.get(token);
    if (held === undefined) return;
    pending!.delete(token);
    if (answer === 'accept') {
      this.counts.accepted++;
      return this.#forward(endpoint, held.message, held.from);
    }
    if (answer === 'ignore') {
      this.counts.ignored++;
      return;
    }
    this.counts.rejected++;
    const rejects = getOrCreate(this.#rejects, endpoint, () => new Map<PeerKey, number>());
    rejects.set(held.from, (rejects.get(held.from) ?? 0) + 1);
    this.onReject(endpoint.key, held.from, held.message.publisher, held.message.bytes);
  }

  #forward(from: Endpoint, message: Message, source: PeerKey | undefined): void {
    for (const key of from.mesh) {
      if (key !== source && key !== message.publisher) this.#transmit(from, key, message, 0);
    }
  }

  #transmit(from: Endpoint, key: PeerKey, message: Message, attempt: number): void {
    const link = from.links.get(key);
    const to = this.#endpointOf(key);
    if (!from.up || link === undefined || to === undefined || !link.up) return;
    if (attempt > 0 && message.seenBy.has(to)) return;
    this.counts.transmissions++;
    this.counts.transmittedBytes += message.bytes.length;
    if (link.isLost()) {
      this.counts.lost++;
      if (attempt >= GOSSIP_WINDOW) return;
      const nextHeartbeatMs = attempt === 0 ? this.#random.next() * HEARTBEAT_MS : HEARTBEAT_MS;
      this.#clock.after(nextHeartbeatMs + 2 * link.delayMs(), () => this.#transmit(from, key, message, attempt + 1));
      return;
    }
    if (message.seenBy.has(to)) {
      this.counts.duplicates++;
      return;
    }
    this.#clock.scheduleExact(link.arrival(key, this.#clock.exactNow(), false), () => {
      if (!link.severed) this.#arrive(to, from.key, message);
    });
  }

  #arrive(to: Endpoint, from: PeerKey, message: Message): void {
    if (!to.up || to.listener === undefined) return;
    if (message.seenBy.has(to)) {
      this.counts.duplicates++;
      return;
    }
    if ((this.#rejects.get(to)?.get(from) ?? 0) >= REJECTS_TO_GRAYLIST) return;
    message.seenBy.add(to);
    this.counts.delivered++;
    const token = ++this.#tokens;
    getOrCreate(this.#pending, to, () => new Map()).set(token, { message, from });
    to.listener.gossip(token, from, message.bytes);
  }

  #forgetOld(): void {
    for (const [id, { publishedAt }] of this.#messages) {
      if (publishedAt + SEEN_MS > this.#clock.now()) return;
      this.#messages.delete(id);
    }
  }
}

function getOrCreate<K extends WeakKey, V>(map: WeakMap<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
