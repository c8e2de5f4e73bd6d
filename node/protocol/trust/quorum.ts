/**
 * Who agrees with whom, independently. Two authors are independent when each one's closing lists the other's seal:
 * then each had committed before it could see what the other found, and neither can have copied. A group of authors
 * with one root carries a result when m of them are pairwise independent.
 *
 * Three answers: a counted set of authors who could not have copied; one in which somebody could have, or that needs a
 * Close (`sequential`); none. Of each kind the first in order of author keys is taken, so that every peer with equal
 * evidence counts the same authors, and a latecomer with a low key does not taint a quorum that stands without it.
 */
import type { Digest, PeerKey } from '../ids.ts';
import { closingOf, type UnitEvidence } from './evidence.ts';

export interface CountedSet {
  readonly authors: readonly PeerKey[];
  /** Formed with the help of a Close, or a member's root was public before another member listed it back. */
  readonly sequential: boolean;
}

/** `group`: authors of one root with valid reveals, unvoided. At most 17, so that the search below stays small. */
export function countedSet(evidence: UnitEvidence, group: readonly PeerKey[], quorum: number): CountedSet | undefined {
  const authors = [...group].sort();
  const byReveal = new Map(authors.map((author) => [author, new Set(evidence.reveals.get(author)?.closing)]));
  const clean = authors.filter((author) => !mayHaveCopied(evidence, author, authors, byReveal));
  const prompt = firstClique(evidence, clean, byReveal, quorum);
  if (prompt !== undefined) return { authors: prompt, sequential: false };
  const mixed = firstClique(evidence, authors, byReveal, quorum);
  if (mixed !== undefined) return { authors: mixed, sequential: true };
  const byAll = new Map(authors.map((author) => [author, closingOf(evidence, author)]));
  const late = firstClique(evidence, authors, byAll, quorum);
  return late === undefined ? undefined : { authors: late, sequential: true };
}

type Listings = ReadonlyMap<PeerKey, ReadonlySet<Digest>>;

function lists(evidence: UnitEvidence, listings: Listings, p: PeerKey, q: PeerKey): boolean {
  const seal = evidence.commits.get(q)?.seal;
  return seal !== undefined && listings.get(p)?.has(seal) === true;
}

/** The member's Reveal lists an author of the same root that does not list it back: that root was public already. */
function mayHaveCopied(
  evidence: UnitEvidence,
  member: PeerKey,
  group: readonly PeerKey[],
  byReveal: Listings,
): boolean {
  return group.some(
    (other) =>
      other !== member && lists(evidence, byReveal, member, other) && !lists(evidence, byReveal, other, member),
  );
}

/** First set of `size` pairwise independent authors, in lexicographic order. Depth-first, pruned by what is left. */
function firstClique(
  evidence: UnitEvidence,
  authors: readonly PeerKey[],
  listings: Listings,
  size: number,
): readonly PeerKey[] | undefined {
  const extend = (chosen: readonly PeerKey[], from: number): readonly PeerKey[] | undefined => {
    if (chosen.length === size) return chosen;
    for (let i = from; i <= authors.length - (size - chosen.length); i++) {
      const candidate = authors[i]!;
      const fits = chosen.every(
        (member) => lists(evidence, listings, member, candidate) && lists(evidence, listings, candidate, member),
      );
      const found = fits ? extend([...chosen, candidate], i + 1) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return extend([], 0);
}
