/**
 * One tab, one identity. An origin has numbered slots, each with a database of its own that holds one key and all it
 * has ever said. A tab takes the lowest slot that no living tab holds, by a Web Lock, which the browser gives back
 * however the tab ends: so a reload finds the same identity again, a second tab gets another one, and two tabs can
 * never speak under one key and contradict each other.
 */
import { TabPeerError } from './error.ts';

/** Peers of one origin on one machine. More would only share the same cores. */
export const SLOTS_MAX = 16;

/** The part of the Web Locks API that is used. */
export type Locks = Pick<LockManager, 'request'>;

export interface Slot {
  /** 0 for the first tab, and for the only one. */
  readonly number: number;
  /** Of its lock and of its database. */
  readonly name: string;
  /** Lets another tab have it. */
  release(): void;
}

/** Rejects with a TabPeerError `too-many-tabs`. `network` keeps what belongs to different networks apart. */
export async function takeSlot(locks: Locks, network: string): Promise<Slot> {
  for (let number = 0; number < SLOTS_MAX; number++) {
    const name = `shoal/${network}/${number}`;
    const release = await tryLock(locks, name);
    if (release !== undefined) return { number, name, release };
  }
  throw new TabPeerError(
    'too-many-tabs',
    `${SLOTS_MAX} tabs of this page are volunteering already: close one of them, or raise its share of cores instead`,
  );
}

/** Resolves to what gives the lock back, or to undefined when somebody else holds it. */
function tryLock(locks: Locks, name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (lock === null) {
          resolve(undefined);
          return;
        }
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}
