/**
 * Where the page learns which network to join: the link it was opened with, the place that serves it, or what it
 * joined last. In this order, since a link is what somebody meant right now.
 */
import { formatInvitation, type Invitation, parseInvitation } from '../../../node/network/invitation.ts';

export interface FoundInvitation {
  readonly invitation: Invitation;
  readonly from: 'link' | 'site' | 'memory';
}

export interface InvitationPlaces {
  /** The fragment, with its `#`. */
  readonly hash: string;
  /** The address of `network.json` beside the page. */
  readonly siteUrl: URL;
  readonly fetch: (url: URL, init: RequestInit) => Promise<Response>;
  /** The fragment of the last network joined. */
  readonly remembered: string | undefined;
}

/** Undefined where nothing names a network. Rejects with a NetworkError where something does, and is malformed. */
export async function findInvitation(places: InvitationPlaces): Promise<FoundInvitation | undefined> {
  if (isInvitation(places.hash)) return { invitation: parseInvitation(places.hash), from: 'link' };
  const site = await readSite(places);
  if (site !== undefined) return { invitation: site, from: 'site' };
  const { remembered } = places;
  return remembered === undefined ? undefined : { invitation: parseInvitation(remembered), from: 'memory' };
}

/** Whether a fragment means to be an invitation, well-formed or not. */
export function isInvitation(fragment: string): boolean {
  return /^#?(at|network)=|&(at|network)=/.test(fragment);
}

/** Reads what somebody pasted: a whole link, its fragment, or addresses of peers. Throws a NetworkError. */
export function readPasted(text: string): Invitation {
  const trimmed = text.trim();
  const fragment = trimmed.includes('#') ? trimmed.slice(trimmed.indexOf('#')) : trimmed;
  if (isInvitation(fragment)) return parseInvitation(fragment);
  const addresses = trimmed.startsWith('/') ? trimmed.split(/[\s,]+/) : [];
  return parseInvitation(formatInvitation({ addresses, network: undefined }));
}

/** `network.json`: addresses and the name of the network, as a daemon that serves this page fills it in. */
async function readSite({ siteUrl, fetch }: InvitationPlaces): Promise<Invitation | undefined> {
  let found: { readonly addresses?: unknown; readonly network?: unknown } | null;
  try {
    const response = await fetch(siteUrl, { cache: 'no-store', credentials: 'omit' });
    if (!response.ok) return undefined;
    found = (await response.json()) as typeof found;
  } catch {
    // A host that serves files and nothing else.
    return undefined;
  }
  const addresses = Array.isArray(found?.addresses) ? found.addresses.map(String) : [];
  if (addresses.length === 0) return undefined;
  const network = typeof found?.network === 'string' ? found.network : undefined;
  return parseInvitation(formatInvitation({ addresses, network }));
}
