/** Finding peers: bootstrap addresses that fail, come up later or are wrong; peers of other versions. */
import { createServer } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NetworkError } from '../../node/network/error.ts';
import { peerNameOf } from '../../node/network/peer-key.ts';
import { testParameters } from '../../node/protocol/parameters.ts';
import type { TransportListener } from '../../node/runtime/environment.ts';
import { RecordingListener } from '../contract/transport.ts';
import { createPeer, freePort, type TestPeer, until } from '../support/network/peers.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

async function started(options: Parameters<typeof createPeer>[0]): Promise<TestPeer & { heard: RecordingListener }> {
  const peer = await createPeer(options);
  cleanups.push(() => peer.transport.stop());
  const heard = new RecordingListener();
  await peer.transport.start(heard);
  return { ...peer, heard };
}

describe('bootstrap', () => {
  test('a peer that comes up later is found', async () => {
    const address = `/ip4/127.0.0.1/tcp/${await freePort()}`;
    const early = await started({ bootstrap: [address] });
    await until(() => early.heard.of('dialFailed').length >= 2, 'two failed dials');
    expect(early.heard.of('dialFailed')[0]!.code).toBe('unreachable');
    const late = await started({ listen: [address] });
    await until(() => early.heard.of('connected').length > 0 && late.heard.of('connected').length > 0, 'the late peer');
    expect(early.heard.of('connected')[0]!.peer).toBe(late.transport.self);
  });

  test('a peer that restarts is found again', async () => {
    const privateKey = await generateKeyPair('Ed25519');
    const address = `/ip4/127.0.0.1/tcp/${await freePort()}`;
    const first = await started({ listen: [address], privateKey });
    const other = await started({ bootstrap: [address] });
    await until(() => other.heard.of('connected').length === 1, 'the first run');
    await first.transport.stop();
    await until(() => other.heard.of('disconnected').length === 1, 'its end');
    await started({ listen: [address], privateKey });
    await until(() => other.heard.of('connected').length === 2, 'the second run');
  });

  test('another peer behind an address is named', async () => {
    const actual = await started({});
    const expected = await started({});
    const [address] = actual.transport.multiaddrs();
    const wrong = address!.replace(peerNameOf(actual.transport.self), peerNameOf(expected.transport.self));
    const dialler = await started({ bootstrap: [wrong] });
    await until(() => dialler.heard.of('dialFailed').length > 0, 'the failure');
    expect(dialler.heard.of('dialFailed')[0]!.code).toBe('wrong-peer');
  });

  test('an address nobody can dial fails as such', async () => {
    const dialler = await started({ bootstrap: ['/ip4/127.0.0.1/udp/4001/quic-v1'] });
    await until(() => dialler.heard.of('dialFailed').length > 0, 'the failure');
    expect(dialler.heard.of('dialFailed')[0]!.code).toBe('failed');
  });

  test.each(['', '/ws'])('a port nobody listens on is unreachable (%s)', async (suffix) => {
    const dialler = await started({ bootstrap: [`/ip4/127.0.0.1/tcp/${await freePort()}${suffix}`] });
    await until(() => dialler.heard.of('dialFailed').length > 0, 'the failure');
    expect(dialler.heard.of('dialFailed')[0]!.code).toBe('unreachable');
  });

  test('its own address among them does no harm', async () => {
    const address = `/ip4/127.0.0.1/tcp/${await freePort()}`;
    const other = await started({});
    const peer = await started({ listen: [address], bootstrap: [address, other.transport.multiaddrs()[0]!] });
    await until(() => peer.heard.of('connected').length > 0, 'the other peer');
    expect(peer.heard.of('dialFailed')).toEqual([]);
  });

  test('eight peers that know one become a complete network', async () => {
    const first = await started({});
    const peers = [first];
    for (let i = 1; i < 8; i++) peers.push(await started({ bootstrap: first.transport.multiaddrs() }));
    await until(() => first.heard.of('connected').length === 7, 'everybody at the first');
    for (const { transport } of peers) {
      for (const other of peers) transport.learn(other.transport.self, ['nonsense', ...other.transport.multiaddrs()]);
    }
    await until(() => peers.every(({ transport }) => up(transport.peers()) === 7), 'a complete network');
    expect(peers.every(({ heard }) => heard.of('disconnected').length === 0)).toBe(true);
  });
});

function up(peers: readonly { readonly state: string }[]): number {
  return peers.filter(({ state }) => state === 'up').length;
}

describe('dial', () => {
  test('rejects with what went wrong', async () => {
    const peer = await started({});
    await expect(peer.transport.dial(`/ip4/127.0.0.1/tcp/${await freePort()}`)).rejects.toThrow(/ECONNREFUSED/);
    await expect(peer.transport.dial('nowhere')).rejects.toMatchObject({ code: 'address-malformed' });
    await until(() => peer.heard.of('dialFailed').length > 0, 'the report');
  });

  test('tells a server that hangs up', async () => {
    const server = createServer((socket) => socket.resetAndDestroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { readonly port: number };
    const peer = await started({ bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] });
    await until(() => peer.heard.of('dialFailed').length > 0, 'the failure');
    expect(peer.heard.of('dialFailed')[0]!.code).toBe('refused');
  });
});

describe('creation', () => {
  test.each([
    '127.0.0.1:4001',
    '/ip4/300.0.0.1/tcp/1',
    '/nonsense/5',
    '',
  ])('refuses the address %j by name', async (bad) => {
    for (const options of [{ listen: [bad] }, { bootstrap: [bad] }, { announce: [bad] }]) {
      const failure = await createPeer(options).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(NetworkError);
      expect(failure).toMatchObject({ code: 'address-malformed', message: expect.stringContaining(bad) });
    }
  });

  test('names the address when a port is taken', async () => {
    const first = await started({});
    const [address] = first.transport.multiaddrs();
    const listen = address!.replace(/\/p2p\/.*/, '');
    const second = await createPeer({ listen: [listen] });
    cleanups.push(() => second.transport.stop());
    await expect(second.transport.start(new RecordingListener())).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringContaining(listen),
    });
  });

  test('refuses a key that is not Ed25519', async () => {
    await expect(createPeer({ privateKey: await generateKeyPair('secp256k1') })).rejects.toMatchObject({
      code: 'key-unsupported',
    });
  });
});

describe('incompatible peers', () => {
  interface Incompatible {
    readonly agent: string;
    readonly detail: string;
  }

  async function reportsAbout(connect: (address: string) => Promise<unknown>): Promise<readonly Incompatible[]> {
    const reports: Incompatible[] = [];
    const heard = new RecordingListener();
    const listener: TransportListener = Object.assign(Object.create(heard) as RecordingListener, {
      incompatible: (_peer: string, _address: string, agent: string, detail: string) => reports.push({ agent, detail }),
    });
    const peer = await createPeer();
    cleanups.push(() => peer.transport.stop());
    await peer.transport.start(listener);
    await connect(peer.transport.multiaddrs()[0]!);
    await until(() => reports.length > 0, 'the report');
    expect(heard.of('connected')).toEqual([]);
    return reports;
  }

  async function foreignPeer(protocol: string | undefined, address: string, identifies = true): Promise<void> {
    const node = await createLibp2p({
      nodeInfo: { userAgent: 'foreign/1' },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      ...(identifies ? { services: { identify: identify() } } : {}),
      start: false,
    });
    if (protocol !== undefined) await node.handle(protocol, () => undefined);
    await node.start();
    cleanups.push(async () => node.stop());
    const { multiaddr } = await import('@multiformats/multiaddr');
    await node.dial(multiaddr(address));
  }

  test('of another network are named on both sides', async () => {
    let other: Awaited<ReturnType<typeof started>> | undefined;
    const [report] = await reportsAbout(async (address) => {
      other = await started({ bootstrap: [address], parameters: testParameters('elsewhere'), agent: 'shoal/9' });
    });
    expect(report).toMatchObject({ agent: 'shoal/9', detail: expect.stringMatching(/another network .* parameters/) });
    await until(() => other!.heard.of('incompatible').length > 0, 'the report on the other side');
  });

  test('of another version are named', async () => {
    const [report] = await reportsAbout((address) => foreignPeer('/shoal/2/0123456789abcdef/direct', address));
    expect(report).toEqual({ agent: 'foreign/1', detail: 'speaks /shoal/2, this peer speaks /shoal/1' });
  });

  test('of another kind are named', async () => {
    const [report] = await reportsAbout((address) => foreignPeer(undefined, address));
    expect(report!.detail).toBe('not a Shoal peer');
  });

  test('that cannot even identify themselves are named', async () => {
    const [report] = await reportsAbout((address) => foreignPeer(undefined, address, false));
    expect(report).toEqual({ agent: '', detail: 'not a Shoal peer' });
  });
});
