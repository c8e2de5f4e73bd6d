/**
 * This peer's own run of one work unit, from the claim to the reveal: one noun, one explicit phase.
 *
 *   fetching ──► executing ──► committing ──► committed ──► frozen ──► revealing ──► revealed
 *       │            │                            ▲                                     ▲
 *       └── failed ◄─┘                            └──── after a restart, from disk ─────┘
 *
 * `committing` and `revealing` last until our own statement is signed and admitted; from then on it can only be
 * repeated, never changed. What a restarted peer needs to go on is persisted in the same write as the commit.
 */
import { decode, encode } from '@ipld/dag-cbor';
import type { Cid, Digest, JobId, Millis, Ticket, UnitIndex } from '../ids.ts';
import { hexBytes, integer, link, record, WireError } from '../wire/schema.ts';

export type ReplicaPhase =
  | 'fetching'
  | 'executing'
  | 'committing'
  | 'committed'
  | 'frozen'
  | 'revealing'
  | 'revealed'
  | 'failed';

/** What the run produced: enough to reveal it. */
export interface ReplicaResult {
  readonly merkle: Digest;
  readonly fuel: number;
  readonly root: Digest;
  readonly inputDigest: Digest;
  readonly output: Cid;
}

export interface Replica {
  readonly job: JobId;
  readonly unit: UnitIndex;
  phase: ReplicaPhase;
  sinceMs: Millis;
  claimedUntilMs: Millis;
  ticket: Ticket | undefined;
  result: ReplicaResult | undefined;
  committedAtMs: Millis;
  closing: readonly Digest[];
  revealAtMs: Millis;
  revealedAtMs: Millis;
  closesSent: number;
  /** Asked for its leaves, or published them. */
  opened: boolean;
  failure: { readonly code: string; readonly detail: string } | undefined;
}

export function createReplica(job: JobId, unit: UnitIndex, phase: ReplicaPhase, now: Millis): Replica {
  return {
    job,
    unit,
    phase,
    sinceMs: now,
    claimedUntilMs: 0,
    ticket: undefined,
    result: undefined,
    committedAtMs: now,
    closing: [],
    revealAtMs: 0,
    revealedAtMs: 0,
    closesSent: 0,
    opened: false,
    failure: undefined,
  };
}

const resultShape = record<ReplicaResult>({
  merkle: hexBytes<Digest>(32),
  fuel: integer(0, Number.MAX_SAFE_INTEGER),
  root: hexBytes<Digest>(32),
  inputDigest: hexBytes<Digest>(32),
  output: link,
});

export function encodeReplicaResult(result: ReplicaResult): Uint8Array {
  return encode(resultShape.encode(result));
}

/** Throws a WireError. */
export function decodeReplicaResult(bytes: Uint8Array): ReplicaResult {
  let data: unknown;
  try {
    data = decode(bytes);
  } catch (error) {
    throw new WireError(`replica: ${String(error)}`);
  }
  return resultShape.decode(data, 'replica');
}
