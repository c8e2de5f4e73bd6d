/**
 * One work unit as this peer sees it: the evidence, who claims it, and how many more replicas it wants.
 *
 * It wants max(replicas, quorum) commits that can still count, and one more while roots conflict. A commit stops
 * counting when nothing more can come of it: its author is voided, or vanished, or owes a reveal or an opening for
 * too long, or revealed without listing those who are left. Counting is local (it depends on what this peer saw and
 * when) and only decides who works; the verdict never looks at it.
 */
import type { Digest, Millis, PeerKey } from '../ids.ts';
import { CLAIMANTS_PER_UNIT_MAX } from '../limits.ts';
import type { Parameters } from '../parameters.ts';
import type { Refutation } from '../trust/dispute.ts';
import { closingOf, createEvidence, type UnitEvidence } from '../trust/evidence.ts';
import type { Verdict } from '../trust/verdict.ts';

export interface UnitRow {
  readonly evidence: UnitEvidence;
  refutation: Refutation;
  verdict: Verdict;
  /** Quorum the submitter has raised this unit to; 0 where it has not. */
  raisedTo: number;
  /** The submitter said it needs this unit no longer. */
  satisfied: boolean;
  /** Unexpired claims: author to end of lease, on this peer's clock. */
  readonly claims: Map<PeerKey, Millis>;
  /** When each author first claimed the unit: a claim that never becomes a commit stops counting, however renewed. */
  readonly claimedSinceMs: Map<PeerKey, Millis>;
  readonly committedAtMs: Map<PeerKey, Millis>;
  readonly revealedAtMs: Map<PeerKey, Millis>;
  /** Since when as many commits as the quorum count. */
  quorumSinceMs: Millis | undefined;
  conflictSinceMs: Millis | undefined;
  /** Since when it has no agreed result. Begins anew when a verdict is lost because one of its authors was voided. */
  lackingSinceMs: Millis | undefined;
  /** Replicas still wanted, beyond commits that count and claims; and since when it is that many. */
  need: number;
  wantSinceMs: Millis;
  /** Commits that can still count, as of the last assessment. */
  counting: readonly PeerKey[];
}

export function createUnitRow(now: Millis): UnitRow {
  return {
    evidence: createEvidence(),
    refutation: { refuted: new Map(), wantsTasks: [] },
    verdict: { state: 'pending' },
    raisedTo: 0,
    satisfied: false,
    claims: new Map(),
    claimedSinceMs: new Map(),
    committedAtMs: new Map(),
    revealedAtMs: new Map(),
    quorumSinceMs: undefined,
    conflictSinceMs: undefined,
    lackingSinceMs: undefined,
    need: 0,
    wantSinceMs: now,
    counting: [],
  };
}

export interface UnitContext {
  readonly now: Millis;
  readonly self: PeerKey;
  readonly parameters: Parameters;
  readonly holdMs: Millis;
  /** How long one author may keep others from the unit by claims alone. */
  readonly claimPatienceMs: Millis;
  readonly quorum: number;
  readonly replicas: number;
  /** The job still wants work at all. */
  readonly open: boolean;
  readonly isVoided: (author: PeerKey) => boolean;
  /** When the author disconnected from this peer; undefined while connected or never seen. */
  readonly goneSince: (author: PeerKey) => Millis | undefined;
}

/** Brings `counting`, `need` and their times up to date. Returns when to look again, if time alone can change them. */
export function assess(row: UnitRow, context: UnitContext): Millis | undefined {
  const { now, parameters } = context;
  const deadlines: Millis[] = [];
  const until = (moment: Millis): boolean => {
    if (moment > now) deadlines.push(moment);
    return moment > now;
  };
  const goneAt = (author: PeerKey): Millis | undefined => {
    const since = author === context.self ? undefined : context.goneSince(author);
    return since === undefined ? undefined : since + parameters.goneMs;
  };
  const isGone = (author: PeerKey): boolean => {
    const at = goneAt(author);
    return at !== undefined && !until(at);
  };

  for (const [author, expiresAt] of row.claims) {
    const since = firstClaim(row, author, now);
    if (!until(Math.min(expiresAt, since + context.claimPatienceMs)) || isGone(author)) row.claims.delete(author);
  }
  row.conflictSinceMs = row.verdict.state === 'disputed' ? (row.conflictSinceMs ?? now) : undefined;
  row.lackingSinceMs = row.verdict.state === 'agreed' ? undefined : (row.lackingSinceMs ?? now);
  row.counting = countingCommits(row, context, { until, isGone });
  const wasQuorum = row.quorumSinceMs !== undefined;
  if (row.counting.length >= context.quorum) row.quorumSinceMs ??= now;
  else row.quorumSinceMs = undefined;
  // What is overdue is counted from this moment, so it has to be looked at again once it is known.
  if (!wasQuorum && row.quorumSinceMs !== undefined) {
    deadlines.push(now + context.holdMs + parameters.overdueMs);
  }

  const claims = [...row.claims.keys()].filter((author) => !row.counting.includes(author)).length;
  const need = Math.max(0, targetOf(row, context) - row.counting.length - claims);
  if (need > row.need) row.wantSinceMs = now;
  row.need = need;
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}

function firstClaim(row: UnitRow, author: PeerKey, now: Millis): Millis {
  const known = row.claimedSinceMs.get(author);
  if (known !== undefined) return known;
  if (row.claimedSinceMs.size >= CLAIMANTS_PER_UNIT_MAX) {
    const oldest = row.claimedSinceMs.keys().next();
    if (oldest.done !== true) row.claimedSinceMs.delete(oldest.value);
  }
  row.claimedSinceMs.set(author, now);
  return now;
}

function targetOf(row: UnitRow, context: UnitContext): number {
  if (!context.open || row.satisfied || row.verdict.state === 'agreed') return 0;
  const roots = new Set(row.counting.flatMap((author) => row.evidence.reveals.get(author)?.root ?? []));
  const conflicting = roots.size > 1 && row.refutation.refuted.size === 0;
  return Math.max(context.replicas, context.quorum) + (conflicting ? 1 : 0);
}

interface Watch {
  /** True while the moment lies ahead; remembers it as something to wake for. */
  readonly until: (moment: Millis) => boolean;
  readonly isGone: (author: PeerKey) => boolean;
}

function countingCommits(row: UnitRow, context: UnitContext, { until, isGone }: Watch): readonly PeerKey[] {
  const { evidence } = row;
  const { holdMs, parameters } = context;
  const someOpened = evidence.openings.size > 0;
  const mayCount = [...evidence.commits.keys()].filter((author) => {
    if (context.isVoided(author) || evidence.equivocators.has(author)) return false;
    const reveal = evidence.reveals.get(author);
    if (reveal === undefined) {
      if (author === context.self) return true;
      if (isGone(author)) return false;
      if (row.quorumSinceMs === undefined) return true;
      const owedSince = Math.max(row.quorumSinceMs, row.committedAtMs.get(author) ?? 0);
      return until(owedSince + holdMs + parameters.overdueMs);
    }
    if (reveal.seal !== evidence.commits.get(author)!.seal) return false;
    // In a dispute, a root that nobody opens cannot count: its author makes room for another replica.
    if (row.conflictSinceMs !== undefined && !evidence.openings.has(reveal.root)) {
      const owedSince = Math.max(row.conflictSinceMs, row.revealedAtMs.get(author) ?? 0);
      return until(owedSince + parameters.overdueMs * (someOpened ? 1 : 2));
    }
    return true;
  });
  // Who has revealed and can no longer add a Close pairs only with those it listed.
  return mayCount.filter((author) => {
    if (author === context.self || !evidence.reveals.has(author) || row.verdict.state === 'agreed') return true;
    const listed: ReadonlySet<Digest> = closingOf(evidence, author);
    if (mayCount.every((other) => listed.has(evidence.commits.get(other)!.seal))) return true;
    if (isGone(author)) return false;
    // Nobody adds a Close to an agreed unit, so the time for one begins when the unit last lost its verdict.
    const owedSince = Math.max(row.revealedAtMs.get(author) ?? 0, row.lackingSinceMs ?? 0);
    return until(owedSince + holdMs + 3 * parameters.overdueMs);
  });
}
