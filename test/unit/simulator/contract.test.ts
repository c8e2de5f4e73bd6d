/** The simulated transport, store and executor keep the same promises as the real ones. */
import { afterAll } from 'vitest';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import { TRAP } from '../../../node/protocol/trust/commitment.ts';
import { cidOf } from '../../../node/protocol/wire/block.ts';
import type { Transport } from '../../../node/runtime/environment.ts';
import { describeExecutor } from '../../contract/executor.ts';
import { describeStore } from '../../contract/store.ts';
import { type ContractPeer, describeTransport } from '../../contract/transport.ts';
import { VirtualClock } from '../../simulator/clock.ts';
import { KernelModel, ModelledExecutor } from '../../simulator/executor.ts';
import { SimulatedNetwork } from '../../simulator/network.ts';
import { RandomStream } from '../../simulator/random.ts';
import { simulatedStore } from '../../simulator/store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

describeTransport('simulated network', async () => {
  const clock = new VirtualClock(0);
  const profile = { linkMs: 10, spread: 0.2, loss: 0, bytesPerMs: 10_000 };
  const network = new SimulatedNetwork({ clock, random: RandomStream.seeded(1), profile });
  const keys = ['a', 'b'].map((name) => name.repeat(64) as PeerKey) as [PeerKey, PeerKey];
  const createPeer = (key: PeerKey): ContractPeer => {
    const { blocks } = createMemoryStore();
    const transport: Transport = network.attach(key, blocks);
    const start: Transport['start'] = async (listener) => {
      await transport.start(listener);
      network.connect(...keys);
    };
    return { peer: key, blocks, transport: { ...transport, start } };
  };
  const [a, b] = [createPeer(keys[0]), createPeer(keys[1])];
  return {
    a,
    b,
    until: async (condition) => {
      for (const deadline = clock.now() + 60_000; !condition(); ) {
        if (clock.now() > deadline) throw new Error('waited a virtual minute in vain');
        await clock.run(clock.now() + 10);
      }
    },
    close: async () => {
      await a.transport.stop();
      await b.transport.stop();
    },
  };
});

/** Worlds of these tests move on by themselves, as real time would. */
const running = new Set<VirtualClock>();
let pumping = true;
async function pump(): Promise<void> {
  while (pumping) {
    for (const clock of running) await clock.run(clock.now() + 100);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
void pump();
afterAll(() => {
  pumping = false;
});

describeStore('simulated store', async ({ blockBytesMax }) => {
  const clock = new VirtualClock(0);
  running.add(clock);
  const store = simulatedStore({
    clock,
    memory: createMemoryStore({ blockBytesMax }),
    life: { alive: true },
    syncMs: 2,
    nextWrite: () => 0,
    hook: () => undefined,
  });
  return { store, dispose: () => store.close() };
});

describeExecutor('modelled executor', (store) => {
  const clock = new VirtualClock(0);
  running.add(clock);
  const model = new KernelModel();
  const [kernel, endlessKernel] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)];
  model.install(cidOf(kernel, 'raw'), 5, (_, input) => {
    const output = new Uint8Array(8);
    new DataView(output.buffer).setBigInt64(0, BigInt(input.reduce((sum, byte) => sum + byte, 0)), true);
    return { trap: TRAP.none, fuel: 10 + input.length, output };
  });
  model.install(cidOf(endlessKernel, 'raw'), 5, () => {
    return { trap: TRAP.none, fuel: Number.POSITIVE_INFINITY, output: new Uint8Array() };
  });
  const random = RandomStream.seeded(1);
  const executor = new ModelledExecutor({
    clock,
    random,
    blocks: store.blocks,
    model,
    cores: 2,
    slowness: 1,
    sigma: 0.1,
  });
  return { executor, kernel, endlessKernel };
});
