/** Whether one more peer is wanted: links that cost a relay or a WebRTC stack are few, and dials under way count. */
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Libp2p } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { Dialling } from '../../node/network/dialling.ts';
import { CONNECTION_TARGET, RELAYED_TARGET } from '../../node/network/limits.ts';
import type { Link } from '../../node/network/link.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';

const SOCKET = multiaddr('/ip4/127.0.0.1/tcp/4001/ws');
const CALLER = multiaddr('/ip4/127.0.0.1/tcp/4001/ws/p2p-circuit/webrtc');
/** What the side that was called sees of the same kind of connection. */
const CALLED = multiaddr('/webrtc');

function world() {
  const links = new Map<PeerKey, Link>();
  const dials: ((connection: Connection) => void)[] = [];
  const node = {
    dial: () => new Promise<Connection>((resolve) => dials.push(resolve)),
  } as unknown as Pick<Libp2p, 'dial'>;
  const link = (remoteAddr: typeof SOCKET): void => {
    links.set(`peer ${links.size}` as PeerKey, { connection: { remoteAddr } } as unknown as Link);
  };
  return { dialling: new Dialling(links, () => node), link, dials };
}

describe('one more peer by way of a relay', () => {
  it('is wanted until there are enough such links, whichever side has called', () => {
    const { dialling, link } = world();
    for (let i = 0; i < RELAYED_TARGET; i++) {
      expect(dialling.wantsMore([CALLER])).toBe(true);
      link(i % 2 === 0 ? CALLED : CALLER);
    }
    expect(dialling.wantsMore([CALLER])).toBe(false);
    expect(dialling.wantsMore([SOCKET])).toBe(true);
  });

  it('is not wanted while as many are being dialled, and again when these dials have ended', async () => {
    const { dialling, dials } = world();
    const running = Array.from({ length: RELAYED_TARGET }, () => dialling.dial([CALLER]));
    expect(dialling.wantsMore([CALLER])).toBe(false);
    expect(dialling.wantsMore([SOCKET, CALLER])).toBe(true);
    const remotePeer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    for (const end of dials) end({ remotePeer } as unknown as Connection);
    await Promise.all(running);
    expect(dialling.wantsMore([CALLER])).toBe(true);
  });
});

describe('one more peer by any way', () => {
  it('is wanted until there are as many links as this peer opens by itself', () => {
    const { dialling, link } = world();
    for (let i = 0; i < CONNECTION_TARGET; i++) link(SOCKET);
    expect(dialling.wantsMore([SOCKET])).toBe(false);
  });
});
