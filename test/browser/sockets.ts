/** What a daemon needs so that a tab can dial it. */
import type { RunningDaemon } from '../support/daemon.ts';

/** Where a daemon of these tests listens: a tab needs a websocket. */
export const LISTEN: readonly string[] = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'];

export function webSocketsOf({ addresses }: Pick<RunningDaemon, 'addresses'>): readonly string[] {
  return addresses.filter((address) => /\/ws(\/|$)/.test(address));
}
