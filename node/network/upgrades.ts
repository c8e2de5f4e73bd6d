/**
 * From relayed links to WebRTC. Two tabs are connected through a relay first, at once; then the one with the smaller
 * key tries WebRTC behind the scenes. Where that cannot work (a strict router, a browser that hides its addresses) the
 * link stays as it is and nobody has waited; it is tried again ever more rarely.
 */
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import { messageOf } from './error.ts';
import { WEBRTC_RETRY_FIRST_MS, WEBRTC_RETRY_MAX_MS } from './limits.ts';
import type { Link } from './link.ts';
import { SIGNALLING, webRtcAddress } from './relayed.ts';

export interface UpgradeHooks {
  readonly self: PeerKey;
  readonly logger: Logger;
  /** Whether this peer speaks WebRTC by way of a relay. */
  canSignal(): boolean;
  /** Opens one more connection, whose opening moves the link. Rejects when it cannot. */
  dial(address: Multiaddr): Promise<unknown>;
}

export class Upgrades {
  readonly #hooks: UpgradeHooks;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #stopped = false;

  constructor(hooks: UpgradeHooks) {
    this.#hooks = hooks;
  }

  /** A link is up: begins to look for a better way if it is relayed. */
  consider(link: Link): void {
    if (this.#hooks.self > link.peer || !link.offers.includes(SIGNALLING) || !this.#hooks.canSignal()) return;
    void this.#try(link, WEBRTC_RETRY_FIRST_MS);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #try(link: Link, pauseMs: number): Promise<void> {
    if (this.#stopped || link.state !== 'up' || !link.isRelayed) return;
    try {
      await this.#hooks.dial(webRtcAddress(link.connection.remoteAddr));
    } catch (error) {
      const { peer } = link;
      this.#hooks.logger.log('info', 'no WebRTC with a peer; it stays on a relay', { peer, error: messageOf(error) });
    }
    // Also after a success: the link may not have got over to it.
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#try(link, Math.min(3 * pauseMs, WEBRTC_RETRY_MAX_MS));
    }, pauseMs);
    this.#timers.add(timer);
    if (this.#stopped) clearTimeout(timer);
  }
}
