/**
 * Reports failed dials with what they mean. A peer with the wrong key dials again and again: from one host, incoming
 * failures are reported twice a minute at most.
 */
import type { Multiaddr } from '@multiformats/multiaddr';
import type { DialFailureCode } from '../protocol/event.ts';
import type { Logger } from '../runtime/log.ts';
import { classifyDialFailure, classifyInboundFailure } from './dial-failure.ts';
import type { HandshakeError } from './libp2p-node.ts';

const INBOUND_INTERVAL_MS = 30_000;
/** Hosts remembered; beyond it all are forgotten, which costs a few repeated reports. */
const INBOUND_HOSTS_MAX = 256;

export class DialFailureReports {
  readonly #hasSwarmKey: boolean;
  readonly #logger: Logger;
  readonly #report: (address: string, code: DialFailureCode, detail: string) => void;
  readonly #inboundAtMs = new Map<string, number>();

  constructor(
    hasSwarmKey: boolean,
    logger: Logger,
    report: (address: string, code: DialFailureCode, detail: string) => void,
  ) {
    this.#hasSwarmKey = hasSwarmKey;
    this.#logger = logger;
    this.#report = report;
  }

  dialFailed(address: string, error: unknown, reachedBefore: boolean): void {
    const { code, detail } = classifyDialFailure(error, { hasSwarmKey: this.#hasSwarmKey, reachedBefore });
    this.#logger.log('info', 'a dial failed', { address, code, detail });
    this.#report(address, code, detail);
  }

  /** The peer itself has said that it takes no more. */
  full(address: string, detail: string): void {
    this.#logger.log('info', 'a peer is full', { address, detail });
    this.#report(address, 'full', detail);
  }

  inboundFailed(address: Multiaddr, error: HandshakeError): void {
    this.#logger.log('debug', 'an incoming connection failed', { address: String(address), error: error.message });
    const detail = classifyInboundFailure(error, this.#hasSwarmKey);
    if (detail === undefined) return;
    const host = String(address.getComponents()[0]?.value ?? address);
    const nowMs = Date.now();
    if (nowMs - (this.#inboundAtMs.get(host) ?? Number.NEGATIVE_INFINITY) < INBOUND_INTERVAL_MS) return;
    if (this.#inboundAtMs.size >= INBOUND_HOSTS_MAX) this.#inboundAtMs.clear();
    this.#inboundAtMs.set(host, nowMs);
    this.#report(String(address), 'swarm-key-suspected', detail);
  }
}
