/** Links to peers that freeze, are killed, or come back while their old connection still looks alive. */
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DIRECT_BYTES_MAX, DIRECT_QUEUE_BYTES_MAX } from '../../node/network/limits.ts';
import { privateKeyFromSeed } from '../../node/network/peer-key.ts';
import { fromHex } from '../../node/protocol/bytes.ts';
import { RecordingListener } from '../contract/transport.ts';
import { type ProviderProcess, startProvider } from '../support/network/child.ts';
import type { ProviderConfiguration } from '../support/network/messages.ts';
import { createPeer, freePort, type TestPeer, until } from '../support/network/peers.ts';
import { RAW_NAMES, startRawNode } from '../support/network/raw-node.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

async function child(configuration: Partial<ProviderConfiguration> = {}): Promise<ProviderProcess> {
  const started = await startProvider({ blocks: 0, blockBytes: 0, ...configuration });
  cleanups.push(async () => started.kill('SIGKILL'));
  return started;
}

async function started(
  options: Parameters<typeof createPeer>[0],
): Promise<TestPeer & { readonly heard: RecordingListener }> {
  const peer = await createPeer(options);
  cleanups.push(() => peer.transport.stop());
  const heard = new RecordingListener();
  await peer.transport.start(heard);
  return { ...peer, heard };
}

describe('a link', () => {
  test('ends when the peer is killed', async () => {
    const other = await child();
    const { heard } = await started({ bootstrap: other.addresses });
    await until(() => heard.of('connected').length === 1, 'the connection');
    other.kill('SIGKILL');
    await until(() => heard.of('disconnected').length === 1, 'the disconnection');
    await until(() => heard.of('dialFailed').some(({ code }) => code === 'unreachable'), 'the failed redial');
  });

  test('drops direct messages a frozen peer does not take, and is made anew when it thaws', async () => {
    const logged: string[] = [];
    const other = await child();
    const { transport, heard } = await started({
      bootstrap: other.addresses,
      logger: { log: (_level, message) => logged.push(message) },
    });
    await until(() => heard.of('connected').length === 1, 'the connection');
    other.kill('SIGSTOP');
    const message = new Uint8Array(DIRECT_BYTES_MAX);
    for (let sent = 0; sent < 3 * DIRECT_QUEUE_BYTES_MAX; sent += message.length) transport.send(other.peer, message);
    expect(logged.filter((line) => line.includes('does not take its direct messages'))).toHaveLength(1);
    other.kill('SIGCONT');
    await until(() => heard.of('connected').length === 2, 'the new link');
    expect(heard.of('disconnected')).toHaveLength(1);
  });

  test('is replaced when a peer comes back while its old connection looks alive', async () => {
    const seed = '5a'.repeat(32);
    const { transport, heard } = await started({});
    const first = await child({ seed, bootstrap: transport.multiaddrs() });
    await until(() => heard.of('connected').length === 1, 'the first run');
    first.kill('SIGSTOP');
    // Two connections within seven seconds count as both sides dialling at once.
    const openedMs = Date.now();
    await until(() => Date.now() - openedMs > 7_500, 'seven seconds');
    await child({ seed, bootstrap: transport.multiaddrs() });
    await until(() => heard.of('connected').length === 2, 'the second run');
    expect(heard.of('disconnected')).toHaveLength(1);
    const name = (await privateKeyFromSeed(fromHex(seed))).publicKey.raw;
    expect(fromHex(heard.of('connected')[1]!.peer)).toEqual(name);
    transport.publish(new Uint8Array(3));
    await until(() => transport.peers().every(({ state }) => state === 'up'), 'a healthy link');
  });

  test('refuses direct messages that are too large, and keeps working', async () => {
    const one = await started({});
    const other = await started({ bootstrap: one.transport.multiaddrs() });
    await until(() => other.heard.of('connected').length === 1 && one.heard.of('connected').length === 1, 'both');
    other.transport.send(one.transport.self, new Uint8Array(DIRECT_BYTES_MAX + 1));
    other.transport.send(one.transport.self, new Uint8Array(DIRECT_BYTES_MAX));
    await until(() => one.heard.of('direct').length === 1, 'the message of allowed size');
    expect(one.heard.of('direct')[0]!.bytes).toHaveLength(DIRECT_BYTES_MAX);
  });

  test('is made anew when gossip does not reach the peer any more', async () => {
    const honest = await started({});
    const quiet = await startRawNode();
    cleanups.push(async () => quiet.stop());
    await quiet.dial(multiaddr(honest.transport.multiaddrs()[0]!));
    await until(() => honest.heard.of('connected').length === 1, 'the connection');
    quiet.services.gossip.unsubscribe(RAW_NAMES.topic);
    await until(() => honest.heard.of('disconnected').length === 1, 'the end of the link');
  });

  test('stays when five peers dial each other at the same moment', async () => {
    const ports = await Promise.all([0, 1, 2, 3, 4].map(freePort));
    const addresses = ports.map((port) => `/ip4/127.0.0.1/tcp/${port}`);
    const peers = await Promise.all(addresses.map((address) => started({ listen: [address], bootstrap: addresses })));
    await until(() => peers.every(({ heard }) => heard.of('connected').length >= 4), 'everybody connected');
    // Two rounds of pings later it is still the same links.
    await until(() => peers.every(({ heard }) => heard.of('roundTrip').length >= 12), 'two rounds of pings');
    for (const { heard } of peers) {
      expect(heard.of('connected')).toHaveLength(4);
      expect(heard.of('disconnected')).toEqual([]);
    }
    peers[0]!.transport.publish(Uint8Array.of(1, 2, 3));
    await until(() => peers.slice(1).every(({ heard }) => heard.of('gossip').length === 1), 'the message everywhere');
  });
});
