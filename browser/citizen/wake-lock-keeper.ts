/**
 * Holds a wake lock for as long as it is wanted. A lock that was refused, or taken away, is asked for again only when
 * the wish is new: after the page was hidden, after a pause, after the person has chosen again. Whoever takes it away
 * at once would otherwise be asked without end.
 */
import type { WakeLockSource } from './signals.ts';

export type WakeLockState = 'held' | 'refused' | 'unsupported' | 'off';

export class WakeLockKeeper {
  readonly #source: WakeLockSource | undefined;
  readonly #changed: () => void;
  #wanted = false;
  #state: 'held' | 'refused' | 'off' = 'off';
  #release: (() => void) | undefined;
  /** Counts wishes: an answer to an older one is given back. */
  #wish = 0;

  constructor(source: WakeLockSource | undefined, changed: () => void) {
    this.#source = source;
    this.#changed = changed;
  }

  get state(): WakeLockState {
    return this.#source === undefined ? 'unsupported' : this.#state;
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted || this.#source === undefined) return;
    this.#wanted = wanted;
    const wish = ++this.#wish;
    if (wanted) {
      void this.#request(this.#source, wish);
      return;
    }
    this.#release?.();
    this.#release = undefined;
    this.#become('off');
  }

  async #request(source: WakeLockSource, wish: number): Promise<void> {
    const isCurrent = (): boolean => wish === this.#wish;
    let isLost = false;
    const lost = (): void => {
      isLost = true;
      if (!isCurrent()) return;
      this.#release = undefined;
      this.#become('refused');
    };
    try {
      const release = await source.request(lost);
      if (isLost) return;
      if (!isCurrent()) {
        release();
        return;
      }
      this.#release = release;
      this.#become('held');
    } catch {
      if (isCurrent()) this.#become('refused');
    }
  }

  #become(state: 'held' | 'refused' | 'off'): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed();
  }
}
