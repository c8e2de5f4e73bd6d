/** Makes the peer of this tab with its source and its good citizen. A file of its own: it brings libp2p along. */
import { browserSignals, createCitizen, pageTimer, workSignal } from '../../citizen/index.ts';
import { createTabPeer, type TabPeer, type TabPeerOptions } from '../../peer/compose.ts';
import type { PeerSource } from '../peer-source.ts';
import type { PageExtras } from '../state.ts';
import { TabSource } from '../tab/tab-source.ts';
import { OwnPart } from './own-part.ts';

export interface OpenedPeer {
  readonly peer: TabPeer;
  readonly source: PeerSource;
  readonly extras: Pick<PageExtras, 'citizen' | 'slot' | 'ownPart'>;
}

/** Rejects with a TabPeerError or a NetworkError. `storage` keeps what the person prefers. */
export async function openPeer(
  options: TabPeerOptions & { readonly version: string },
  storage: Storage | undefined,
): Promise<OpenedPeer> {
  let opened: TabPeer | undefined;
  const ownPart = new OwnPart({
    kernels: async () => (await opened?.kernels.builtIn()) ?? [],
    block: async (cid) => opened?.block(cid),
  });
  const peer = await createTabPeer(options, { executor: (executor) => ownPart.watch(executor) });
  opened = peer;
  const citizen = createCitizen({
    capacity: peer.capacity,
    signals: browserSignals(peer.every),
    storage,
    work: workSignal(peer.driver, pageTimer),
  });
  void peer.ended.then(() => citizen.close());
  const source = new TabSource({ peer, version: options.version });
  return {
    peer,
    source,
    extras: { citizen, slot: peer.slot, ownPart },
  };
}
