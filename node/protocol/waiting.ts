/**
 * Statements that came before what they build on: their job, their author's commit, their time. Gossip marks a
 * message as seen before anyone validates it and will not deliver it again, so they have to be kept. Bounded;
 * the oldest are dropped first and come back by exchange.
 */
import type { Source } from './admission.ts';
import type { Millis } from './ids.ts';
import { WAITING_MAX } from './limits.ts';
import type { Envelope } from './wire/envelope.ts';

export interface Waiter {
  readonly envelope: Envelope;
  readonly source: Source;
  readonly until: Millis | undefined;
}

export class WaitingRoom {
  readonly #byKey = new Map<string, Waiter[]>();
  readonly #onDropped: (waiter: Waiter) => void;
  #size = 0;

  constructor(onDropped: (waiter: Waiter) => void) {
    this.#onDropped = onDropped;
  }

  get size(): number {
    return this.#size;
  }

  add(key: string, waiter: Waiter): void {
    if (this.#size >= WAITING_MAX) this.#dropOldest();
    const waiters = this.#byKey.get(key);
    if (waiters === undefined) this.#byKey.set(key, [waiter]);
    else waiters.push(waiter);
    this.#size++;
  }

  /** Everybody who waited for this; they are examined again. */
  take(key: string): readonly Waiter[] {
    const waiters = this.#byKey.get(key) ?? [];
    this.#byKey.delete(key);
    this.#size -= waiters.length;
    return waiters;
  }

  takeDue(now: Millis): readonly Waiter[] {
    const due: Waiter[] = [];
    for (const [key, waiters] of this.#byKey) {
      if (waiters[0]?.until !== undefined && waiters[0].until <= now) due.push(...this.take(key));
    }
    return due;
  }

  nextAt(): Millis | undefined {
    let next: Millis | undefined;
    for (const [{ until } = { until: undefined }] of this.#byKey.values()) {
      if (until !== undefined && (next === undefined || until < next)) next = until;
    }
    return next;
  }

  #dropOldest(): void {
    const first = this.#byKey.entries().next();
    if (first.done === true) return;
    const [key, waiters] = first.value;
    const dropped = waiters.shift();
    if (dropped !== undefined) this.#onDropped(dropped);
    this.#size--;
    if (waiters.length === 0) this.#byKey.delete(key);
  }
}
