/** What `compose.ts` needs of all this: the plan before the network starts, and the page once it runs. */
import type { Logger } from '../../runtime/log.ts';
import type { Config } from '../config.ts';
import { announcedFrom, dialableFrom, invitationUrl, listenFor, offerOf } from './offer.ts';
import { startVolunteerServer } from './server.ts';

export interface Volunteering {
  /** Addresses to listen on beside those the owner gave. */
  readonly addedListen: readonly string[];
  /** What to tell other peers instead of these own addresses. */
  announced(addresses: readonly string[]): readonly string[];
  /** Rejects as `startVolunteerServer`. */
  serve(options: ServeOptions): Promise<VolunteerPage>;
}

export interface ServeOptions {
  readonly pageFolder: string;
  /** This peer's own addresses, now. */
  readonly multiaddrs: () => readonly string[];
  readonly logger: Logger;
}

export interface VolunteerPage {
  /** The link to hand on. */
  invitation(): string;
  close(): Promise<void>;
}

/** Undefined where no page is wanted. Throws a ShoalError `configuration`, as loading the configuration does. */
export function planVolunteering(config: Config): Volunteering | undefined {
  const { serveVolunteers: place, volunteerHost, tls, network, listen } = config;
  if (place === undefined) return undefined;
  const offer = offerOf({ place, tls, volunteerHost });
  return {
    addedListen: listenFor(offer, listen),
    announced: (addresses) => announcedFrom(offer, addresses),
    async serve({ pageFolder, multiaddrs, logger }) {
      const addresses = (): readonly string[] => dialableFrom(offer, multiaddrs());
      const { url, close } = await startVolunteerServer({ offer, pageFolder, addresses, network, logger });
      return { invitation: () => invitationUrl(url, addresses(), network), close };
    },
  };
}
