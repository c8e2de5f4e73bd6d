/**
 * What has to be looked at again, and when: a priority queue of named moments. The whole peer has one agenda and the
 * driver arms one timer, for its head. Naming an entry again moves it; a moment that comes early or twice does no
 * harm, because whoever is woken compares with `now` again.
 */
import type { Millis } from '../ids.ts';

interface Entry {
  readonly at: Millis;
  readonly name: string;
}

export class Agenda {
  readonly #times = new Map<string, Millis>();
  /** Binary heap by time; entries that were moved or cancelled stay until they come up. */
  #heap: Entry[] = [];

  get size(): number {
    return this.#times.size;
  }

  /** `undefined` cancels. Moments are whole milliseconds, so that no clock wakes a fraction too early for ever. */
  set(name: string, moment: Millis | undefined): void {
    if (moment === undefined) {
      this.#times.delete(name);
      return;
    }
    const at = Math.ceil(moment);
    if (this.#times.get(name) === at) return;
    this.#times.set(name, at);
    this.#push({ at, name });
    if (this.#heap.length > 64 + 4 * this.#times.size) this.#compact();
  }

  /** Moves an entry only if that makes it earlier. */
  setEarlier(name: string, at: Millis): void {
    const current = this.#times.get(name);
    if (current === undefined || Math.ceil(at) < current) this.set(name, at);
  }

  next(): Millis | undefined {
    for (;;) {
      const head = this.#heap[0];
      if (head === undefined) return undefined;
      if (this.#times.get(head.name) === head.at) return head.at;
      this.#pop();
    }
  }

  /** Removes and returns the names that are due, earliest first. */
  takeDue(now: Millis): readonly string[] {
    const due: string[] = [];
    for (;;) {
      const at = this.next();
      if (at === undefined || at > now) return due;
      const { name } = this.#pop();
      this.#times.delete(name);
      due.push(name);
    }
  }

  #compact(): void {
    this.#heap = [];
    for (const [name, at] of this.#times) this.#push({ at, name });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    heap.push(entry);
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const head = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return head;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return head;
  }
}
