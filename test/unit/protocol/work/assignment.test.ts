/** When a peer may start a unit, by nothing but what the statements say. */
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { type AssignmentContext, backoffMs, leaseMs, startAt } from '../../../../node/protocol/work/assignment.ts';
import { JobBoard } from '../../../../node/protocol/work/board.ts';
import { announce, digest, key, keys, modelJob, PARAMETERS, START_MS } from '../fixtures.ts';

const SUBMITTER = key('submitter');

function boardOf(count: number, spec: Parameters<typeof modelJob>[0] = {}): JobBoard {
  const body = announce(modelJob(spec, keys(count)));
  return new JobBoard(PARAMETERS, digest('job') as never, SUBMITTER, body, START_MS);
}
const everybody = (): boolean => true;
function at(
  board: JobBoard,
  self: PeerKey,
  isIdle: AssignmentContext['isIdle'] = everybody,
  now = START_MS,
): number | undefined {
  return startAt(board, 0, { now, self, parameters: PARAMETERS, isIdle });
}

describe('a unit that wants k replicas', () => {
  it('is started by the first k idle ranks at once, by each further one a backoff later, by the submitter last', () => {
    const board = boardOf(5);
    const ranks = board.roster.ranksFor(0);
    const backoff = backoffMs(1_000, PARAMETERS);
    expect(ranks.map((peer) => at(board, peer)! - START_MS)).toEqual([0, 0, backoff, 2 * backoff, 3 * backoff]);
    expect(at(board, SUBMITTER)! - START_MS).toBe(4 * backoff);
  });

  it('is started at once by whoever has begun it already, of whatever rank, as long as it wants a replica', () => {
    const board = boardOf(5);
    const last = board.roster.ranksFor(0).at(-1)!;
    const context = { now: START_MS, self: last, parameters: PARAMETERS, isIdle: everybody, hasBegun: true };
    expect(startAt(board, 0, context)).toBe(START_MS);
    for (const peer of board.roster.ranksFor(0).slice(0, 2)) board.applyClaim(peer, [0], START_MS + 60_000, 8);
    board.settle({ ...context, holdMs: 0, goneSince: () => undefined });
    expect(startAt(board, 0, context)).toBeUndefined();
  });

  it('does not wait for ranks that are busy, gone, void, or at it already', () => {
    const board = boardOf(5);
    const [first, second, third, fourth, fifth] = board.roster.ranksFor(0) as [
      PeerKey,
      PeerKey,
      PeerKey,
      PeerKey,
      PeerKey,
    ];
    expect(at(board, third, (peer) => peer !== first)).toBe(START_MS);
    board.applyClaim(first, [0], START_MS + 5_000, 8);
    board.applyCommit(
      digest('commit') as never,
      second,
      { kind: 'commit', job: board.id, entries: [{ unit: 0, seal: digest('s') }] },
      START_MS,
    );
    board.row(0).need = 1;
    expect(at(board, third)).toBe(START_MS);
    expect(at(board, fourth)).toBe(START_MS + backoffMs(1_000, PARAMETERS));
    board.voided = new Map([[third, { unit: 0, root: digest('root'), leaf: 0 }]]);
    expect(at(board, fourth)).toBe(START_MS);
    expect(at(board, fifth)).toBe(START_MS + backoffMs(1_000, PARAMETERS));
  });

  it('counts from the moment it came to want so many', () => {
    const board = boardOf(3);
    board.row(0).wantSinceMs = START_MS + 7_000;
    const last = board.roster.ranksFor(0)[2]!;
    expect(at(board, last)).toBe(START_MS + 7_000 + backoffMs(1_000, PARAMETERS));
  });

  it('is not started at all when it wants none', () => {
    const board = boardOf(3);
    board.row(0).need = 0;
    expect(at(board, board.roster.ranksFor(0)[0]!)).toBeUndefined();
  });

  it('opens to later ranks level by level in a large roster', () => {
    const board = boardOf(20, { pacePerSecond: 10 });
    const ranks = board.roster.ranksFor(0);
    expect(at(board, ranks[2]!)).toBeLessThanOrEqual(START_MS + PARAMETERS.backoffMaxMs);
    expect(at(board, ranks[3]!)).toBe(START_MS + 6_000);
    expect(at(board, ranks[3]!, () => false, START_MS + 6_000)).toBe(START_MS + 6_000);
  });
});

describe('times of assignment', () => {
  it('stay within the bounds of the network', () => {
    expect(backoffMs(1, PARAMETERS)).toBe(100);
    expect(backoffMs(800, PARAMETERS)).toBe(400);
    expect(backoffMs(1e9, PARAMETERS)).toBe(PARAMETERS.backoffMaxMs);
    expect(leaseMs(1, 20, PARAMETERS)).toBe(PARAMETERS.leaseMinMs);
    expect(leaseMs(3_000, 20, PARAMETERS)).toBe(9_000);
    expect(leaseMs(1e9, 20, PARAMETERS)).toBe(PARAMETERS.leaseMaxMs);
  });

  it('lets a lease last three holds where messages take long', () => {
    expect(leaseMs(1, 3_000, PARAMETERS)).toBe(9_000);
    expect(leaseMs(4_000, 3_000, PARAMETERS)).toBe(12_000);
  });
});
