/** A peer that only listens: what others say on the gossip topic, as the test itself decodes it. */
import type { NodeTransportOptions } from '../../node/network/nodejs.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { testParameters } from '../../node/protocol/parameters.ts';
import { decodeEnvelope } from '../../node/protocol/wire/envelope.ts';
import type { Body } from '../../node/protocol/wire/statement.ts';
import { createPeer } from '../support/network/peers.ts';

export interface Heard {
  readonly author: PeerKey;
  readonly body: Body;
  readonly atMs: number;
}

export interface Witness {
  readonly heard: readonly Heard[];
  /** Where it can be dialled. */
  readonly addresses: readonly string[];
  connections(): number;
  stop(): Promise<void>;
}

export async function startWitness(
  network: string,
  bootstrap: readonly string[],
  options: Partial<NodeTransportOptions> = {},
): Promise<Witness> {
  const parameters = testParameters(network);
  const { transport } = await createPeer({ parameters, bootstrap, ...options });
  const heard: Heard[] = [];
  await transport.start({
    connected: () => undefined,
    disconnected: () => undefined,
    incompatible: () => undefined,
    dialFailed: () => undefined,
    roundTrip: () => undefined,
    direct: () => undefined,
    gossip(token, _source, bytes) {
      const { author, body } = decodeEnvelope(bytes, parameters.network);
      heard.push({ author, body, atMs: Date.now() });
      transport.answer(token, 'accept');
    },
  });
  return {
    heard,
    addresses: transport.multiaddrs(),
    connections: () => transport.peers().length,
    stop: () => transport.stop(),
  };
}
