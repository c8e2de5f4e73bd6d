/** Makes the peer of this tab with its source and its good citizen. A file of its own: it brings libp2p along. */
import { browserSignals, createCitizen, pageTimer, workSignal } from '../../citizen/index.ts';
import { createTabPeer, type TabPeer, type TabPeerOptions } from '../../peer/compose.ts';
import type { PeerSource } from '../peer-source.ts';
import type { PageExtras } from '../state.ts';
import { TabSource } from '../tab/tab-source.ts';

export interface OpenedPeer {
  readonly peer: TabPeer;
  readonly source: PeerSource;
  readonly extras: Pick<PageExtras, 'citizen' | 'slot'>;
}

/** Rejects with a TabPeerError or a NetworkError. `storage` keeps what the person prefers. */
export async function openPeer(
  options: TabPeerOptions & { readonly version: string },
  storage: Storage | undefined,
): Promise<OpenedPeer> {
  const peer = await createTabPeer(options);
  const citizen = createCitizen({
    capacity: peer.capacity,
    signals: browserSignals(),
    storage,
    work: workSignal(peer.driver, pageTimer),
  });
  void peer.ended.then(() => citizen.close());
  return {
    peer,
    source: new TabSource({ peer, version: options.version }),
    extras: { citizen, slot: peer.slot },
  };
}
