/**
 * Which addresses a tab can dial: websockets, WebRTC to a daemon, and other tabs by way of a relay. From an https page
 * websockets must be encrypted, except on the same machine; WebRTC always is. The owner's addresses are refused with
 * the reason; those that other peers announce are left out quietly, because most daemons also listen on plain tcp.
 */
import { parseAddress } from '../../node/network/address.ts';
import { TabPeerError } from './error.ts';

/** Whether the page came over https; such pages may not open plain websockets to other machines. */
export interface PageSecurity {
  readonly isHttps: boolean;
}

export function dialable(addresses: readonly string[], page: PageSecurity): readonly string[] {
  return addresses.filter((address) => {
    try {
      return obstacle(address, page) === undefined;
    } catch {
      // Strangers may announce what is no address at all.
      return false;
    }
  });
}

/** Throws a TabPeerError `address-refused`, or a NetworkError `address-malformed`. */
export function checkAddresses(addresses: readonly string[], page: PageSecurity): void {
  for (const address of addresses) {
    const why = obstacle(address, page);
    if (why !== undefined) throw new TabPeerError('address-refused', `${address}: ${why}`);
  }
}

function obstacle(text: string, { isHttps }: PageSecurity): string | undefined {
  const components = parseAddress(text).getComponents();
  const names = components.map(({ name }) => name);
  // The way to the relay is what this page has to open; behind it there is only the relay's stream.
  const way = names.includes('p2p-circuit') ? names.slice(0, names.indexOf('p2p-circuit')) : names;
  if (way.includes('webrtc-direct')) {
    return way.includes('certhash') ? undefined : 'an address with /webrtc-direct must also have its /certhash';
  }
  if (!way.includes('ws') && !way.includes('wss')) {
    return 'a tab can only open websockets and WebRTC: give an address that has /ws, /wss or /webrtc-direct in it';
  }
  const isEncrypted = way.includes('wss') || way.includes('tls');
  if (isHttps && !isEncrypted && !isLoopback(components[0]?.value)) {
    return 'this page came over https and may only open encrypted connections: give a /wss or /webrtc-direct address';
  }
  return undefined;
}

function isLoopback(host: string | undefined): boolean {
  return host === '::1' || host === 'localhost' || host?.startsWith('127.') === true;
}
