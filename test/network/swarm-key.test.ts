/** Private networks: the key's text form, and what peers are told when keys do not match. */
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, test, vi } from 'vitest';
import { generateSwarmKey, networkNameOf, parseSwarmKey } from '../../node/network/swarm-key.ts';
import { RecordingListener } from '../contract/transport.ts';
import { createPeer, LOOPBACK_TCP, LOOPBACK_WS, until } from '../support/network/peers.ts';
import { RAW_NAMES, startRawNode } from '../support/network/raw-node.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const HEX = 'ab'.repeat(32);

describe('swarm key', () => {
  test('reads what it writes, and what other tools write', () => {
    const key = generateSwarmKey();
    expect(parseSwarmKey(key.text)).toEqual(key);
    expect(parseSwarmKey(`/key/swarm/psk/1.0.0/\r\n/base16/\r\n${HEX.toUpperCase()}\r\n`).secret).toEqual(
      new Uint8Array(32).fill(0xab),
    );
  });

  test.each([
    ['', /first line must be/],
    ['hello', /first line must be/],
    [`/key/swarm/psk/1.0.0/\n/base64/\n${HEX}`, /second line must be \/base16\//],
    ['/key/swarm/psk/1.0.0/\n/base16/\n', /third line, the key itself, is missing/],
    ['/key/swarm/psk/1.0.0/\n/base16/\nxyz', /must be hex digits/],
    ['/key/swarm/psk/1.0.0/\n/base16/\nabcd', /has 4 hex digits, not 64/],
    [`/key/swarm/psk/1.0.0/\n/base16/\n${HEX}\nmore`, /more after its third line/],
  ])('refuses %j', (text, message) => {
    expect(() => parseSwarmKey(text)).toThrow(message);
    expect(() => parseSwarmKey(text)).toThrow(expect.objectContaining({ code: 'swarm-key-malformed' }));
  });

  test('names its network without telling the key', () => {
    const [one, other] = [generateSwarmKey(), generateSwarmKey()];
    expect(networkNameOf(one)).toMatch(/^[0-9a-f]{16}$/);
    expect(networkNameOf(one)).not.toBe(networkNameOf(other));
    expect(networkNameOf(parseSwarmKey(one.text))).toBe(networkNameOf(one));
  });
});

describe.concurrent('a private network', () => {
  test.each(['/ip4/127.0.0.1/udp/0/webrtc-direct', '/webrtc'])('refuses to listen on %s, by name', async (address) => {
    await expect(createPeer({ listen: [address], swarmKey: generateSwarmKey().text })).rejects.toMatchObject({
      code: 'address-refused',
      message: expect.stringContaining(address),
    });
  });

  const ours = generateSwarmKey().text;
  const theirs = generateSwarmKey().text;
  const transports = [
    ['tcp', LOOPBACK_TCP],
    ['ws', LOOPBACK_WS],
  ] as const;

  for (const [name, listen] of transports) {
    test.each([
      ['another key', ours, theirs],
      ['a key here, none there', ours, undefined],
      ['no key here, one there', undefined, theirs],
    ])(`suspects the swarm key over ${name} on both sides: %s`, async (_, dialling, listening) => {
      const inside = await createPeer({ listen: [listen], swarmKey: listening });
      const heardInside = new RecordingListener();
      await inside.transport.start(heardInside);
      const outside = await createPeer({ bootstrap: inside.transport.multiaddrs(), swarmKey: dialling });
      const heardOutside = new RecordingListener();
      await outside.transport.start(heardOutside);
      try {
        await until(() => heardOutside.of('dialFailed').length > 0, 'the failed dial');
        expect(heardOutside.of('dialFailed')[0]!.code).toBe('swarm-key-suspected');
        await until(() => heardInside.of('dialFailed').length > 0, 'the failed incoming connection');
        expect(heardInside.of('dialFailed')[0]!.code).toBe('swarm-key-suspected');
        expect([...heardOutside.of('connected'), ...heardInside.of('connected')]).toEqual([]);
      } finally {
        await Promise.all([inside.transport.stop(), outside.transport.stop()]);
      }
    });
  }

  test('a peer that passes the handshake but cannot prove its membership is hung up', async () => {
    const swarmKey = generateSwarmKey();
    const honest = await createPeer({ swarmKey: swarmKey.text });
    const heard = new RecordingListener();
    await honest.transport.start(heard);
    const intruder = await startRawNode({ swarmKey }, (node) =>
      node.handle(RAW_NAMES.membership, (stream) => {
        stream.send(new Uint8Array(32));
      }),
    );
    try {
      await intruder.dial(multiaddr(honest.transport.multiaddrs()[0]!));
      await until(() => heard.of('dialFailed').length > 0, 'the failed proof');
      expect(heard.of('dialFailed')[0]!.code).toBe('swarm-key-suspected');
      await until(() => intruder.getConnections().length === 0, 'the end of the connection');
      expect(heard.of('connected')).toEqual([]);
    } finally {
      await Promise.all([intruder.stop(), honest.transport.stop()]);
    }
  });
});
