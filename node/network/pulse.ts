/**
 * Whether connected peers still live, and how far away they are. Whatever comes in from a peer is a sign of life; who
 * says nothing by itself is asked. A socket tells of its end, so silence there may last; WebRTC tells nothing, and the
 * unit of a tab that was killed is to be taken over within seconds.
 *
 * A machine that has more to do than it can makes everybody late, and judging others by it would tear down links that
 * everybody must then make anew, with still less time. So silence only counts while this side itself is on time, and
 * a peer whose packets still come in is late, not dead.
 */
import type { Connection } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import { Beats } from './beats.ts';
import {
  BEAT_INTERVAL_MS,
  HEARTBEAT_MS,
  LATE_MS,
  PACKET_SILENCE_MAX_MS,
  SILENCE_MAX_MS,
  SOCKET_SUSPICION_MS,
  SUSPICION_MS,
  WEBRTC_SILENCE_BLIND_MAX_MS,
  WEBRTC_SILENCE_MS,
} from './limits.ts';
import type { Link } from './link.ts';
import { isWebRtc } from './relayed.ts';

export interface PulseHooks {
  readonly logger: Logger;
  readonly protocol: string;
  /** Of two peers the one with the smaller key beats; the other answers, and beats by itself when it hears nothing. */
  readonly self: PeerKey;
  /** Links that are up. */
  links(): readonly Link[];
  /** Whether gossip reaches the peer. */
  reaches(link: Link): boolean;
  measured(link: Link, roundTripMs: number): void;
  /** The peer is dead, or as good as that. */
  dead(link: Link, reason: string): void;
  /** Calls back again and again, with this pause. Returns what ends it. */
  every(intervalMs: number, callback: () => void): () => void;
  /** Time since the last packet of this connection; undefined where nobody can tell. */
  lastPacketAgoMs(connection: Connection): Promise<number | undefined>;
}

interface Vitals {
  readonly beats: Beats;
  /** For so long nothing has come in, as far as this side was awake. */
  silentMs: number;
  /** Something other than an answer of ours has come in since the last tick. */
  wasHeard: boolean;
  /** Since the last beat that was sent, the last look at its gossip, and the last round trip that was told. */
  sinceBeatMs: number;
  sinceLookMs: number;
  sinceToldMs: number;
  /** Gossip has reached it on this link. */
  wasReached: boolean;
  /** Longest of the last round trips; fades. */
  slowestMs: number;
  isAsked: boolean;
  isLate: boolean;
}

export class Pulse {
  readonly #hooks: PulseHooks;
  readonly #vitals = new Map<Link, Vitals>();
  #tickedAtMs = 0;
  #end: (() => void) | undefined;

  constructor(hooks: PulseHooks) {
    this.#hooks = hooks;
  }

  start(): void {
    this.#tickedAtMs = performance.now();
    this.#end = this.#hooks.every(HEARTBEAT_MS, () => this.#tick());
  }

  stop(): void {
    this.#end?.();
    for (const link of this.#vitals.keys()) this.forget(link);
  }

  /** A link is up, or has moved to another connection: measures it at once. */
  begin(link: Link): void {
    const vitals = this.#vitalsOf(link);
    vitals.sinceToldMs = BEAT_INTERVAL_MS;
    this.#beat(vitals);
  }

  forget(link: Link): void {
    this.#vitals.get(link)?.beats.end();
    this.#vitals.delete(link);
  }

  /** Something has come in from this peer. */
  heard(link: Link): void {
    const vitals = this.#vitals.get(link);
    if (vitals === undefined) return;
    vitals.wasHeard = true;
    this.#show(vitals);
  }

  /** Longest of the last round trips; 0 if none is known. */
  slowestRoundTripMs(link: Link): number {
    return this.#vitals.get(link)?.slowestMs ?? 0;
  }

  /** There is a reason to think that the peer is dead: gives it up unless it shows at once that it is not. */
  suspect(link: Link): void {
    const vitals = this.#vitals.get(link);
    if (vitals === undefined) return;
    const waitMs = isWebRtc(link.connection.remoteAddr) ? SUSPICION_MS : SOCKET_SUSPICION_MS;
    const suspectedAtMs = performance.now();
    vitals.silentMs = Math.max(vitals.silentMs, 1);
    this.#beat(vitals);
    setTimeout(() => {
      const isOnTime = performance.now() - suspectedAtMs < waitMs + LATE_MS;
      if (isOnTime && vitals.silentMs > 0) void this.#ask(link, vitals, waitMs, 0);
    }, waitMs);
  }

  #show(vitals: Vitals): void {
    vitals.silentMs = 0;
    vitals.isLate = false;
  }

  #vitalsOf(link: Link): Vitals {
    const known = this.#vitals.get(link);
    if (known !== undefined) return known;
    const vitals: Vitals = {
      beats: new Beats({
        connection: () => link.connection,
        protocol: this.#hooks.protocol,
        answered: (roundTripMs) => this.#answered(link, vitals, roundTripMs),
      }),
      silentMs: 0,
      wasHeard: false,
      sinceBeatMs: 0,
      sinceLookMs: 0,
      sinceToldMs: 0,
      wasReached: false,
      slowestMs: 0,
      isAsked: false,
      isLate: false,
    };
    this.#vitals.set(link, vitals);
    return vitals;
  }

  #beat(vitals: Vitals): void {
    vitals.sinceBeatMs = 0;
    vitals.beats.send();
  }

  #answered(link: Link, vitals: Vitals, roundTripMs: number): void {
    if (link.state !== 'up') return;
    this.#show(vitals);
    vitals.slowestMs = Math.max(roundTripMs, 0.9 * vitals.slowestMs);
    if (vitals.sinceToldMs < BEAT_INTERVAL_MS) return;
    vitals.sinceToldMs = 0;
    link.roundTripMs = roundTripMs;
    this.#hooks.measured(link, roundTripMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    const passedMs = nowMs - this.#tickedAtMs;
    this.#tickedAtMs = nowMs;
    // Who has slept has not read what was said meanwhile: it begins to listen anew.
    const isAwake = passedMs < HEARTBEAT_MS + LATE_MS;
    for (const link of this.#vitals.keys()) if (link.state !== 'up') this.forget(link);
    for (const link of this.#hooks.links()) this.#examine(link, passedMs, isAwake);
  }

  #examine(link: Link, passedMs: number, isAwake: boolean): void {
    const vitals = this.#vitalsOf(link);
    const isQuick = isWebRtc(link.connection.remoteAddr);
    vitals.silentMs = isAwake ? vitals.silentMs + passedMs : 0;
    vitals.sinceBeatMs += passedMs;
    vitals.sinceToldMs += passedMs;
    if (isAwake) vitals.sinceLookMs += passedMs;
    // Once it has worked its end is final; a peer that is slow to subscribe gets longer.
    if (vitals.sinceLookMs >= (vitals.wasReached ? BEAT_INTERVAL_MS : SILENCE_MAX_MS)) {
      vitals.sinceLookMs = 0;
      if (!this.#hooks.reaches(link)) return this.#hooks.dead(link, 'gossip does not reach the peer');
    }
    vitals.wasReached ||= this.#hooks.reaches(link);
    const isDue = isQuick && (this.#hooks.self < link.peer || !vitals.wasHeard);
    vitals.wasHeard = false;
    if (isDue || vitals.sinceBeatMs >= BEAT_INTERVAL_MS) this.#beat(vitals);
    if (vitals.silentMs >= SILENCE_MAX_MS) {
      this.#hooks.dead(link, `nothing was heard of it for ${Math.round(vitals.silentMs / 1_000)} s`);
    } else if (isQuick && vitals.silentMs >= WEBRTC_SILENCE_MS) {
      const blindMs = Math.min(Math.max(PACKET_SILENCE_MAX_MS, 4 * vitals.slowestMs), WEBRTC_SILENCE_BLIND_MAX_MS);
      void this.#ask(link, vitals, PACKET_SILENCE_MAX_MS, blindMs);
    }
  }

  /** Of a silent WebRTC link: dead unless packets come in, or nobody can tell and its silence is not long for this peer. */
  async #ask(link: Link, vitals: Vitals, packetSilenceMs: number, blindMs: number): Promise<void> {
    if (vitals.isAsked || link.state !== 'up') return;
    vitals.isAsked = true;
    const { connection } = link;
    const agoMs = await this.#hooks.lastPacketAgoMs(connection);
    vitals.isAsked = false;
    if (link.state !== 'up' || link.connection !== connection || vitals.silentMs === 0) return;
    const isDead = agoMs === undefined ? vitals.silentMs >= blindMs : agoMs >= packetSilenceMs;
    if (isDead) return this.#hooks.dead(link, 'it does not answer any more');
    if (vitals.isLate) return;
    vitals.isLate = true;
    this.#hooks.logger.log('debug', 'a peer does not answer, but it is there', { peer: link.peer, packetAgoMs: agoMs });
  }
}
