/** A libp2p node that an honest peer takes for one of its own, driven by hand: for tests of misbehaviour. */
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Libp2p } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { sha256 } from '@noble/hashes/sha2.js';
import { answerBeats } from '../../../node/network/beats.ts';
import { createNode, type Libp2pNodeOptions, type Services } from '../../../node/network/libp2p-node.ts';
import { GOSSIP_DEGREE } from '../../../node/network/limits.ts';
import { type ProtocolNames, protocolNames } from '../../../node/network/protocols.ts';
import { testParameters } from '../../../node/protocol/parameters.ts';

export const RAW_NAMES: ProtocolNames = protocolNames(testParameters('network-test'));

/** Started and subscribed; it answers beats, and accepts direct streams and ignores them. */
export async function startRawNode(
  options: Partial<Libp2pNodeOptions> = {},
  prepare: (node: Libp2p<Services>) => Promise<void> = async () => undefined,
): Promise<Libp2p<Services>> {
  const node = await createNode({
    privateKey: await generateKeyPair('Ed25519'),
    listen: [],
    announce: [],
    swarmKey: undefined,
    topic: RAW_NAMES.topic,
    sha256,
    penalisesColocation: false,
    degree: GOSSIP_DEGREE,
    agent: 'raw/1',
    transports: [tcp()],
    peersMax: 128,
    inboundFailed: () => undefined,
    ...options,
  });
  await node.handle(RAW_NAMES.direct, () => undefined);
  await node.handle(RAW_NAMES.beats, (stream) => answerBeats(stream, () => undefined));
  await prepare(node);
  await node.start();
  node.services.gossip.subscribe(RAW_NAMES.topic);
  return node;
}
