/**
 * What the owner of this machine gives: a number of cores, and reasons to pause, any number of which may hold at the
 * same time. The peer works while there is none.
 */
import type { CapacityChangedEvent, PauseReason } from '../../node/protocol/event.ts';

export interface CapacityState {
  readonly cores: number;
  /** In the order in which they came up. */
  readonly paused: readonly PauseReason[];
}

export interface CapacityParts {
  readonly cores: number;
  readonly paused: readonly PauseReason[];
  readonly dispatch: (event: CapacityChangedEvent) => void;
  /** Workers that may run at the same time; at least 1, since own results are merged even by a peer that gives none. */
  readonly resize: (workers: number) => void;
}

export const CORES_MAX = 256;

export class Capacity {
  readonly #parts: CapacityParts;
  readonly #paused: Set<PauseReason>;
  readonly #listeners = new Set<() => void>();
  #cores: number;

  constructor(parts: CapacityParts) {
    this.#parts = parts;
    this.#cores = checkCores(parts.cores);
    this.#paused = new Set(parts.paused);
  }

  get state(): CapacityState {
    return { cores: this.#cores, paused: [...this.#paused] };
  }

  /** Work units executed side by side; 0 computes nothing. Throws a RangeError for anything but 0 to 256. */
  setCores(cores: number): void {
    if (checkCores(cores) === this.#cores) return;
    this.#cores = cores;
    this.#parts.resize(Math.max(1, cores));
    this.announce();
  }

  pause(reason: PauseReason): void {
    if (this.#paused.has(reason)) return;
    this.#paused.add(reason);
    this.announce();
  }

  resume(reason: PauseReason): void {
    if (this.#paused.delete(reason)) this.announce();
  }

  /** Calls `listener` after every change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the peer; also once at its start. */
  announce(): void {
    this.#parts.dispatch({ type: 'capacity-changed', ...this.state });
    for (const listener of this.#listeners) listener();
  }
}

function checkCores(cores: number): number {
  if (Number.isInteger(cores) && cores >= 0 && cores <= CORES_MAX) return cores;
  throw new RangeError(`cores: ${cores} is not a whole number from 0 to ${CORES_MAX}`);
}
