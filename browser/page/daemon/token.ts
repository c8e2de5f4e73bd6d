/**
 * The token that lets this page look at its daemon. It arrives behind the `#` of the address, which no browser sends
 * anywhere; it is moved to this tab's session storage and leaves the address bar and the history entry at once.
 */
const KEY = 'shoal-token';

export interface Tab {
  readonly location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  readonly history: Pick<History, 'replaceState'>;
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

export function takeToken({ location, history, storage }: Tab): string | undefined {
  const token = tokenIn(location.hash);
  if (token === undefined) return storage.getItem(KEY) ?? undefined;
  storage.setItem(KEY, token);
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}

export function keepToken(token: string, storage: Tab['storage']): void {
  storage.setItem(KEY, token);
}

/** From an address as `shoal dashboard` prints it, its fragment, or the token itself. */
export function tokenIn(text: string): string | undefined {
  return /(?:^|token=)([0-9a-f]{64})$/.exec(text.trim())?.[1];
}
