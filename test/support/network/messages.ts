/** What a test and its provider in a child process tell each other. */
export interface ProviderReady {
  readonly type: 'ready';
  readonly peer: string;
  readonly addresses: readonly string[];
}

export interface ProviderMemory {
  readonly type: 'memory';
  readonly residentBytes: number;
}

export type FromProvider = ProviderReady | ProviderMemory;

/** `measure` is answered by `memory`, after a garbage collection where the process allows one. */
export type ToProvider = { readonly type: 'measure' } | { readonly type: 'stop' };

export interface ProviderConfiguration {
  /** Blocks kept: `blockBytes` bytes each, number i filled by `fillBlock(i)`. */
  readonly blocks: number;
  readonly blockBytes: number;
  /** Time until a block is found here; `never`: whoever asks hears nothing. */
  readonly findsAfterMs?: number | 'never';
  /** 64 hex digits that make the peer's key; random without. */
  readonly seed?: string;
  readonly bootstrap?: readonly string[];
}
