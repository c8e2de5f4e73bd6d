/**
 * What is around a driver in its tests: a machine that answers what it is told to, a clock and deferred turns that a test
 * moves by hand, and work that waits until a test finishes or fails it.
 */
import { expect } from 'vitest';
import type { Effect } from '../../../node/protocol/effect.ts';
import type { Event } from '../../../node/protocol/event.ts';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../../node/protocol/machine.ts';
import type { PeerView, ReplicaRow, RunProgress } from '../../../node/protocol/view.ts';
import { createDriver, type Driver } from '../../../node/runtime/driver.ts';
import type {
  Environment,
  ExecutionOutcome,
  FetchOutcome,
  TransportListener,
} from '../../../node/runtime/environment.ts';
import { MemoryCheckpoints } from '../../support/memory-checkpoints.ts';

/** Work that came to the surroundings and waits for the test to finish it. */
interface Pending {
  readonly what: string;
  readonly detail: unknown;
  resolve(value?: unknown): void;
  reject(error: unknown): void;
}

export class Surroundings {
  now = 1_000;
  readonly calls: string[] = [];
  readonly pending: Pending[] = [];
  readonly timers: { at: number; callback: () => void; live: boolean }[] = [];
  readonly deferred: (() => void)[] = [];
  readonly events: Event[] = [];
  readonly logged: string[] = [];
  /** What the machine answers to an event; by default nothing. */
  react: (event: Event) => readonly Effect[] = () => [];
  deadline: number | undefined;
  listener: TransportListener | undefined;
  executed: ((outcome: ExecutionOutcome) => void) | undefined;
  progress: ((progress: RunProgress) => void) | undefined;
  replicas: readonly ReplicaRow[] = [];
  readonly checkpoints = new MemoryCheckpoints();
  fetched: ((outcome: FetchOutcome) => void) | undefined;
  inside = 0;

  readonly machine: PeerStateMachine = {
    self: 'aa' as PeerKey,
    handle: (event) => {
      if (this.inside > 0) throw new Error('called back inside a call');
      this.events.push(event);
      return this.react(event);
    },
    nextDeadline: () => this.deadline,
    view: (nowMs) => ({ nowMs, replicas: this.replicas }) as unknown as PeerView,
    jobView: () => undefined,
  };

  readonly environment: Environment = {
    clock: {
      now: () => this.now,
      schedule: (at, callback) => {
        const timer = { at, callback, live: true };
        this.timers.push(timer);
        return () => {
          timer.live = false;
        };
      },
      defer: (callback) => this.deferred.push(callback),
    },
    random: { next: () => 0.5 },
    identity: {
      publicKey: 'aa' as PeerKey,
      saltSecret: new Uint8Array(32),
      sign: (bytes) => this.#wait('sign', bytes) as Promise<Uint8Array>,
      verify: (items) => this.#wait('verify', items.length) as Promise<boolean[]>,
    },
    store: {
      load: async () => [{ key: 'a', value: Uint8Array.of(1) }],
      write: (writes, sync) => this.#wait('write', { keys: writes.map(({ key }) => key), sync }) as Promise<void>,
      close: async () => void this.calls.push('store closed'),
      blocks: {
        get: (cid) => this.#wait('get', cid) as Promise<Uint8Array | undefined>,
        has: async () => false,
        put: (cid) => this.#wait('put', cid) as Promise<void>,
        release: (job) => this.#wait('release', job) as Promise<void>,
      },
    },
    executor: {
      execute: (ticket, _request, done, progress) => {
        this.#call(`execute ${ticket}`);
        this.executed = done;
        this.progress = progress;
      },
      cancel: (ticket, keep) => this.#call(`cancel ${ticket}${keep === true ? ', keep' : ''}`),
      close: async () => void this.calls.push('executor closed'),
    },
    checkpoints: this.checkpoints,
    transport: {
      start: async (listener) => {
        this.listener = listener;
      },
      stop: async () => void this.calls.push('transport stopped'),
      publish: (bytes) => this.#call(`publish ${String.fromCharCode(...bytes)}`),
      answer: (token, answer) => this.#call(`answer ${token} ${answer}`),
      send: (_peer, bytes) => this.#call(`send ${String.fromCharCode(...bytes)}`),
      fetch: (_request, done) => {
        this.#call('fetch');
        this.fetched = done;
      },
    },
  };

  readonly driver: Driver = createDriver({
    peer: this.machine,
    environment: this.environment,
    logger: { log: (_level, message) => void this.logged.push(message) },
  });

  /** Lets promises settle and deferred turns run until nothing moves any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (const callback of this.deferred.splice(0)) callback();
    }
  }

  async dispatch(...events: readonly Event[]): Promise<void> {
    for (const event of events) this.driver.dispatch(event);
    await this.settle();
  }

  /** Finishes the oldest waiting piece of work of a kind. */
  async finish(what: string, value?: unknown): Promise<unknown> {
    const i = this.pending.findIndex((entry) => entry.what === what);
    expect(i, `a pending ${what}`).toBeGreaterThanOrEqual(0);
    const [entry] = this.pending.splice(i, 1);
    entry!.resolve(value);
    await this.settle();
    return entry!.detail;
  }

  async fail(what: string, error: unknown): Promise<void> {
    const i = this.pending.findIndex((entry) => entry.what === what);
    const [entry] = this.pending.splice(i, 1);
    entry!.reject(error);
    await this.settle();
  }

  async fire(): Promise<void> {
    const live = this.timers.filter((timer) => timer.live).sort((a, b) => a.at - b.at)[0]!;
    live.live = false;
    this.now = Math.max(this.now, live.at);
    live.callback();
    await this.settle();
  }

  waiting(what: string): number {
    return this.pending.filter((entry) => entry.what === what).length;
  }

  #call(what: string): void {
    this.calls.push(what);
  }

  #wait(what: string, detail: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => this.pending.push({ what, detail, resolve, reject }));
  }
}
