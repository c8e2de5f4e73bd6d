/**
 * Whether connected peers still live, and how far away they are. A socket tells of its end by itself, so there a rare
 * ping is enough; WebRTC tells nothing, and is asked all the time.
 */
import type { Logger } from '../runtime/log.ts';
import { messageOf } from './error.ts';
import { HEARTBEAT_MS, PING_FAILURES_MAX, PING_INTERVAL_MS, PING_TIMEOUT_MS, PROBE_TIMEOUT_MS } from './limits.ts';
import type { Link } from './link.ts';
import { pingOver } from './pinging.ts';
import { isWebRtc } from './relayed.ts';

export interface PulseHooks {
  readonly logger: Logger;
  /** Links that are up. */
  links(): readonly Link[];
  /** Whether gossip reaches the peer. */
  reaches(link: Link): boolean;
  measured(link: Link, roundTripMs: number): void;
  /** The peer is dead, or as good as that. */
  dead(link: Link, reason: string): void;
}

export class Pulse {
  readonly #hooks: PulseHooks;
  /** Links whose peer is being asked whether it lives. */
  readonly #probed = new Set<Link>();
  #pinger: ReturnType<typeof setInterval> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(hooks: PulseHooks) {
    this.#hooks = hooks;
  }

  start(): void {
    this.#pinger = setInterval(() => this.#pingAll(), PING_INTERVAL_MS);
    this.#heartbeat = setInterval(() => {
      for (const link of this.#hooks.links()) if (isWebRtc(link.connection.remoteAddr)) void this.probe(link);
    }, HEARTBEAT_MS);
  }

  stop(): void {
    clearInterval(this.#pinger);
    clearInterval(this.#heartbeat);
  }

  async ping(link: Link): Promise<void> {
    try {
      const roundTripMs = await pingOver(link.connection, AbortSignal.timeout(PING_TIMEOUT_MS));
      link.pingFailures = 0;
      link.roundTripMs = roundTripMs;
      if (link.state === 'up') this.#hooks.measured(link, roundTripMs);
    } catch (error) {
      if (link.state !== 'up' || ++link.pingFailures < PING_FAILURES_MAX) return;
      this.#hooks.dead(link, `no answer to ${link.pingFailures} pings (${messageOf(error)})`);
    }
  }

  /** Asks a peer that may be dead, and gives it up unless it answers at once. */
  async probe(link: Link): Promise<void> {
    if (this.#probed.has(link)) return;
    this.#probed.add(link);
    try {
      await pingOver(link.connection, AbortSignal.timeout(PROBE_TIMEOUT_MS));
    } catch (error) {
      if (link.state === 'up') this.#hooks.dead(link, `it does not answer any more (${messageOf(error)})`);
    } finally {
      this.#probed.delete(link);
    }
  }

  #pingAll(): void {
    for (const link of this.#hooks.links()) {
      if (this.#hooks.reaches(link)) void this.ping(link);
      else this.#hooks.dead(link, 'gossip does not reach the peer any more');
    }
  }
}
