/**
 * Calls that happen later, in order, in a turn of their own. Everything the adapter reports goes through one of
 * these, so that nobody is called back inside the call that started the work; and a closed loop of publishing
 * cannot starve timers and sockets.
 */

/** A macrotask after pending I/O: `setImmediate` on Node.js, a message channel in a tab, where timers are throttled. */
export function soon(callback: () => void): void {
  if (typeof setImmediate === 'function') {
    setImmediate(callback);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(undefined);
}

export function every(intervalMs: number, callback: () => void): () => void {
  const timer = setInterval(callback, intervalMs);
  return () => clearInterval(timer);
}

export class Turns {
  #waiting: (() => void)[] = [];
  #closed = false;

  later(call: () => void): void {
    if (this.#closed) return;
    if (this.#waiting.push(call) === 1) soon(() => this.#run());
  }

  /** Nothing is called any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #run(): void {
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) if (!this.#closed) call();
  }
}

/** At most `max` holders at a time; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#free = max;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
