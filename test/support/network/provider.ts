/** A peer in a process of its own that keeps blocks, to be killed, stopped or measured by a test. */
import '../../../node/runtime/polyfills.ts';
import { privateKeyFromSeed } from '../../../node/network/peer-key.ts';
import { fromHex } from '../../../node/protocol/bytes.ts';
import type { TransportListener } from '../../../node/runtime/environment.ts';
import { testBlock } from './blocks.ts';
import type { FromProvider, ProviderConfiguration, ToProvider } from './messages.ts';
import { createPeer } from './peers.ts';

const nothing = () => undefined;
const listener: TransportListener = {
  connected: nothing,
  disconnected: nothing,
  incompatible: nothing,
  dialFailed: nothing,
  roundTrip: nothing,
  gossip: nothing,
  direct: nothing,
};

const { blocks, blockBytes, findsAfterMs, seed, bootstrap } = JSON.parse(process.argv[2]!) as ProviderConfiguration;
const { transport, store } = await createPeer({
  bootstrap: bootstrap ?? [],
  ...(seed === undefined ? {} : { privateKey: await privateKeyFromSeed(fromHex(seed)) }),
});
for (let i = 0; i < blocks; i++) {
  const { cid, bytes } = testBlock(i, blockBytes);
  await store.blocks.put(cid, bytes, undefined);
}
if (findsAfterMs !== undefined) {
  const get = store.blocks.get.bind(store.blocks);
  store.blocks.get = async (cid) => {
    await new Promise<void>((resolve) => {
      if (findsAfterMs !== 'never') setTimeout(resolve, findsAfterMs);
    });
    return get(cid);
  };
}
await transport.start(listener);

function tell(message: FromProvider): void {
  process.send!(message);
}

process.on('message', (message: ToProvider) => {
  if (message.type === 'stop') void transport.stop().then(() => process.exit(0));
  else {
    (globalThis as { readonly gc?: () => void }).gc?.();
    tell({ type: 'memory', residentBytes: process.memoryUsage.rss() });
  }
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready', peer: transport.self, addresses: transport.multiaddrs() });
