/**
 * Which addresses a tab can dial: websockets only, and from an https page only encrypted ones, except on the same
 * machine. The owner's are refused with the reason; those that other peers announce are left out quietly, because
 * most daemons also listen on plain tcp.
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
  if (names.includes('p2p-circuit')) return 'a tab cannot reach others through a relay yet';
  if (!names.includes('ws') && !names.includes('wss')) {
    return 'a tab can only open websockets: give an address that ends in /ws or /wss (before /p2p)';
  }
  const isEncrypted = names.includes('wss') || names.includes('tls');
  if (isHttps && !isEncrypted && !isLoopback(components[0]?.value)) {
    return 'this page came over https and may only open encrypted websockets: give a /wss address';
  }
  return undefined;
}

function isLoopback(host: string | undefined): boolean {
  return host === '::1' || host === 'localhost' || host?.startsWith('127.') === true;
}
