/**
 * Whom to dial, and when. Bootstrap addresses are tried for as long as the peer runs, with growing pauses, whenever
 * they are not connected. Peers learnt of otherwise are dialled while there are fewer connections than wanted, so a
 * network of up to 32 peers becomes complete; those that cannot be reached are tried ever more rarely.
 */
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import { addressForPeer, peerOfAddress } from './address.ts';
import { messageOf } from './error.ts';
import {
  ADDRESS_BOOK_MAX,
  ADDRESSES_PER_PEER_MAX,
  LEARNT_REDIAL_MAX_MS,
  REDIAL_FIRST_MS,
  REDIAL_MAX_MS,
  RELAY_PATIENCE_MS,
  WANTED_CHECK_MS,
} from './limits.ts';
import { isRelayAddress } from './relayed.ts';

export interface DialerHooks {
  readonly self: PeerKey;
  readonly logger: Logger;
  /** Resolves to the peer that was reached. */
  dial(addresses: readonly Multiaddr[]): Promise<PeerKey>;
  /** Whether there is a link that is no worse than one by these addresses would be. */
  isConnected(peer: PeerKey, addresses: readonly Multiaddr[]): boolean;
  /** Whether a peer beyond the bootstrap list with these addresses is wanted now. */
  wantsMore(addresses: readonly Multiaddr[]): boolean;
  /** Others can dial this peer without a relay. */
  readonly isReachable: boolean;
  failed(address: string, error: unknown, reachedBefore: boolean): void;
}

interface Target {
  readonly isBootstrap: boolean;
  addresses: readonly Multiaddr[];
  peer: PeerKey | undefined;
  pauseMs: number;
  failures: number;
  reachedBefore: boolean;
  dialling: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Two peers that learn of each other at the same moment would dial each other: the one with the larger key waits. */
const YIELD_MS = 500;

export class Dialer {
  readonly #hooks: DialerHooks;
  readonly #bootstrap: Target[];
  readonly #learnt = new Map<PeerKey, Target>();
  #running = false;

  constructor(bootstrap: readonly Multiaddr[], hooks: DialerHooks) {
    this.#hooks = hooks;
    this.#bootstrap = bootstrap
      .filter((address) => peerOfAddress(address) !== hooks.self)
      .map((address) => newTarget(true, [address], peerOfAddress(address)));
  }

  start(): void {
    this.#running = true;
    for (const target of this.#bootstrap) this.#schedule(target, 0);
  }

  stop(): void {
    this.#running = false;
    for (const target of this.#targets()) clearTimeout(target.timer);
  }

  /** Addresses a peer says it can be reached at. Malformed ones and other peers' are dropped. */
  learn(peer: PeerKey, addresses: readonly string[]): void {
    if (peer === this.#hooks.self) return;
    const usable = addresses
      .slice(0, 4 * ADDRESSES_PER_PEER_MAX)
      .map((address) => addressForPeer(address, peer))
      .filter((address) => address !== undefined)
      .slice(0, ADDRESSES_PER_PEER_MAX);
    if (usable.length === 0) return;
    const known = this.#learnt.get(peer);
    if (known !== undefined) {
      if (known.addresses.join() === usable.join()) return;
      known.addresses = usable;
      known.pauseMs = REDIAL_FIRST_MS;
      return this.#pause(known);
    }
    if (this.#learnt.size >= ADDRESS_BOOK_MAX) this.#forgetWorst();
    const target = newTarget(false, usable, peer);
    this.#learnt.set(peer, target);
    this.#schedule(target, this.#courtesyMs(peer, usable));
  }

  /** The link to this peer is up and useful: its next failure starts with the shortest pause again. */
  connected(peer: PeerKey): void {
    for (const target of this.#targetsOf(peer)) {
      target.pauseMs = REDIAL_FIRST_MS;
      target.failures = 0;
      target.reachedBefore = true;
    }
  }

  disconnected(peer: PeerKey): void {
    for (const target of this.#targetsOf(peer)) this.#pause(target);
  }

  /** Both sides have just learnt of each other: one of them goes first. */
  #courtesyMs(peer: PeerKey, addresses: readonly Multiaddr[]): number {
    if (this.#hooks.isReachable && addresses.every(isRelayAddress)) return RELAY_PATIENCE_MS;
    return this.#hooks.self < peer ? 0 : YIELD_MS;
  }

  #schedule(target: Target, delayMs: number): void {
    if (!this.#running) return;
    clearTimeout(target.timer);
    target.timer = setTimeout(() => void this.#try(target), delayMs);
  }

  /** Tries again after the current pause, with jitter, and doubles it. */
  #pause(target: Target): void {
    this.#schedule(target, target.pauseMs * (0.75 + 0.5 * Math.random()));
    target.pauseMs = Math.min(2 * target.pauseMs, target.isBootstrap ? REDIAL_MAX_MS : LEARNT_REDIAL_MAX_MS);
  }

  async #try(target: Target): Promise<void> {
    if (!this.#running || target.dialling) return;
    if (this.#isConnected(target)) return;
    if (!target.isBootstrap && !this.#hooks.wantsMore(target.addresses)) return this.#schedule(target, WANTED_CHECK_MS);
    target.dialling = true;
    try {
      target.peer = await this.#hooks.dial(target.addresses);
      // It may have gone again before we knew whose disconnection to listen for.
      if (!this.#isConnected(target)) this.#pause(target);
    } catch (error) {
      this.#handleFailure(target, error);
    } finally {
      target.dialling = false;
    }
  }

  #handleFailure(target: Target, error: unknown): void {
    if (!this.#running) return;
    if (/dial self/i.test(messageOf(error))) {
      this.#hooks.logger.log('info', 'a bootstrap address is this peer itself', {
        address: String(target.addresses[0]),
      });
      this.#bootstrap.splice(this.#bootstrap.indexOf(target), 1);
      return;
    }
    target.failures++;
    if (target.isBootstrap) {
      this.#hooks.failed(target.addresses.join(' '), error, target.reachedBefore);
    } else {
      this.#hooks.logger.log('debug', 'a learnt peer was not reached', { peer: target.peer, error: messageOf(error) });
    }
    this.#pause(target);
  }

  #isConnected({ peer, addresses }: Target): boolean {
    return peer !== undefined && this.#hooks.isConnected(peer, addresses);
  }

  #forgetWorst(): void {
    let worst: Target | undefined;
    for (const target of this.#learnt.values()) {
      if (this.#isConnected(target)) continue;
      if (worst === undefined || target.failures > worst.failures) worst = target;
    }
    if (worst?.peer === undefined) return;
    clearTimeout(worst.timer);
    this.#learnt.delete(worst.peer);
  }

  #targets(): readonly Target[] {
    return [...this.#bootstrap, ...this.#learnt.values()];
  }

  #targetsOf(peer: PeerKey): readonly Target[] {
    const learnt = this.#learnt.get(peer);
    const bootstrap = this.#bootstrap.filter((target) => target.peer === peer);
    return learnt === undefined ? bootstrap : [...bootstrap, learnt];
  }
}

function newTarget(isBootstrap: boolean, addresses: readonly Multiaddr[], peer: PeerKey | undefined): Target {
  return {
    isBootstrap,
    addresses,
    peer,
    pauseMs: REDIAL_FIRST_MS,
    failures: 0,
    reachedBefore: false,
    dialling: false,
    timer: undefined,
  };
}
