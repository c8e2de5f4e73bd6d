/** The contract of `Transport`, over libp2p on loopback: tcp, websockets, and a private network. */
import { vi } from 'vitest';
import { generateSwarmKey } from '../../node/network/swarm-key.ts';
import { type CreatePair, describeTransport } from '../contract/transport.ts';
import { createPeer, LOOPBACK_TCP, LOOPBACK_WS, until } from '../support/network/peers.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

function pairOver(listen: string, swarmKey?: Uint8Array): CreatePair {
  return async () => {
    const a = await createPeer({ listen: [listen], swarmKey });
    // A peer's address is known once it listens: b learns it when it is started.
    const b = await createPeer({ listen: [listen], swarmKey });
    const startB = b.transport.start.bind(b.transport);
    b.transport.start = async (listener) => {
      await startB(listener);
      b.transport.learn(a.transport.self, a.transport.multiaddrs());
    };
    return {
      a: { peer: a.transport.self, transport: a.transport, blocks: a.store.blocks },
      b: { peer: b.transport.self, transport: b.transport, blocks: b.store.blocks },
      until: (condition) => until(condition),
      close: async () => {
        await Promise.all([a.transport.stop(), b.transport.stop()]);
      },
    };
  };
}

describeTransport('libp2p over tcp', pairOver(LOOPBACK_TCP));
describeTransport('libp2p over websockets', pairOver(LOOPBACK_WS));
describeTransport('libp2p over tcp in a private network', pairOver(LOOPBACK_TCP, generateSwarmKey().text));
