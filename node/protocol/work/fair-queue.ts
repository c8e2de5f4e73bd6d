/**
 * Whose work comes next: start-time fair queueing over submitters. Each piece of work begins at a virtual time; whoever
 * has been given least, for its weight, begins next. A newcomer enters at the present virtual time: it is served soon,
 * but has no claim on the past. The owner's own jobs weigh more than everybody else's together would need to starve
 * nobody: about 85 % while others wait, all of it while nobody does.
 */
import type { PeerKey } from '../ids.ts';
import { JOBS_MAX } from '../limits.ts';

/** 6 : 1 is 86 % for own jobs beside one other submitter. */
const OWN_WEIGHT = 6;

export class FairQueue {
  readonly #self: PeerKey;
  readonly #finishes = new Map<PeerKey, number>();
  #virtualTime = 0;

  constructor(self: PeerKey) {
    this.#self = self;
  }

  get size(): number {
    return this.#finishes.size;
  }

  /** Smaller comes first. */
  startOf(submitter: PeerKey): number {
    return Math.max(this.#virtualTime, this.#finishes.get(submitter) ?? 0);
  }

  /** Work of this cost (any unit, the same for all) begins for the submitter. */
  begin(submitter: PeerKey, cost: number): void {
    const start = this.startOf(submitter);
    this.#virtualTime = start;
    this.#finishes.set(submitter, start + cost / (submitter === this.#self ? OWN_WEIGHT : 1));
    if (this.#finishes.size <= JOBS_MAX) return;
    // Whoever is no longer ahead of the present is like a newcomer: nothing to remember.
    for (const [key, finish] of this.#finishes) if (finish <= this.#virtualTime) this.#finishes.delete(key);
    const oldest = this.#finishes.keys().next();
    if (this.#finishes.size > JOBS_MAX && oldest.done !== true) this.#finishes.delete(oldest.value);
  }
}
