/**
 * What this browser remembers of its person's choices, for this site only. `local` lasts; `session` lasts as long as
 * the tab and tells a reload from a new visit. A browser that keeps nothing just asks again.
 */
import type { FoundInvitation } from './find-invitation.ts';

const CORES = 'shoal-cores';
const BY_ITSELF = 'shoal-starts-by-itself';
const NETWORK = 'shoal-network';
const STARTED = 'shoal-started';

export class Memory {
  /** What lasts; undefined where this browser has nothing like it. */
  readonly local: Storage | undefined;
  readonly #session: Storage | undefined;

  constructor(local: () => Storage, session: () => Storage) {
    this.local = attempt(local);
    this.#session = attempt(session);
  }

  /** Cores to give; undefined before there was a choice. */
  get cores(): number | undefined {
    const value = Number(this.#get(this.local, CORES) ?? Number.NaN);
    return Number.isInteger(value) && value >= 1 ? value : undefined;
  }

  set cores(value: number | undefined) {
    this.#set(this.local, CORES, value === undefined ? undefined : String(value));
  }

  /** Whether the page starts computing without being asked. */
  get startsByItself(): boolean {
    return this.#get(this.local, BY_ITSELF) === 'yes';
  }

  set startsByItself(value: boolean) {
    this.#set(this.local, BY_ITSELF, value ? 'yes' : undefined);
  }

  /** Fragment of the last invitation that was used. */
  get network(): string | undefined {
    return this.#get(this.local, NETWORK);
  }

  set network(value: string | undefined) {
    this.#set(this.local, NETWORK, value);
  }

  /** Whether this tab was computing, or paused by its person, before a reload. */
  get started(): 'computing' | 'paused' | undefined {
    const value = this.#get(this.#session, STARTED);
    return value === 'computing' || value === 'paused' ? value : undefined;
  }

  set started(value: 'computing' | 'paused' | undefined) {
    this.#set(this.#session, STARTED, value);
  }

  /** What a site names itself needs no memory. */
  keep(found: FoundInvitation, fragment: string): void {
    if (found.from === 'link') this.network = fragment;
  }

  #get(storage: Storage | undefined, key: string): string | undefined {
    return attempt(() => storage?.getItem(key)) ?? undefined;
  }

  #set(storage: Storage | undefined, key: string, value: string | undefined): void {
    attempt(() => (value === undefined ? storage?.removeItem(key) : storage?.setItem(key, value)));
  }
}

/** Storage that is full or forbidden throws at every touch. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
