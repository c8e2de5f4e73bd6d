/**
 * Token buckets: how much one forwarder or author may send. Load is not an offence, so an empty bucket means
 * "ignore", never "reject"; what was dropped comes back by exchange. Honest senders keep under 80 % of these.
 */
import type { Millis } from '../ids.ts';
import { BUCKETS_MAX } from '../limits.ts';

interface Bucket {
  tokens: number;
  at: Millis;
}

export class TokenBuckets {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token if there is one. */
  take(key: string, now: Millis): boolean {
    const bucket = this.#fill(key, now);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** When the next token is there; `now` if there is one already. */
  nextAt(key: string, now: Millis): Millis {
    const { tokens } = this.#fill(key, now);
    if (tokens >= 1) return now;
    // A last fraction of a token can be too small to move a clock of 1.7e12: never say "now" while `take` says no.
    return Math.max(now + 1, Math.ceil(now + ((1 - tokens) * 1_000) / this.#perSecond));
  }

  #fill(key: string, now: Millis): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#evictFullest(now);
      bucket = { tokens: this.#burst, at: now };
      this.#buckets.set(key, bucket);
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (Math.max(0, now - bucket.at) * this.#perSecond) / 1_000);
    bucket.at = now;
    return bucket;
  }

  /** Drops every bucket that has refilled (it remembers nothing), or the oldest one if none has. */
  #evictFullest(now: Millis): void {
    for (const [key, { tokens, at }] of this.#buckets) {
      if (tokens + ((now - at) * this.#perSecond) / 1_000 >= this.#burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size < BUCKETS_MAX) return;
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}
