/**
 * Under which names the volunteer page answers. On this machine alone: by address or as localhost, with its port.
 * With a certificate: whatever that stands for, on any port, since a router may forward one to another, and a name
 * that an attacker controls is none of the certificate's.
 */

import type { Offer } from './offer.ts';
import { isLoopback, isWildcard } from './place.ts';

/** `header` is the value of Host. */
export function isOwnHost(header: string | undefined, { place, tls }: Offer, port: number): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?$/i.exec(header ?? '');
  if (match === null) return false;
  const name = (match[1] ?? match[2] ?? '').toLowerCase();
  const isLocal = name === place.host || (isLoopback(place.host) && name === 'localhost');
  if (tls === undefined) return isLocal && Number(match[3] ?? 80) === port;
  return (isLocal && !isWildcard(name)) || tls.covers(name.replace(/\.$/, ''));
}

/** `header` is the value of Origin; `null`, of sandboxed frames and files, is nobody's own. */
export function isOwnOrigin(header: string, offer: Offer, port: number): boolean {
  const match = /^(https?):\/\/([^/]+)$/.exec(header);
  if (match?.[1] !== (offer.tls === undefined ? 'http' : 'https')) return false;
  return isOwnHost(match[2], offer, port);
}
