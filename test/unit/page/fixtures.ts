/** Small views of a peer and a job, as a source would give them. */

import { UNIT_STATES } from '../../../browser/page/model/words.ts';
import type { Digest, JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { JobView, PeerView, UnitRow, UnitState } from '../../../node/protocol/view.ts';
import type { JobSpec } from '../../../node/protocol/work/job.ts';

export const peer = (digit: string): PeerKey => digit.repeat(64) as PeerKey;
export const job = (digit: string): JobId => digit.repeat(64) as JobId;
export const SELF = peer('a');

export function unit(index: number, change: Partial<UnitRow> = {}): UnitRow {
  return {
    unit: index,
    state: 'open',
    label: undefined,
    root: undefined,
    output: undefined,
    claimedBy: [],
    committedBy: [],
    revealedBy: [],
    countedAuthors: [],
    fuel: 0,
    ...change,
  };
}

/** A unit for which `authors` have shown the same result, which is agreed. */
export function agreed(index: number, ...authors: readonly PeerKey[]): UnitRow {
  const root = '1'.repeat(64) as Digest;
  return unit(index, {
    state: 'agreed',
    root,
    revealedBy: authors.map((author) => ({ author, root })),
    countedAuthors: authors,
  });
}

export function countsOf(rows: readonly { readonly state: UnitState }[]): Record<UnitState, number> {
  return Object.fromEntries(
    UNIT_STATES.map(({ state }) => [state, rows.filter((row) => row.state === state).length]),
  ) as Record<UnitState, number>;
}

export function jobView(unitRows: readonly UnitRow[], change: Partial<JobView> = {}): JobView {
  return {
    job: job('1'),
    submitter: SELF,
    own: true,
    title: 'Prime count',
    state: 'running',
    units: unitRows.length,
    tasks: unitRows.length,
    counts: countsOf(unitRows),
    roster: 3,
    quorum: 2,
    fuel: 0,
    executions: 0,
    submittedAtMs: 1_000,
    finishedAtMs: undefined,
    refuted: [],
    why: [],
    spec: {} as JobSpec,
    rosterPeers: [],
    unitRows,
    ...change,
  };
}

export function peerView(change: Partial<PeerView> = {}): PeerView {
  return {
    self: SELF,
    nowMs: 10_000,
    cores: 1,
    paused: [],
    observer: undefined,
    holdMs: 0,
    peers: [],
    jobs: [],
    replicas: [],
    totals: { unitsExecuted: 0, unitsCounted: 0, fuelExecuted: 0, statements: 0 },
    why: [],
    ...change,
  };
}
