/**
 * The trace of a run: every event delivered to every peer and every effect it answered with, in order. Only a hash
 * of it is kept. Two runs with one hash did the same things at the same times.
 */
import type { Effect } from '../../node/protocol/effect.ts';
import type { Event } from '../../node/protocol/event.ts';
import { RunningHash } from './hash.ts';

export class Trace {
  readonly #hash = new RunningHash();
  #steps = 0;

  /** What the run was set up with: peers, faults, everything drawn beforehand. */
  note(text: string): void {
    this.#hash.text(text);
  }

  step(peer: number, event: Event, now: number, effects: readonly Effect[]): void {
    this.#steps++;
    this.#hash.text(`${peer} ${now} ${event.type}`);
    for (const effect of effects) {
      this.#hash.text(effect.type);
      if (effect.type === 'publish' || effect.type === 'send' || effect.type === 'sign') this.#hash.bytes(effect.bytes);
      else if (effect.type === 'answer') this.#hash.text(effect.answer);
    }
  }

  get steps(): number {
    return this.#steps;
  }

  /** 32 hex digits. */
  digest(): string {
    return this.#hash.digest();
  }
}
