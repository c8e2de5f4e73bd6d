/**
 * When may I start this unit? Everybody computes that alone, from the statements: nobody asks anybody.
 *
 * A unit that wants k more replicas is started at once by the first k idle ranks, and by each further rank one
 * backoff later, counted from the moment the unit came to want k. So when a claim expires there is no stampede, and
 * when the first ranks are busy or gone nobody waits for them.
 */
import type { Millis, PeerKey, UnitIndex } from '../ids.ts';
import type { Parameters } from '../parameters.ts';
import type { JobBoard } from './board.ts';

export interface AssignmentContext {
  readonly now: Millis;
  readonly self: PeerKey;
  readonly parameters: Parameters;
  /** Present, offers cores, and holds fewer claims than it could. */
  readonly isIdle: (peer: PeerKey) => boolean;
  /** `self` has computed part of it already: it need not wait for peers that would begin from nothing. */
  readonly hasBegun?: boolean;
}

/** The moment from which `self` may start the unit, as far as known now; undefined while it wants no further replica. */
export function startAt(board: JobBoard, unit: UnitIndex, context: AssignmentContext): Millis | undefined {
  const row = board.row(unit);
  if (row.need <= 0) return undefined;
  const { evidence, claims } = row;
  const rank = board.rankOf(unit, context.self);
  const admittedFrom = board.roster.admittedFrom(unit, rank);
  // Closed to this rank: who is idle before it is worth counting only once it opens.
  if (admittedFrom > context.now) return admittedFrom;
  if (context.hasBegun === true) return Math.max(admittedFrom, row.wantSinceMs);
  let idleBefore = 0;
  for (const peer of board.roster.ranksFor(unit).slice(0, rank)) {
    if (!evidence.commits.has(peer) && !claims.has(peer) && !board.voided.has(peer) && context.isIdle(peer))
      idleBefore++;
  }
  const turnsToWait = Math.max(0, idleBefore - row.need + 1);
  const waited = row.wantSinceMs + turnsToWait * backoffMs(board.spec.expectedUnitMs, context.parameters);
  return Math.max(admittedFrom, waited);
}

/** β = min(1.5 s, half a unit), but long enough for a claim to be heard. */
export function backoffMs(expectedUnitMs: Millis, parameters: Parameters): Millis {
  return Math.min(parameters.backoffMaxMs, Math.max(100, expectedUnitMs / 2));
}

/**
 * Three times the expected run, within the network's bounds. Where messages and blocks take long, so does the time
 * from a claim to its commit: three times the hold, or peers would spend themselves on renewing claims.
 */
export function leaseMs(expectedUnitMs: Millis, holdMs: Millis, parameters: Parameters): Millis {
  const wanted = Math.max(parameters.leaseMinMs, 3 * expectedUnitMs, 3 * holdMs);
  return Math.round(Math.min(parameters.leaseMaxMs, wanted));
}
