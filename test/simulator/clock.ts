/**
 * Virtual time. Everything that happens later is an entry of one heap, ordered by time and then by the order in
 * which it was asked for; running the world means taking the next entry and moving `now` to it.
 *
 * The driver awaits promises (signatures, store). They must have settled before the next entry is taken, else the
 * run would depend on how the engine interleaves them with us. Whoever resolves a promise to the driver says so with
 * `touch()`; only then does the loop give way for one macrotask, which by definition comes after every microtask.
 * Most entries need none, which keeps a run fast.
 */
import type { Clock } from '../../node/runtime/environment.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** Entries run at one instant before we say that time stands still: a deadline that never moves on. */
const ENTRIES_PER_INSTANT_MAX = 1_000_000;

export class VirtualClock implements Clock {
  #now: number;
  #heap: Entry[] = [];
  #cancelled = 0;
  #order = 0;
  #touched = false;
  #atThisInstant = 0;

  constructor(startMs: number) {
    this.#now = startMs;
  }

  /** Whole milliseconds, as every peer sees them. Inside, entries are ordered by fractions too. */
  now(): number {
    return Math.floor(this.#now);
  }

  /** For peers, who see whole milliseconds: when `callback` runs, `now()` is at least `at`. */
  schedule(at: number, callback: () => void): () => void {
    return this.scheduleExact(Math.ceil(at), callback);
  }

  scheduleExact(at: number, callback: () => void): () => void {
    const entry: Entry = { at: Math.max(at, this.#now), order: this.#order++, callback };
    this.#push(entry);
    return () => {
      if (entry.callback === undefined) return;
      entry.callback = undefined;
      this.#cancelled++;
      if (this.#cancelled > 1_000 && this.#cancelled > this.#heap.length / 2) this.#dropCancelled();
    };
  }

  /** The present with its fraction of a millisecond. */
  exactNow(): number {
    return this.#now;
  }

  /** Counted from the exact present, fractions of a millisecond included. */
  after(delayMs: number, callback: () => void): () => void {
    return this.scheduleExact(this.#now + delayMs, callback);
  }

  defer(callback: () => void): void {
    this.scheduleExact(this.#now, callback);
  }

  /** Promises are about to settle: let them, before the next entry. */
  touch(): void {
    this.#touched = true;
  }

  /** Resolves after so much virtual time. Only for code that runs inside the world. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, () => {
        this.touch();
        resolve();
      });
    });
  }

  /** Runs everything up to `untilMs` (inclusive), or until `stop` says so. An exception of an entry ends the run. */
  async run(untilMs: number, stop: () => boolean = () => false): Promise<void> {
    for (;;) {
      if (this.#touched) {
        await macrotask();
        this.#touched = false;
      }
      if (stop()) return;
      const next = this.#heap[0];
      if (next === undefined || next.at > untilMs) break;
      this.#pop();
      if (next.callback === undefined) {
        this.#cancelled--;
        continue;
      }
      this.#advance(next.at);
      const { callback } = next;
      next.callback = undefined;
      callback();
    }
    if (untilMs > this.#now) this.#advance(untilMs);
  }

  #advance(at: number): void {
    this.#atThisInstant = at > this.#now ? 0 : this.#atThisInstant + 1;
    if (this.#atThisInstant > ENTRIES_PER_INSTANT_MAX) {
      throw new Error(`time stands still at ${this.#now}: a deadline is never moved on`);
    }
    this.#now = at;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length > 0) siftDown(heap, 0, last);
  }

  #dropCancelled(): void {
    const live = this.#heap.filter(({ callback }) => callback !== undefined);
    for (let i = (live.length >> 1) - 1; i >= 0; i--) siftDown(live, i, live[i]!);
    this.#heap = live;
    this.#cancelled = 0;
  }
}

function siftDown(heap: Entry[], from: number, entry: Entry): void {
  let i = from;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, entry)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = entry;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
