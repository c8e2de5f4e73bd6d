/**
 * The peers this one knows: who is connected, what they offer, how far away they are. Links are this peer's own
 * observation; identities are statements. Presence decides who works and who is waited for, never what is true.
 */
import type { PeerConnectedEvent, PeerIncompatibleEvent } from './event.ts';
import type { Millis, PeerKey, StatementId } from './ids.ts';
import { PEERS_MAX, ROUND_TRIPS_MAX } from './limits.ts';
import type { Parameters } from './parameters.ts';
import type { PeerRow } from './view.ts';

/** An identity is renewed this often, and forgotten as a candidate for rosters after twice that. */
export const IDENTITY_RENEWAL_MS = 10 * 60_000;
/** A peer that is not connected to me counts as present this long after I last heard of it. */
const HEARD_MS = 60_000;

export interface KnownIdentity {
  readonly id: StatementId;
  readonly issuedAtMs: Millis;
  readonly cores: number;
  readonly addresses: readonly string[];
  readonly agent: string;
  readonly bytes: Uint8Array;
}

interface Peer {
  address: string;
  agent: string;
  connected: boolean;
  disconnectedAtMs: Millis | undefined;
  incompatible: string | undefined;
  roundTripsMs: Millis[];
  identity: KnownIdentity | undefined;
  heardAtMs: Millis;
  offences: number;
}

export class Peers {
  readonly #parameters: Parameters;
  readonly #self: PeerKey;
  readonly #peers = new Map<PeerKey, Peer>();
  #ownIdentity: Uint8Array | undefined;

  constructor(parameters: Parameters, self: PeerKey) {
    this.#parameters = parameters;
    this.#self = self;
  }

  get size(): number {
    return this.#peers.size;
  }

  get connected(): readonly PeerKey[] {
    return [...this.#peers].filter(([, { connected }]) => connected).map(([key]) => key);
  }

  connect({ peer, address, agent }: PeerConnectedEvent, now: Millis): void {
    Object.assign(this.#peer(peer, now), {
      address,
      agent,
      connected: true,
      disconnectedAtMs: undefined,
      incompatible: undefined,
    });
  }

  disconnect(peer: PeerKey, now: Millis): void {
    const row = this.#peers.get(peer);
    if (row === undefined) return;
    row.connected = false;
    row.disconnectedAtMs = now;
    row.roundTripsMs = [];
  }

  incompatible({ peer, address, agent, detail }: PeerIncompatibleEvent, now: Millis): void {
    Object.assign(this.#peer(peer, now), { address, agent, connected: false, incompatible: detail });
  }

  measure(peer: PeerKey, roundTripMs: Millis): void {
    const trips = this.#peers.get(peer)?.roundTripsMs;
    trips?.push(roundTripMs);
    if (trips !== undefined && trips.length > ROUND_TRIPS_MAX) trips.shift();
  }

  /** A statement by this author was admitted. */
  heard(author: PeerKey, now: Millis): void {
    if (author !== this.#self) this.#peer(author, now).heardAtMs = now;
  }

  learn(author: PeerKey, identity: KnownIdentity, now: Millis): void {
    this.#peer(author, now).identity = identity;
  }

  /** Our own identity as signed last: the first thing a new neighbour is told. */
  setOwnIdentity(bytes: Uint8Array): void {
    this.#ownIdentity = bytes;
  }

  identityOf(author: PeerKey): KnownIdentity | undefined {
    return this.#peers.get(author)?.identity;
  }

  offend(author: PeerKey): void {
    const row = this.#peers.get(author);
    if (row !== undefined) row.offences++;
  }

  isConnected(peer: PeerKey): boolean {
    return this.#peers.get(peer)?.connected === true;
  }

  /** Since when it has been away, for peers that were connected once. */
  goneSince(peer: PeerKey): Millis | undefined {
    return this.#peers.get(peer)?.disconnectedAtMs;
  }

  /** Connected, or heard of not long ago and not known to have left. */
  isPresent(peer: PeerKey, now: Millis): boolean {
    const row = this.#peers.get(peer);
    if (row === undefined || row.incompatible !== undefined) return false;
    if (row.connected) return true;
    return row.disconnectedAtMs === undefined && now - row.heardAtMs < HEARD_MS;
  }

  coresOf(peer: PeerKey): number {
    return this.#peers.get(peer)?.identity?.cores ?? 0;
  }

  /** Peers worth a place in a roster: they offer cores and were around lately. Sorted. */
  candidates(now: Millis): readonly PeerKey[] {
    return [...this.#peers]
      .filter(([, { identity, connected, heardAtMs, disconnectedAtMs, incompatible }]) => {
        if (identity === undefined || identity.cores === 0 || incompatible !== undefined) return false;
        return connected || (disconnectedAtMs === undefined && now - heardAtMs < 2 * IDENTITY_RENEWAL_MS);
      })
      .map(([key]) => key)
      .sort();
  }

  /** Envelopes of identities heard of lately, newest first. */
  identities(now: Millis, max: number): readonly Uint8Array[] {
    const others = [...this.#peers.values()]
      .flatMap(({ identity }) => (identity === undefined ? [] : [identity]))
      .filter(({ issuedAtMs }) => now - issuedAtMs < 2 * IDENTITY_RENEWAL_MS)
      .sort((a, b) => b.issuedAtMs - a.issuedAtMs)
      .slice(0, max)
      .map(({ bytes }) => bytes);
    return this.#ownIdentity === undefined ? others : [this.#ownIdentity, ...others];
  }

  /**
   * How long a commitment is held: long enough for every honest commit on its way to arrive. Three times the 99th
   * percentile of measured round trips; pings, because gossip delay could be inflated by others.
   */
  holdMs(): Millis {
    const trips = [...this.#peers.values()].flatMap(({ connected, roundTripsMs }) => (connected ? roundTripsMs : []));
    const { holdFloorMs, holdCapMs } = this.#parameters;
    if (trips.length === 0) return holdFloorMs;
    trips.sort((a, b) => a - b);
    const p99 = trips[Math.ceil(0.99 * trips.length) - 1]!;
    return Math.min(holdCapMs, Math.max(holdFloorMs, Math.ceil(3 * p99)));
  }

  rows(): readonly PeerRow[] {
    return [...this.#peers].map(([peer, row]) => ({
      peer,
      address: row.address,
      addresses: row.identity?.addresses ?? [],
      agent: row.agent === '' ? (row.identity?.agent ?? '') : row.agent,
      connected: row.connected,
      incompatible: row.incompatible,
      roundTripMs: median(row.roundTripsMs),
      cores: row.identity?.cores,
      offences: row.offences,
    }));
  }

  #peer(key: PeerKey, now: Millis): Peer {
    let row = this.#peers.get(key);
    if (row === undefined) {
      if (this.#peers.size >= PEERS_MAX) this.#evict();
      row = {
        address: '',
        agent: '',
        connected: false,
        disconnectedAtMs: undefined,
        incompatible: undefined,
        roundTripsMs: [],
        identity: undefined,
        heardAtMs: now,
        offences: 0,
      };
      this.#peers.set(key, row);
    }
    return row;
  }

  /** The one that was heard of longest ago, connected ones last. */
  #evict(): void {
    let victim: [PeerKey, Peer] | undefined;
    for (const entry of this.#peers) {
      if (entry[1].connected) continue;
      if (victim === undefined || entry[1].heardAtMs < victim[1].heardAtMs) victim = entry;
    }
    victim ??= [...this.#peers][0];
    if (victim !== undefined) this.#peers.delete(victim[0]);
  }
}

function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
