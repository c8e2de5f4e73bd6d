/**
 * What somebody must know to join a network: where peers of it can be reached, and its name. It travels in the
 * fragment of a link, which browsers send to no server: `#at=/ip4/192.0.2.7/tcp/4001/tls/ws/p2p/12D3Koo…&network=name`.
 */
import { parseAddress } from './address.ts';
import { messageOf, NetworkError } from './error.ts';

export interface Invitation {
  /** Multiaddrs, at least one and at most `INVITATION_ADDRESSES_MAX`. */
  readonly addresses: readonly string[];
  /** Name of a test network; undefined for the open network. */
  readonly network: string | undefined;
}

/** More would not fit into a QR code that a telephone reads. */
export const INVITATION_ADDRESSES_MAX = 4;
/** As the daemon's configuration has it. */
const NETWORK_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** The fragment without its `#`. Characters that are legal there stay readable. */
export function formatInvitation({ addresses, network }: Invitation): string {
  const fields = addresses.slice(0, INVITATION_ADDRESSES_MAX).map((address) => `at=${encode(address)}`);
  return [...fields, ...(network === undefined ? [] : [`network=${encode(network)}`])].join('&');
}

/** Reads a fragment, with or without its `#`. Throws a NetworkError that says what is wrong with the link. */
export function parseInvitation(text: string): Invitation {
  const fields = new URLSearchParams(text.replace(/^#/, '').replaceAll('+', '%2B'));
  const addresses = fields.getAll('at');
  const network = fields.get('network') ?? undefined;
  if (addresses.length === 0) throw malformed('it names no peer to join through (at=…)');
  if (addresses.length > INVITATION_ADDRESSES_MAX) {
    throw malformed(`it names ${addresses.length} peers; up to ${INVITATION_ADDRESSES_MAX} are allowed`);
  }
  for (const address of addresses) {
    try {
      parseAddress(address);
    } catch (error) {
      throw malformed(messageOf(error));
    }
  }
  if (network !== undefined && !NETWORK_NAME.test(network)) {
    throw malformed(`${JSON.stringify(network.slice(0, 80))} is no name of a network`);
  }
  return { addresses, network };
}

function malformed(what: string): NetworkError {
  return new NetworkError('invitation-malformed', `this invitation cannot be used: ${what}. Ask for a new link.`);
}

function encode(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/').replaceAll('%3A', ':');
}
