/**
 * How long a peer is waited for that was asked for a block. One that is slow to answer is late: it is still waited for,
 * its answer still counts, and meanwhile the next one is asked beside it. What is slow follows from the beats of its
 * link. Only after the time in which a link without any beat would have been hung up, too, is a peer given up that
 * has not answered; it then counts as late for a while, which grows each time, and ends with its first answer. So an
 * overloaded peer gets its time, and a silent one costs others that have the block nothing but a question beside it.
 */
import {
  PATIENCE_ROUND_TRIPS,
  PROVIDER_HELD_FIRST_MS,
  PROVIDER_HELD_MAX_MS,
  PROVIDER_LATE_MAX_MS,
  PROVIDER_PATIENCE_MAX_MS,
} from './limits.ts';

/** How long nothing has to come from a peer until it is late, by the longest of its last round trips. */
export function patienceMs(slowestRoundTripMs: number, leastMs: number): number {
  return Math.max(leastMs, Math.min(PATIENCE_ROUND_TRIPS * slowestRoundTripMs, PROVIDER_PATIENCE_MAX_MS));
}

/** How long a peer counts as late that was given up so many times since its last answer. */
export function heldMs(timesGivenUp: number): number {
  return Math.min(PROVIDER_HELD_FIRST_MS * 2 ** (timesGivenUp - 1), PROVIDER_HELD_MAX_MS);
}

/** What decides who is asked next. */
export interface Candidate {
  /** Said to have the block. */
  readonly isHinted: boolean;
  readonly isLate: boolean;
  /** How busy it is with this peer: 0 is not at all. */
  readonly load: number;
  /** In the order of the hints, or of the connected peers. */
  readonly place: number;
}

/**
 * Below 0 if `a` is asked before `b`. Who is said to have it comes before others even if it is late: those who never had
 * it answer quickly, and of no use.
 */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    Number(b.isHinted) - Number(a.isHinted) ||
    Number(a.isLate) - Number(b.isLate) ||
    a.load - b.load ||
    a.place - b.place
  );
}

export interface PatienceHooks {
  /** Longest of the last round trips of the link. */
  slowestRoundTripMs(): number;
  /** Others should be asked beside it. */
  late(): void;
  /** It is not waited for any longer. */
  over(): void;
}

/** The rule at work for one peer. */
export class Patience {
  readonly #leastMs: number;
  readonly #hooks: PatienceHooks;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lateUntilMs = 0;
  #timesGivenUp = 0;

  constructor(leastMs: number, hooks: PatienceHooks) {
    this.#leastMs = leastMs;
    this.#hooks = hooks;
  }

  get isLate(): boolean {
    return performance.now() < this.#lateUntilMs;
  }

  /** Something was asked. Who is waited for already is not waited for any longer because of that. */
  asked(): void {
    if (this.#timer === undefined) this.#wait();
  }

  /** An answer has come; `isMoreAsked`: others are still to come. */
  answered(isMoreAsked: boolean): void {
    this.#stop();
    this.#lateUntilMs = 0;
    this.#timesGivenUp = 0;
    if (isMoreAsked) this.#wait();
  }

  /** Nothing that was asked will be answered any more. */
  ended(): void {
    this.#stop();
    if (this.#lateUntilMs !== Number.POSITIVE_INFINITY) return;
    this.#lateUntilMs = performance.now() + heldMs(++this.#timesGivenUp);
  }

  #wait(): void {
    const waitMs = patienceMs(this.#hooks.slowestRoundTripMs(), this.#leastMs);
    this.#timer = setTimeout(() => {
      this.#lateUntilMs = Number.POSITIVE_INFINITY;
      this.#timer = setTimeout(() => this.#hooks.over(), Math.max(PROVIDER_LATE_MAX_MS - waitMs, 0));
      this.#hooks.late();
    }, waitMs);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
