/** Which addresses a daemon listens on for tabs, which of its own it names to them, and the link that carries one. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TlsFiles } from '../../node/daemon/volunteers/certificate.ts';
import {
  announcedFrom,
  dialableFrom,
  invitationUrl,
  listenFor,
  type Offer,
  offerOf,
  pageUrl,
} from '../../node/daemon/volunteers/offer.ts';
import { parseInvitation } from '../../node/network/invitation.ts';

const PEER = '/p2p/12D3KooWCATLz9pdUQeEc6VE9LmBLQu8CFYWZonpUbL67kmq38Yp';
const DIRECT = '/webrtc-direct/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ';

/** A certificate for these names, as far as the rules here look at it. */
function certificate(...names: string[]): TlsFiles {
  return { certificate: '', key: '', names, covers: (host) => names.includes(host), warnings: [] };
}

function offer(host: string, port: number, tls?: TlsFiles, volunteerHost?: string): Offer {
  return offerOf({ place: { host, port }, tls, volunteerHost });
}

describe('the host in links', () => {
  it.each([
    [offer('127.0.0.1', 4102), 'http://127.0.0.1:4102/'],
    [offer('::1', 4102), 'http://[::1]:4102/'],
    [offer('0.0.0.0', 443, certificate('a.example', 'b.example')), 'https://a.example/'],
    [offer('0.0.0.0', 4102, certificate('*.example', 'b.example')), 'https://b.example:4102/'],
    [offer('192.0.2.7', 4102, certificate('a.example', '192.0.2.7')), 'https://192.0.2.7:4102/'],
    [offer('192.0.2.7', 4102, certificate('a.example')), 'https://a.example:4102/'],
    [offer('127.0.0.1', 4102, certificate('localhost')), 'https://localhost:4102/'],
    [offer('0.0.0.0', 443, certificate('a.example', 'b.example'), 'b.example'), 'https://b.example/'],
  ])('is one that a browser will accept (%#: %2$s)', (given, url) => {
    expect(pageUrl(given, given.place.port)).toBe(url);
  });
});

describe('listening for tabs', () => {
  it.each([
    ['nothing but tcp', offer('127.0.0.1', 4102), ['/ip4/127.0.0.1/tcp/4100'], '/ip4/127.0.0.1/tcp/4103/ws'],
    ['any free port', offer('127.0.0.1', 0), ['/ip4/127.0.0.1/tcp/0'], '/ip4/127.0.0.1/tcp/0/ws'],
    ['the other protocol', offer('::1', 4102), ['/ip4/192.0.2.7/tcp/4100/ws'], '/ip6/::1/tcp/4103/ws'],
    [
      'plain websockets under https',
      offer('0.0.0.0', 443, certificate('a.example')),
      ['/ip4/0.0.0.0/tcp/4101/ws'],
      '/ip4/0.0.0.0/tcp/444/tls/ws',
    ],
    [
      'encrypted ones on this machine alone',
      offer('0.0.0.0', 443, certificate('a.example')),
      ['/ip4/127.0.0.1/tcp/4101/tls/ws'],
      '/ip4/0.0.0.0/tcp/444/tls/ws',
    ],
  ])('adds websockets where there is %s', (_, given, listen, added) => {
    expect(listenFor(given, listen)).toContain(added);
  });

  it.each([
    ['on the same address', offer('127.0.0.1', 4102), '/ip4/127.0.0.1/tcp/4101/ws'],
    ['on all addresses', offer('127.0.0.1', 4102), '/ip4/0.0.0.0/tcp/4101/ws'],
    ['encrypted as the page', offer('0.0.0.0', 443, certificate('a.example')), '/ip4/0.0.0.0/tcp/4101/tls/ws'],
    ['written as wss', offer('192.0.2.7', 443, certificate('a.example')), '/ip4/192.0.2.7/tcp/4101/wss'],
  ])('adds none where there are some %s', (_, given, listen) => {
    expect(listenFor(given, [listen]).filter((address) => address.includes('/ws'))).toEqual([]);
  });
});

describe('listening for WebRTC', () => {
  it('is added beside the websockets, on the same port by UDP', () => {
    expect(listenFor(offer('127.0.0.1', 4102), [])).toContain('/ip4/127.0.0.1/udp/4103/webrtc-direct');
    expect(listenFor(offer('::', 443, certificate('a.example')), [])).toContain('/ip6/::/udp/444/webrtc-direct');
    expect(listenFor(offer('127.0.0.1', 0), [])).toContain('/ip4/127.0.0.1/udp/0/webrtc-direct');
  });

  it('is not added where the owner has done so', () => {
    const given = ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/0.0.0.0/udp/9000/webrtc-direct'];
    expect(listenFor(offer('127.0.0.1', 4102), given)).toEqual([]);
  });
});

describe('what other peers are told', () => {
  it('is everything as it is without a certificate, and encrypted websockets under its name with one', () => {
    const own = ['/ip4/192.0.2.7/tcp/4100', '/ip4/192.0.2.7/tcp/4103/tls/ws', '/ip4/198.51.100.9/tcp/4103/tls/ws'].map(
      (address) => address + PEER,
    );
    expect(announcedFrom(offer('127.0.0.1', 4102), own)).toEqual(own);
    expect(announcedFrom(offer('0.0.0.0', 443, certificate('a.example')), own)).toEqual([
      `/dns4/a.example/tcp/4103/tls/ws${PEER}`,
      own[0],
    ]);
  });
});

describe('what a tab can dial', () => {
  const ALL = [
    '/ip4/127.0.0.1/tcp/4100',
    '/ip4/127.0.0.1/tcp/4101/ws',
    '/ip4/192.0.2.7/tcp/4101/ws',
    '/ip4/127.0.0.1/tcp/4103/tls/ws',
    '/ip4/192.0.2.7/tcp/4103/tls/ws',
    '/ip4/198.51.100.9/tcp/4103/tls/ws',
    `/ip4/127.0.0.1/udp/4103${DIRECT}`,
    `/ip4/192.0.2.7/udp/4103${DIRECT}`,
  ].map((address) => address + PEER);

  it('is plain and near for a page of this machine', () => {
    expect(dialableFrom(offer('127.0.0.1', 4102), ALL)).toEqual([
      `/ip4/127.0.0.1/tcp/4101/ws${PEER}`,
      `/ip4/127.0.0.1/udp/4103${DIRECT}${PEER}`,
    ]);
  });

  it('is encrypted and under the certificate’s name for everybody else', () => {
    expect(dialableFrom(offer('0.0.0.0', 443, certificate('a.example')), ALL)).toEqual([
      `/dns4/a.example/tcp/4103/tls/ws${PEER}`,
      `/ip4/192.0.2.7/udp/4103${DIRECT}${PEER}`,
    ]);
    expect(dialableFrom(offer('192.0.2.7', 443, certificate('192.0.2.7')), ALL)[0]).toBe(
      `/ip4/192.0.2.7/tcp/4103/tls/ws${PEER}`,
    );
  });

  it('is never an address through a relay', () => {
    expect(dialableFrom(offer('127.0.0.1', 4102), [`/ip4/127.0.0.1/tcp/4101/ws${PEER}/p2p-circuit`])).toEqual([]);
  });
});

describe('the invitation', () => {
  let addresses: readonly string[];
  beforeAll(() => {
    addresses = [
      `/ip4/127.0.0.1/tcp/4101/ws${PEER}`,
      `/ip4/127.0.0.1/tcp/4105/ws${PEER}`,
      `/ip4/127.0.0.1/udp/4103${DIRECT}${PEER}`,
    ];
  });

  it('names the websockets, which stay, and the network, behind the #', () => {
    const url = new URL(invitationUrl('http://127.0.0.1:4102/', addresses, 'my-network'));
    expect(url.href.split('#')[0]).toBe('http://127.0.0.1:4102/');
    expect(parseInvitation(url.hash)).toEqual({ addresses: [addresses[0]], network: 'my-network' });
  });

  it('is the page alone while there is no address', () => {
    expect(invitationUrl('http://127.0.0.1:4102/', [], undefined)).toBe('http://127.0.0.1:4102/');
  });
});
