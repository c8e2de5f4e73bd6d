/**
 * From relayed links to WebRTC. Two tabs are connected through a relay first, at once; then the one with the smaller
 * key tries WebRTC behind the scenes. Where that cannot work (a strict router, a browser that hides its addresses) the
 * link stays as it is and nobody has waited; it is tried again ever more rarely.
 */
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import { messageOf } from './error.ts';
import { WEBRTC_QUIET_MAX_MS, WEBRTC_RETRY_FIRST_MS, WEBRTC_RETRY_MAX_MS } from './limits.ts';
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

/** A relayed link that would rather be WebRTC. */
interface Wish {
  notBeforeMs: number;
  pauseMs: number;
}

export class Upgrades {
  readonly #hooks: UpgradeHooks;
  readonly #wishes = new Map<Link, Wish>();
  /** Attempts that failed one after the other, with whomever; and until when nothing is tried because of them. */
  #failures = 0;
  #quietUntilMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #trying = false;
  #stopped = false;

  constructor(hooks: UpgradeHooks) {
    this.#hooks = hooks;
  }

  /** A link is up: begins to look for a better way if it is relayed. */
  consider(link: Link): void {
    if (this.#hooks.self > link.peer || !link.offers.includes(SIGNALLING) || !this.#hooks.canSignal()) return;
    this.#wishes.set(link, { notBeforeMs: 0, pauseMs: WEBRTC_RETRY_FIRST_MS });
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** One attempt at a time: each costs a stack of its own for seconds, and a crowd of tabs would starve on them. */
  #next(): void {
    if (this.#stopped || this.#trying) return;
    clearTimeout(this.#timer);
    for (const link of this.#wishes.keys()) if (link.state !== 'up' || !link.isRelayed) this.#wishes.delete(link);
    const [first] = [...this.#wishes].sort(([, a], [, b]) => a.notBeforeMs - b.notBeforeMs);
    if (first === undefined) return;
    const [link, wish] = first;
    const waitMs = Math.max(wish.notBeforeMs, this.#quietUntilMs) - Date.now();
    if (waitMs <= 0) void this.#try(link, wish);
    else this.#timer = setTimeout(() => this.#next(), waitMs);
  }

  async #try(link: Link, wish: Wish): Promise<void> {
    this.#trying = true;
    try {
      await this.#hooks.dial(webRtcAddress(link.connection.remoteAddr));
      this.#failures = 0;
    } catch (error) {
      const { peer } = link;
      this.#hooks.logger.log('info', 'no WebRTC with a peer; it stays on a relay', { peer, error: messageOf(error) });
      // What fails with one usually fails with all, because the reason is on this side.
      this.#quietUntilMs = Date.now() + Math.min(WEBRTC_RETRY_FIRST_MS * 3 ** this.#failures, WEBRTC_QUIET_MAX_MS);
      this.#failures++;
    } finally {
      this.#trying = false;
    }
    // Also after a success: the link may not have got over to it.
    wish.notBeforeMs = Date.now() + wish.pauseMs;
    wish.pauseMs = Math.min(3 * wish.pauseMs, WEBRTC_RETRY_MAX_MS);
    this.#next();
  }
}
