/**
 * One connection between two endpoints: how long things take on it, and whether it still stands. Each pair has a
 * base delay drawn around the median of the network, each message some jitter on top, one in a hundred a spike.
 */
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { RandomStream } from './random.ts';

export interface LinkProfile {
  /** Median one-way delay over all links, milliseconds. */
  readonly linkMs: number;
  /** Spread of base delays between links: standard deviation of the logarithm. */
  readonly spread: number;
  /** Probability that one gossip transmission is lost. Direct streams and blocks are reliable, as over TCP. */
  readonly loss: number;
  /** Bytes per millisecond for blocks. */
  readonly bytesPerMs: number;
}

export class Link {
  readonly a: PeerKey;
  readonly b: PeerKey;
  /** False once it is closed; a later connection of the same pair is another link. */
  up = true;
  /** True during a partition, until the ends notice: whatever is sent vanishes. */
  severed = false;
  readonly #random: RandomStream;
  readonly #baseMs: number;
  readonly #profile: LinkProfile;
  /** Earliest arrival of the next direct message, per direction: a stream keeps its order. */
  readonly #clearAt = new Map<PeerKey, number>();

  constructor(a: PeerKey, b: PeerKey, profile: LinkProfile, random: RandomStream) {
    this.a = a;
    this.b = b;
    this.#profile = profile;
    this.#random = random;
    this.#baseMs = random.logNormal(profile.linkMs, profile.spread);
  }

  /** One-way delay of one message, drawn anew each time, in milliseconds. */
  delayMs(): number {
    const spike = this.#random.chance(0.01) ? 3 : 1;
    return this.#baseMs * this.#random.between(0.85, 1.15) * spike;
  }

  transferMs(bytes: number): number {
    return this.delayMs() + bytes / this.#profile.bytesPerMs;
  }

  isLost(): boolean {
    return this.#profile.loss > 0 && this.#random.chance(this.#profile.loss);
  }

  /** When a direct message sent now to `receiver` arrives, after those sent before it. */
  orderedArrival(receiver: PeerKey, nowMs: number): number {
    const at = Math.max(nowMs + this.delayMs(), this.#clearAt.get(receiver) ?? 0);
    this.#clearAt.set(receiver, at);
    return at;
  }

  other(end: PeerKey): PeerKey {
    return end === this.a ? this.b : this.a;
  }
}
