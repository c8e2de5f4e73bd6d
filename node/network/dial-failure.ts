/**
 * What a failed dial means. libp2p has no error of its own for a wrong swarm key, but it shows as a handshake that
 * fails over a connection that stands. Of 24 dials each, over tcp and over websockets (libp2p 3.3):
 *
 *   two different keys           tcp: reset 15, timeout after 6 s 9         ws: timeout 24
 *   a key here, none there       tcp: reset 16, timeout 8                   ws: end of stream 14, timeout 10
 *   no key here, one there       tcp: reset 15, garbage 9                   ws: end of stream 24
 *
 * A slow or full peer can look the same, so it is a suspicion, and none where the same address was reached before.
 */
import type { DialFailureCode } from '../protocol/event.ts';
import { messageOf } from './error.ts';
import { HandshakeError } from './libp2p-node.ts';
import { DIAL_TIMEOUT_MS } from './limits.ts';
import { MembershipError } from './membership.ts';

export interface DialFailure {
  readonly code: DialFailureCode;
  readonly detail: string;
}

export interface DialCircumstances {
  readonly hasSwarmKey: boolean;
  /** This address was reached before in this run: then its key is right. */
  readonly reachedBefore: boolean;
}

const TIMED_OUT = /timeout|timed out|aborted/i;
const RESET = /ECONNRESET|EPIPE|socket hang up/i;

export function classifyDialFailure(thrown: unknown, circumstances: DialCircumstances): DialFailure {
  const error = firstOf(thrown);
  const message = messageOf(error);
  if (error instanceof MembershipError) return { code: 'swarm-key-suspected', detail: message };
  if (error instanceof HandshakeError) return classifyHandshake(error, circumstances);
  if (nameOf(error) === 'NoValidAddressesError') {
    return { code: 'failed', detail: 'no transport of this peer can dial such an address' };
  }
  if (TIMED_OUT.test(message)) return { code: 'timeout', detail: message };
  if (RESET.test(message)) return { code: 'refused', detail: `the other side closed the connection (${message})` };
  // Without a code of the operating system: a websocket that did not open says no more than that.
  if (typeof codeOf(error) === 'string' || /connect/i.test(message)) return { code: 'unreachable', detail: message };
  return { code: 'failed', detail: message };
}

function classifyHandshake(error: HandshakeError, { hasSwarmKey, reachedBefore }: DialCircumstances): DialFailure {
  const { message } = error;
  if (/does not match expected remote identity key|expected a different peer/i.test(message)) {
    return { code: 'wrong-peer', detail: message };
  }
  const timedOut = TIMED_OUT.test(message);
  if (reachedBefore) return { code: timedOut ? 'timeout' : 'refused', detail: message };
  if (!hasSwarmKey && nameOf(error.cause) !== 'EncryptionFailedError' && RESET.test(message)) {
    return { code: 'refused', detail: `the other side closed the connection at once (${message})` };
  }
  if (/intercepted|denied|dial self/i.test(`${nameOf(error.cause)} ${message}`))
    return { code: 'failed', detail: message };
  const what = timedOut ? `answers no handshake within ${DIAL_TIMEOUT_MS / 1_000} s` : 'breaks off the handshake';
  const why = hasSwarmKey
    ? 'it probably has another swarm key or none'
    : 'it probably belongs to a private network, whose swarm key this peer lacks';
  return { code: 'swarm-key-suspected', detail: `the other side ${what}: ${why} (${message})` };
}

/** An incoming handshake that failed: undefined unless a swarm key is the likely reason. */
export function classifyInboundFailure(error: HandshakeError, hasSwarmKey: boolean): string | undefined {
  const { message } = error;
  if (nameOf(error.cause) !== 'EncryptionFailedError') return undefined;
  if (hasSwarmKey) return `a peer that tried to connect probably has another swarm key or none (${message})`;
  // Without a key of ours, only garbage points at one: silence and hanging up are what port scanners do.
  if (!/too long|newline|reading [1-9]\d*\//i.test(message)) return undefined;
  return `a peer that tried to connect probably uses a swarm key, and this peer has none (${message})`;
}

function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? firstOf(error.errors[0]) : error;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}
