/**
 * What is known about one work unit: the admitted statements, boiled down to the facts a verdict needs. A bounded
 * set, keyed so that the order of arrival leaves no trace: the lowest statement id wins a slot.
 */
import type { Cid, Digest, PeerKey, StatementId } from '../ids.ts';

export interface CommitFact {
  readonly id: StatementId;
  readonly seal: Digest;
}

export interface RevealFact {
  readonly id: StatementId;
  readonly root: Digest;
  readonly fuel: number;
  readonly inputDigest: Digest;
  /** The seal that author, job, unit, input digest, root and salt give: it must be the committed one. */
  readonly seal: Digest;
  /** Seals frozen before revealing, the author's own included. */
  readonly closing: readonly Digest[];
  readonly output: Cid;
}

export interface UnitEvidence {
  readonly commits: Map<PeerKey, CommitFact>;
  readonly reveals: Map<PeerKey, RevealFact>;
  /** Later seals, by author and by the number of the Close. */
  readonly closes: Map<PeerKey, Map<number, CloseFact>>;
  /** Packed leaves by root, checked against it. */
  readonly openings: Map<Digest, Uint8Array>;
  /** Accusations: this root is said to be wrong at these leaves. Only re-execution gives them weight. */
  readonly accusations: Map<Digest, Set<number>>;
  /** Authors of two different seals or reveals for this unit. */
  readonly equivocators: Set<PeerKey>;
  /** What re-execution gave: packed leaf by task index, in hex. Not a statement: every peer finds out the same. */
  readonly truths: Map<number, string>;
}

export interface CloseFact {
  readonly id: StatementId;
  readonly seals: readonly Digest[];
}

export function createEvidence(): UnitEvidence {
  return {
    commits: new Map(),
    reveals: new Map(),
    closes: new Map(),
    openings: new Map(),
    accusations: new Map(),
    equivocators: new Set(),
    truths: new Map(),
  };
}

/** Every seal an author lists: what it froze and what its Closes added. */
export function closingOf(evidence: UnitEvidence, author: PeerKey): ReadonlySet<Digest> {
  const seals = new Set(evidence.reveals.get(author)?.closing);
  for (const { seals: later } of evidence.closes.get(author)?.values() ?? []) for (const seal of later) seals.add(seal);
  return seals;
}
