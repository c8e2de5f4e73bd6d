/** Jobs as rows of a list: what is done, what stands behind it, and which one deserves a look now. */
import type { JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { JobRow, JobView, PeerView } from '../../../node/protocol/view.ts';
import { DONE_STATES, UNIT_STATES } from './words.ts';

export function doneUnits(row: Pick<JobRow, 'counts'>): number {
  return UNIT_STATES.reduce((sum, { state }) => sum + (DONE_STATES.has(state) ? row.counts[state] : 0), 0);
}

/** What stands behind the results so far: `quorum 2`, `own`, or both with their numbers. */
export function labelOf({ counts, quorum }: Pick<JobRow, 'counts' | 'quorum'>): string | undefined {
  const agreed = counts.agreed > 0 ? `quorum ${quorum}` : undefined;
  if (counts.own === 0) return agreed;
  return agreed === undefined ? 'own' : `${agreed} (${counts.agreed}), own (${counts.own})`;
}

export const JOB_STATES: Readonly<Record<JobRow['state'], string>> = {
  announcing: 'being announced',
  running: 'running',
  paused: 'paused by its submitter',
  finished: 'finished',
  cancelled: 'cancelled',
  expired: 'expired',
};

export function isActive({ state }: Pick<JobRow, 'state'>): boolean {
  return state === 'running' || state === 'announcing' || state === 'paused';
}

/** Active jobs first, then the latest. */
export function sorted(jobs: readonly JobRow[]): readonly JobRow[] {
  return jobs.toSorted(
    (a, b) =>
      Number(isActive(b)) - Number(isActive(a)) || b.submittedAtMs - a.submittedAtMs || (a.job < b.job ? -1 : 1),
  );
}

/** The job this peer works on, else one that runs, else the latest. */
export function focusOf(view: PeerView): JobId | undefined {
  const jobs = sorted(view.jobs);
  const busy = jobs.find((row) => isActive(row) && view.replicas.some(({ job }) => job === row.job));
  return (busy ?? jobs[0])?.job;
}

export interface Contribution {
  readonly peer: PeerKey;
  /** Units for which it has shown a result. */
  readonly revealed: number;
  /** Those of them that count towards an agreed result. */
  readonly counted: number;
  readonly isRefuted: boolean;
}

/** Who has done how much of a job, most first. */
export function contributions(view: Pick<JobView, 'unitRows' | 'refuted'>): readonly Contribution[] {
  const found = new Map<PeerKey, { revealed: number; counted: number }>();
  const of = (peer: PeerKey) => {
    const entry = found.get(peer) ?? { revealed: 0, counted: 0 };
    found.set(peer, entry);
    return entry;
  };
  for (const row of view.unitRows) {
    for (const { author } of row.revealedBy) of(author).revealed++;
    for (const author of row.countedAuthors) of(author).counted++;
  }
  const refuted = new Set(view.refuted.map(({ author }) => author));
  for (const author of refuted) of(author);
  return [...found]
    .map(([peer, numbers]) => ({ peer, ...numbers, isRefuted: refuted.has(peer) }))
    .sort((a, b) => b.counted - a.counted || b.revealed - a.revealed || (a.peer < b.peer ? -1 : 1));
}

/** This peer's part of everything that counts in a job, from 0 to 1; undefined before anything counts. */
export function shareOf(peer: PeerKey, view: Pick<JobView, 'unitRows' | 'refuted'>): number | undefined {
  const all = contributions(view);
  const total = all.reduce((sum, { counted }) => sum + counted, 0);
  if (total === 0) return undefined;
  return (all.find((entry) => entry.peer === peer)?.counted ?? 0) / total;
}

/** Peers that are here and speak the same protocol. */
export function connectedPeers({ peers }: Pick<PeerView, 'peers'>): number {
  return peers.filter(({ connected, incompatible }) => connected && incompatible === undefined).length;
}
