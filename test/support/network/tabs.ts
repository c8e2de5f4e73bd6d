/** Peers as tabs are, on Node.js: they listen nowhere, dial websockets, and are reached at a relay. */

import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { webRTC } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Carriers } from '../../../node/network/carriers.ts';
import { RELAYS_PER_TAB } from '../../../node/network/limits.ts';
import { createTransport, type TransportOptions } from '../../../node/network/transport.ts';
import { testParameters } from '../../../node/protocol/parameters.ts';
import { silentLogger } from '../../../node/runtime/log.ts';
import { createMemoryStore } from '../memory-store.ts';
import type { TestPeer } from './peers.ts';

export interface TabLikeOptions extends Partial<TransportOptions> {
  /** Whether it speaks WebRTC with other tabs. */
  readonly webRtc?: boolean;
}

export async function createTabLike({ webRtc = false, ...options }: TabLikeOptions): Promise<TestPeer> {
  const store = createMemoryStore();
  const transport = createTransport({
    privateKey: await generateKeyPair('Ed25519'),
    listen: [],
    bootstrap: [],
    parameters: testParameters('network-test'),
    blocks: store.blocks,
    logger: silentLogger,
    agent: 'shoal-tab/test',
    carriers: () => Promise.resolve(carriers(webRtc)),
    sha256,
    ...options,
  });
  return { transport, store };
}

function carriers(webRtc: boolean): Carriers {
  return {
    transports: [webSockets(), ...(webRtc ? [webRTC({ rtcConfiguration: { iceServers: [] } })] : [])],
    relayed: { factory: circuitRelayTransport, relays: RELAYS_PER_TAB },
  };
}
