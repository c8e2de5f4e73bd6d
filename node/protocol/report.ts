/**
 * Snapshots of a peer for its owner: rows, counts, and above all the reasons why it idles or why a job waits. Reads
 * everything, changes nothing.
 */
import type { Core } from './core.ts';
import type { DialFailedEvent } from './event.ts';
import type { JobId, Millis, PeerKey, UnitIndex } from './ids.ts';
import { UNREVEALED_MAX } from './limits.ts';
import type { Inputs } from './roles/inputs.ts';
import type { Submitter } from './roles/submitter.ts';
import type { Volunteer } from './roles/volunteer.ts';
import type { JobRow, JobView, PeerView, Reason, UnitRow as UnitRowView, UnitState } from './view.ts';
import type { JobBoard } from './work/board.ts';
import { quorumLabel } from './work/result.ts';

export interface ReportParts {
  readonly core: Core;
  readonly inputs: Inputs;
  readonly volunteer: Volunteer;
  readonly submitter: Submitter;
  readonly observer: string | undefined;
  readonly dialFailures: readonly DialFailedEvent[];
}

const PHASES_SHOWN = new Set(['fetching', 'executing', 'committing', 'committed', 'frozen', 'revealing']);

export function peerView(parts: ReportParts, now: Millis): PeerView {
  const { core, volunteer } = parts;
  const jobs = [...core.boards.values()].map((board) => jobRow(parts, board, now));
  let unitsCounted = 0;
  for (const board of core.boards.values()) {
    for (const [, { verdict }] of board.rows()) {
      if (verdict.state === 'agreed' && verdict.counted.authors.includes(core.self)) unitsCounted++;
    }
  }
  return {
    self: core.self,
    nowMs: now,
    cores: volunteer.cores,
    paused: volunteer.paused,
    observer: parts.observer,
    holdMs: core.holdMs(),
    peers: core.peers.rows(),
    jobs,
    replicas: [...volunteer.replicas()]
      .filter(({ phase }) => PHASES_SHOWN.has(phase))
      .map(({ job, unit, phase, sinceMs }) => ({ job, unit, phase, sinceMs })),
    totals: {
      unitsExecuted: volunteer.unitsExecuted,
      unitsCounted,
      fuelExecuted: volunteer.fuelExecuted,
      statements: core.ledger.size,
    },
    why: peerReasons(parts, now),
  };
}

export function jobView(parts: ReportParts, job: JobId, now: Millis): JobView | undefined {
  const board = parts.core.boards.get(job);
  if (board === undefined) return undefined;
  return {
    ...jobRow(parts, board, now),
    spec: board.spec,
    rosterPeers: [...board.roster.members],
    unitRows: Array.from({ length: board.units }, (_, unit) => unitRow(parts, board, unit)),
  };
}

function jobRow(parts: ReportParts, board: JobBoard, now: Millis): JobRow {
  const { core, submitter } = parts;
  const own = submitter.job(board.id);
  const counts: Record<UnitState, number> = {
    open: 0,
    claimed: 0,
    committed: 0,
    revealed: 0,
    disputed: 0,
    agreed: 0,
    own: 0,
    satisfied: 0,
  };
  let fuel = 0;
  let executions = 0;
  for (const [unit, row] of board.rows()) {
    counts[unitState(parts, board, unit)]++;
    const result = own?.results.get(unit);
    if (row.verdict.state === 'agreed') fuel += row.verdict.fuel;
    else fuel += result?.fuel ?? 0;
    executions += row.evidence.reveals.size + (result?.label.kind === 'own' ? 1 : 0);
  }
  counts.open = board.units - Object.entries(counts).reduce((sum, [state, n]) => sum + (state === 'open' ? 0 : n), 0);
  return {
    job: board.id,
    submitter: board.submitter,
    own: board.submitter === core.self,
    title: board.spec.title,
    state: jobState(board, own?.finishedAtMs !== undefined || (own === undefined && board.isDone), now),
    units: board.units,
    tasks: board.spec.taskCount,
    counts,
    roster: board.roster.members.size,
    quorum: board.quorum,
    fuel,
    executions,
    submittedAtMs: own?.submittedAtMs ?? board.spec.announcedAtMs,
    finishedAtMs: own?.finishedAtMs,
    refuted: refutedAuthors(board),
    why: jobReasons(parts, board, now),
  };
}

function jobState(board: JobBoard, finished: boolean, now: Millis): JobRow['state'] {
  if (board.cancelled) return 'cancelled';
  if (finished) return 'finished';
  if (now >= board.expiresAtMs) return 'expired';
  return board.paused ? 'paused' : 'running';
}

/** Authors voided in the job, with the number of units in which a root of theirs was refuted. */
function refutedAuthors(board: JobBoard): JobRow['refuted'] {
  const units = new Map<PeerKey, number>();
  for (const [, { evidence, refutation }] of board.rows()) {
    for (const [author, { root }] of evidence.reveals) {
      if (refutation.refuted.has(root)) units.set(author, (units.get(author) ?? 0) + 1);
    }
  }
  return [...units].map(([author, count]) => ({ author, units: count }));
}

function unitState(parts: ReportParts, board: JobBoard, unit: UnitIndex): UnitState {
  const row = board.peek(unit);
  if (row === undefined) return 'open';
  if (parts.submitter.job(board.id)?.results.get(unit)?.label.kind === 'own') return 'own';
  if (row.verdict.state !== 'pending') return row.verdict.state;
  if (row.satisfied) return 'satisfied';
  if (row.evidence.reveals.size > 0) return 'revealed';
  if (row.evidence.commits.size > 0) return 'committed';
  return row.claims.size > 0 ? 'claimed' : 'open';
}

function unitRow(parts: ReportParts, board: JobBoard, unit: UnitIndex): UnitRowView {
  const row = board.peek(unit);
  const result = parts.submitter.job(board.id)?.results.get(unit);
  const agreed = row?.verdict.state === 'agreed' ? row.verdict : undefined;
  return {
    unit,
    state: unitState(parts, board, unit),
    label: result?.label ?? (agreed === undefined ? undefined : quorumLabel(agreed.counted, board.quorumFor(unit))),
    root: result?.root ?? agreed?.root,
    output: result?.output,
    claimedBy: [...(row?.claims.keys() ?? [])],
    committedBy: [...(row?.evidence.commits.keys() ?? [])],
    revealedBy: [...(row?.evidence.reveals ?? [])].map(([author, { root }]) => ({ author, root })),
    countedAuthors: result?.authors ?? agreed?.counted.authors ?? [],
    fuel: result?.fuel ?? agreed?.fuel ?? 0,
  };
}

function peerReasons(parts: ReportParts, now: Millis): readonly Reason[] {
  const { core, volunteer } = parts;
  const reasons: Reason[] = [];
  if (parts.observer !== undefined) reasons.push({ code: 'storage', detail: parts.observer });
  if (volunteer.sandboxFailure !== undefined) reasons.push({ code: 'sandbox', detail: volunteer.sandboxFailure });
  if (volunteer.paused.length > 0) reasons.push({ code: 'paused', reasons: volunteer.paused });
  if (volunteer.cores === 0) reasons.push({ code: 'computes-nothing' });
  if (core.peers.connected.length === 0) {
    reasons.push({ code: 'no-peers' });
  }
  for (const { address, code, detail } of parts.dialFailures) {
    reasons.push({ code: 'dial-failed', address, failure: code, detail });
  }
  if (volunteer.active > 0) reasons.push({ code: 'working', units: volunteer.active });
  const unrevealed = volunteer.unrevealed;
  if (unrevealed >= UNREVEALED_MAX) reasons.push({ code: 'unrevealed-full', commits: unrevealed });
  const running = [...core.boards.values()].filter(
    (board) => !board.cancelled && !board.isDone && now < board.expiresAtMs,
  );
  if (running.length === 0) reasons.push({ code: 'no-job' });
  for (const board of running) reasons.push(...workReasons(parts, board, now));
  return reasons;
}

/** Why this peer does not (or not only) work on a job. */
function workReasons(parts: ReportParts, board: JobBoard, now: Millis): readonly Reason[] {
  const { core, volunteer, inputs } = parts;
  const job = board.id;
  const reasons: Reason[] = [];
  const isOwn = board.submitter === core.self;
  if (!isOwn && !board.roster.members.has(core.self)) return [{ code: 'not-rostered', job }];
  if (board.paused) return [{ code: 'job-paused', job }];
  const abstention = volunteer.abstention(job);
  if (abstention !== undefined) reasons.push({ code: 'poison-unit', job, unit: 0, how: abstention });
  const problem = inputs.problem(job);
  if (problem?.malformed !== undefined) reasons.push({ code: 'poison-unit', job, unit: 0, how: problem.malformed });
  if (problem?.missing !== undefined) {
    reasons.push({
      code: 'inputs-unavailable',
      job,
      missing: problem.missing.cids.length,
      asked: problem.missing.asked,
    });
  }
  reasons.push(...waitingReplicas(parts, board));
  const outlook = volunteer.outlook(job);
  if (volunteer.active > 0 || outlook === undefined) return reasons;
  if (outlook.startsAt !== undefined) reasons.push({ code: 'rank-not-open', job, untilMs: outlook.startsAt });
  else if (outlook.claimedByOthers > 0)
    reasons.push({ code: 'claimed-by-others', job, untilMs: earliestLease(board, now) });
  return reasons;
}

/** Own commits that wait for others, the first of each kind with their number. */
function waitingReplicas({ volunteer }: ReportParts, board: JobBoard): readonly Reason[] {
  const own = [...volunteer.replicas()].filter(({ job }) => job === board.id);
  const committed = own.filter(
    ({ phase, unit }) => phase === 'committed' && board.row(unit).verdict.state === 'pending',
  );
  const frozen = own.find(({ phase }) => phase === 'frozen');
  const failed = own.find(({ phase }) => phase === 'failed');
  const reasons: Reason[] = [];
  const first = committed[0];
  if (first !== undefined) {
    const have = board.row(first.unit).counting.length;
    const need = board.quorumFor(first.unit);
    if (have < need) {
      const waiting = { unit: first.unit, have, need, units: committed.length };
      reasons.push({ code: 'waiting-for-quorum', job: board.id, ...waiting });
    }
  }
  if (frozen !== undefined)
    reasons.push({ code: 'held', job: board.id, unit: frozen.unit, untilMs: frozen.revealAtMs });
  if (failed?.failure !== undefined) {
    const how = `${failed.failure.code}: ${failed.failure.detail}`;
    reasons.push({ code: 'poison-unit', job: board.id, unit: failed.unit, how });
  }
  return reasons;
}

function jobReasons(parts: ReportParts, board: JobBoard, now: Millis): readonly Reason[] {
  if (board.cancelled || board.isDone || now >= board.expiresAtMs) return [];
  const job = board.id;
  const reasons: Reason[] = [];
  if (board.submitter === parts.core.self && parts.submitter.isAlone(board)) reasons.push({ code: 'alone', job });
  // The submitter works too, as the worker of last rank.
  const roster = board.roster.members.size + Number(!board.roster.members.has(board.submitter));
  if (roster < board.quorum && board.quorum > 1)
    reasons.push({ code: 'roster-below-quorum', job, roster, quorum: board.quorum });
  const disputed = [...board.rows()].flatMap(([unit, { verdict }]) =>
    verdict.state === 'disputed' ? [{ unit, verdict }] : [],
  );
  const first = disputed[0];
  if (first !== undefined) {
    reasons.push({ code: 'disputed', job, unit: first.unit, wants: first.verdict.wants, units: disputed.length });
  }
  const seen = new Set(reasons.map(({ code }) => code));
  return [
    ...reasons,
    ...workReasons(parts, board, now).filter(({ code }) => code !== 'not-rostered' && !seen.has(code)),
  ];
}

function earliestLease(board: JobBoard, now: Millis): Millis | undefined {
  let earliest: Millis | undefined;
  for (const [, { claims }] of board.rows()) {
    for (const until of claims.values())
      if (until > now && (earliest === undefined || until < earliest)) earliest = until;
  }
  return earliest;
}
