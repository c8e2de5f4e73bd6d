/**
 * What a daemon that serves volunteers offers them: under which host it is reached, which listen addresses it needs
 * beyond those its owner gave, and which of its addresses a tab of that page can dial.
 *
 * A tab can open websockets and WebRTC. A page on plain http is a secure context on the same machine only, so there
 * its websockets are plain; everywhere else it comes by https, and its websockets must be encrypted, under a name
 * the certificate stands for.
 */
import { isIP } from 'node:net';
import type { Multiaddr } from '@multiformats/multiaddr';
import { parseAddress } from '../../network/address.ts';
import { formatInvitation } from '../../network/invitation.ts';
import { ShoalError } from '../errors.ts';
import type { TlsFiles } from './certificate.ts';
import { inUrl, isLoopback, isWildcard, type Place } from './place.ts';

export interface Offer {
  readonly place: Place;
  readonly tls: TlsFiles | undefined;
  /** Name or address in links and in the addresses of encrypted websockets. */
  readonly host: string;
}

export interface OfferOptions {
  readonly place: Place;
  readonly tls: TlsFiles | undefined;
  /** The host its owner named for it. */
  readonly volunteerHost: string | undefined;
}

/** Throws a ShoalError `configuration` where a browser could not use what would be served. */
export function offerOf({ place, tls, volunteerHost }: OfferOptions): Offer {
  if (tls === undefined) {
    if (!isLoopback(place.host)) {
      throw new ShoalError(
        'configuration',
        `serveVolunteers: beyond 127.0.0.1 the page needs https, since browsers give no cryptography to a page on plain http; got ${place.host} without a certificate. Add --tls-cert and --tls-key, or serve it on 127.0.0.1.`,
      );
    }
    if (volunteerHost !== undefined) {
      throw new ShoalError(
        'configuration',
        `volunteerHost: a page without a certificate is for this machine alone, under ${place.host}. Add --tls-cert and --tls-key, or remove volunteerHost.`,
      );
    }
    return { place, tls, host: place.host };
  }
  return { place, tls, host: hostOf(place, tls, volunteerHost) };
}

function hostOf({ host }: Place, tls: TlsFiles, volunteerHost: string | undefined): string {
  if (volunteerHost !== undefined) {
    if (tls.covers(volunteerHost)) return volunteerHost;
    throw new ShoalError(
      'configuration',
      `volunteerHost: the certificate does not stand for ${volunteerHost}, only for ${tls.names.join(', ')}. Name one of these, or give a certificate for ${volunteerHost}.`,
    );
  }
  const candidates = [host, ...(isLoopback(host) ? ['localhost'] : []), ...tls.names];
  const found = candidates.find((name) => !isWildcard(name) && !name.includes('*') && tls.covers(name));
  if (found !== undefined) return found;
  throw new ShoalError(
    'configuration',
    `tlsCert: the certificate stands for ${tls.names.join(', ')}, which leaves open how others reach this page. Say it with --volunteer-host.`,
  );
}

/**
 * Listen addresses to add to `listen`, so that a tab finds something to dial: websockets, and WebRTC for pages that
 * cannot open these. Their port follows that of the page, so that both stay where they are and an owner can open them.
 */
export function listenFor({ place, tls }: Offer, listen: readonly string[]): readonly string[] {
  const port = place.port === 0 ? 0 : place.port === 65_535 ? place.port - 1 : place.port + 1;
  const host = `/${isIP(place.host) === 6 ? 'ip6' : 'ip4'}/${place.host}`;
  const given = listen.map(parseAddress);
  const added: string[] = [];
  if (!given.some((address) => isWebSocket(address, tls !== undefined) && isReachedAs(place, address))) {
    added.push(`${host}/tcp/${port}${tls === undefined ? '' : '/tls'}/ws`);
  }
  if (!given.some((address) => isWebRtcDirect(address) && isReachedAs(place, address))) {
    added.push(`${host}/udp/${port}/webrtc-direct`);
  }
  return added;
}

/** Those of a peer's own addresses that a tab of its page can dial, websockets first. */
export function dialableFrom({ place, tls, host }: Offer, addresses: readonly string[]): readonly string[] {
  const parsed = addresses.map(parseAddress).filter((address) => !names(address).includes('p2p-circuit'));
  const webSockets = parsed
    .filter((address) => isWebSocket(address, tls !== undefined) && isReachedAs(place, address))
    .map((address) => (tls === undefined ? String(address) : underHost(host, address)));
  const direct = parsed.filter((address) => isWebRtcDirect(address) && isReachedAs(place, address)).map(String);
  return [...new Set([...webSockets, ...direct])];
}

/**
 * What this peer tells others of its own addresses. Tabs that learn of it elsewhere need its encrypted websockets
 * under the certificate's name as well, and have no use for them under a number.
 */
export function announcedFrom(offer: Offer, addresses: readonly string[]): readonly string[] {
  if (offer.tls === undefined) return addresses;
  const rest = addresses.filter((address) => !isWebSocket(parseAddress(address), true));
  return [...new Set([...dialableFrom(offer, addresses), ...rest])];
}

/** The page's address as a browser opens it, without an invitation. `port` is the one listened on. */
export function pageUrl({ tls, host }: Offer, port: number): string {
  const scheme = tls === undefined ? 'http' : 'https';
  const isUsual = port === (tls === undefined ? 80 : 443);
  return `${scheme}://${inUrl(host)}${isUsual ? '' : `:${port}`}/`;
}

/**
 * The link to hand on. It carries one address of websockets, which keeps its code small enough for a camera; those of
 * WebRTC, with the hash of a certificate in them, are long, and the page finds them beside itself.
 */
export function invitationUrl(url: string, addresses: readonly string[], network: string | undefined): string {
  const [first] = addresses;
  return first === undefined ? url : `${url}#${formatInvitation({ addresses: [first], network })}`;
}

/** Whether a tab can connect to a peer that listens there. */
export function isForTabs(address: string): boolean {
  const parts = names(parseAddress(address));
  return parts.some((name) => name === 'ws' || name === 'wss' || name === 'webrtc-direct');
}

function isWebSocket(address: Multiaddr, isEncrypted: boolean): boolean {
  const parts = names(address);
  if (!parts.includes('ws') && !parts.includes('wss')) return false;
  return (parts.includes('wss') || parts.includes('tls')) === isEncrypted;
}

function isWebRtcDirect(address: Multiaddr): boolean {
  return names(address).includes('webrtc-direct');
}

/** Whether who reaches the page at `place` also reaches `address`. */
function isReachedAs({ host }: Place, address: Multiaddr): boolean {
  const at = address.getComponents()[0]?.value ?? '';
  if (isWildcard(at) || at === host) return true;
  return isLoopback(host) ? isLoopback(at) : isWildcard(host) && !isLoopback(at);
}

/** The same listener under the certificate's name: browsers check it, also for websockets. */
function underHost(host: string, address: Multiaddr): string {
  const kind = isIP(host);
  const rest = address
    .getComponents()
    .slice(1)
    .map(({ name, value }) => (value === undefined ? `/${name}` : `/${name}/${value}`));
  return `/${kind === 6 ? 'ip6' : kind === 4 ? 'ip4' : 'dns4'}/${host}${rest.join('')}`;
}

function names(address: Multiaddr): readonly string[] {
  return address.getComponents().map(({ name }) => name);
}
