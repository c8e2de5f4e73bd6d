/**
 * What a failed dial means. libp2p has no error of its own for a wrong swarm key: with a key on one side only, the
 * handshake reads garbage or is reset at once; with two different keys both sides read garbage and may wait for more
 * until the handshake times out. Measured for all four combinations in `test/network/swarm-key.test.ts`.
 */
import type { DialFailureCode } from '../protocol/event.ts';
import { messageOf } from './error.ts';
import { DIAL_TIMEOUT_MS } from './limits.ts';

export interface DialFailure {
  readonly code: DialFailureCode;
  readonly detail: string;
}

export interface DialCircumstances {
  readonly hasSwarmKey: boolean;
  /** This address was reached before in this run: then its key is right. */
  readonly reachedBefore: boolean;
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL']);
const RESET = /ECONNRESET|EPIPE|socket hang up|closed|EOF|reset/i;
const TIMED_OUT = /timeout|timed out|aborted/i;

export function classifyDialFailure(thrown: unknown, circumstances: DialCircumstances): DialFailure {
  const error = firstOf(thrown);
  const message = messageOf(error);
  const nodeCode = codeOf(error);
  if (nodeCode !== undefined && UNREACHABLE.has(nodeCode)) return { code: 'unreachable', detail: message };
  // In a tab, and with ws on Node.js, a refused websocket has no code of its own.
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|Could not connect to ws/i.test(message)) {
    return { code: 'unreachable', detail: message };
  }
  if (/does not match expected remote identity key|expected a different peer/i.test(message)) {
    return { code: 'wrong-peer', detail: message };
  }
  if (nameOf(error) === 'NoValidAddressesError') {
    return { code: 'failed', detail: 'no transport of this peer can dial such an address' };
  }
  if (nameOf(error) === 'MembershipError') return { code: 'swarm-key-suspected', detail: message };
  const inHandshake = nameOf(error) === 'EncryptionFailedError' || nameOf(error) === 'MuxerUnavailableError';
  const timedOut = TIMED_OUT.test(message);
  if (timedOut && (circumstances.reachedBefore || !inHandshake)) return { code: 'timeout', detail: message };
  if (!circumstances.hasSwarmKey && !inHandshake && RESET.test(`${nodeCode} ${message}`)) {
    return { code: 'refused', detail: `the other side closed the connection (${message})` };
  }
  if (inHandshake || RESET.test(`${nodeCode} ${message}`)) {
    if (circumstances.reachedBefore) return { code: 'failed', detail: message };
    return { code: 'swarm-key-suspected', detail: suspicion(circumstances.hasSwarmKey, timedOut, message) };
  }
  return { code: 'failed', detail: message };
}

function suspicion(hasSwarmKey: boolean, timedOut: boolean, message: string): string {
  const what = timedOut
    ? `answers no handshake within ${DIAL_TIMEOUT_MS / 1_000} s`
    : 'does not complete the handshake';
  return hasSwarmKey
    ? `the other side ${what}: it probably has another swarm key or none (${message})`
    : `the other side ${what}: it probably belongs to a private network, whose swarm key this peer lacks (${message})`;
}

/** An incoming handshake that failed: undefined unless a swarm key is the likely reason. */
export function classifyInboundFailure(error: unknown, hasSwarmKey: boolean): string | undefined {
  if (nameOf(error) !== 'EncryptionFailedError' && !RESET.test(messageOf(error))) return undefined;
  const message = messageOf(error);
  if (hasSwarmKey) return `a peer that tried to connect probably has another swarm key or none (${message})`;
  // Without a key of ours, only garbage points at one: mere silence or hanging up is what port scanners do.
  if (nameOf(error) !== 'EncryptionFailedError' || RESET.test(message) || TIMED_OUT.test(message)) return undefined;
  return `a peer that tried to connect probably uses a swarm key, and this peer has none (${message})`;
}

function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? firstOf(error.errors[0]) : error;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
