/** Names of peers and protocols, and which connections are refused for them. */
import { generateKeyPair } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, test, vi } from 'vitest';
import { addressForPeer, peerOfAddress } from '../../node/network/address.ts';
import { peerIdOf, peerKeyOf, peerKeyOfName, peerNameOf, privateKeyFromSeed } from '../../node/network/peer-key.ts';
import { incompatibility, protocolNames } from '../../node/network/protocols.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { fingerprint, openParameters, testParameters } from '../../node/protocol/parameters.ts';
import { RecordingListener } from '../contract/transport.ts';
import { createPeer, until } from '../support/network/peers.ts';
import { startRawNode } from '../support/network/raw-node.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

// RFC 8032, section 7.1, test 1.
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a' as PeerKey;

describe('peer keys', () => {
  test('go from seed to public key to peer id and back', async () => {
    const key = await privateKeyFromSeed(Buffer.from(SEED, 'hex'));
    expect(Buffer.from(key.publicKey.raw).toString('hex')).toBe(PUBLIC);
    expect(peerKeyOf(peerIdFromPrivateKey(key))).toBe(PUBLIC);
    expect(peerIdOf(PUBLIC).equals(peerIdFromPrivateKey(key))).toBe(true);
    expect(peerNameOf(PUBLIC)).toMatch(/^12D3Koo/);
    expect(peerKeyOfName(peerNameOf(PUBLIC))).toBe(PUBLIC);
  });

  test('refuses other keys and what is no key', async () => {
    const other = peerIdFromPrivateKey(await generateKeyPair('secp256k1'));
    expect(() => peerKeyOf(other)).toThrow(expect.objectContaining({ code: 'key-unsupported' }));
    for (const bad of ['', 'abc', 'zz'.repeat(32), PUBLIC.slice(2)]) {
      expect(() => peerIdOf(bad as PeerKey)).toThrow(expect.objectContaining({ code: 'key-unsupported' }));
    }
    expect(() => peerKeyOfName('12D3nonsense')).toThrow(expect.objectContaining({ code: 'key-unsupported' }));
    await expect(privateKeyFromSeed(new Uint8Array(31))).rejects.toMatchObject({ code: 'key-unsupported' });
  });

  test('a peer whose key is not Ed25519 is not let in', async () => {
    const honest = await createPeer();
    const heard = new RecordingListener();
    await honest.transport.start(heard);
    const other = await startRawNode({ privateKey: await generateKeyPair('secp256k1') });
    try {
      await other.dial(multiaddr(honest.transport.multiaddrs()[0]!)).catch(() => undefined);
      await until(() => other.getConnections().length === 0, 'the end of the connection');
      expect(honest.transport.peers()).toEqual([]);
      expect(heard.reports).toEqual([]);
    } finally {
      await Promise.all([other.stop(), honest.transport.stop()]);
    }
  });
});

describe('addresses', () => {
  test("of strangers are completed, or dropped when they are malformed or another peer's", () => {
    const name = peerNameOf(PUBLIC);
    expect(String(addressForPeer('/ip4/192.0.2.1/tcp/4001', PUBLIC))).toBe(`/ip4/192.0.2.1/tcp/4001/p2p/${name}`);
    expect(peerOfAddress(addressForPeer(`/dns4/example.org/tcp/1/ws/p2p/${name}`, PUBLIC)!)).toBe(PUBLIC);
    const other = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c' as PeerKey;
    expect(addressForPeer(`/ip4/192.0.2.1/tcp/4001/p2p/${name}`, other)).toBeUndefined();
    expect(addressForPeer('nonsense', PUBLIC)).toBeUndefined();
  });
});

describe('protocol names', () => {
  const own = protocolNames(openParameters());

  test('carry version and fingerprint', () => {
    const network = `shoal/1/${fingerprint(openParameters())}`;
    expect(own).toEqual({
      topic: network,
      direct: `/${network}/direct`,
      blocks: `/${network}/blocks`,
      membership: `/${network}/membership`,
      beats: `/${network}/beats`,
      refusal: `/${network}/refusal`,
    });
  });

  test('tell why a peer is incompatible', () => {
    expect(incompatibility(['/ipfs/id/1.0.0', own.direct], own)).toBeUndefined();
    expect(incompatibility([protocolNames(testParameters('x')).direct], own)).toMatch(/another network/);
    expect(incompatibility(['/shoal/17/feed/direct'], own)).toBe('speaks /shoal/17, this peer speaks /shoal/1');
    expect(incompatibility(['/ipfs/id/1.0.0'], own)).toBe('not a Shoal peer');
    // One that offers several versions, ours among them, is compatible.
    expect(incompatibility(['/shoal/2/feed/direct', own.direct], own)).toBeUndefined();
  });
});
