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
  /** False once it is closed: nothing more is sent. A later connection of the same pair is another link. */
  up = true;
  /** True during a partition, until the ends notice: whatever is sent vanishes. */
  severed = false;
  readonly #random: RandomStream;
  readonly #baseMs: number;
  readonly #profile: LinkProfile;
  readonly #lastArrivals = new Map<PeerKey, number>();
  /** Earliest arrival of the next direct message, per receiver: a stream keeps its order. */
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

  /** When something sent now reaches `receiver`. With `ordered`, after everything ordered that was sent before. */
  arrival(receiver: PeerKey, nowMs: number, ordered: boolean): number {
    let at = nowMs + this.delayMs();
    if (ordered) {
      at = Math.max(at, this.#clearAt.get(receiver) ?? 0);
      this.#clearAt.set(receiver, at);
    }
    this.#lastArrivals.set(receiver, Math.max(at, this.#lastArrivals.get(receiver) ?? 0));
    return at;
  }

  /** When `receiver` learns that the link was closed now: what is under way still comes before that, as over TCP. */
  closingArrival(receiver: PeerKey, nowMs: number): number {
    return Math.max(nowMs + this.delayMs(), this.#lastArrivals.get(receiver) ?? 0);
  }

  other(end: PeerKey): PeerKey {
    return end === this.a ? this.b : this.a;
  }
}
