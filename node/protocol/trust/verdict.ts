/**
 * The verdict on one work unit: a pure fold over what is known, never over the order in which it came.
 *
 *   no root opened, exactly one group has a counted set   agreed; a root that nobody opens disputes nothing against it
 *   some root opened, or groups that conflict             disputed: only opened roots count, re-execution refutes,
 *                                                         and the one unrefuted root is agreed once it has its quorum
 *   otherwise                                             pending
 *
 * A refutation removes the liar; it does not prove the survivor, who still needs m independent authors.
 */
import type { Digest, PeerKey } from '../ids.ts';
import type { Refutation } from './dispute.ts';
import type { RevealFact, UnitEvidence } from './evidence.ts';
import { type CountedSet, countedSet } from './quorum.ts';

export type Verdict =
  | { readonly state: 'pending' }
  | { readonly state: 'agreed'; readonly root: Digest; readonly fuel: number; readonly counted: CountedSet }
  | { readonly state: 'disputed'; readonly wants: 'opening' | 're-execution' | 'replica' };

export interface VerdictQuestion {
  /** m*: what counts now, raises included. */
  readonly quorum: number;
  /** m as announced: what closings are held to, so that a later raise makes none of them invalid. */
  readonly announcedQuorum: number;
  /** Digest of the unit's current input; undefined while this peer does not know the inputs. */
  readonly inputDigest: Digest | undefined;
  readonly isVoided: (author: PeerKey) => boolean;
}

export function judge(evidence: UnitEvidence, refutation: Refutation, question: VerdictQuestion): Verdict {
  const groups = groupByRoot(evidence, question);
  const roots = [...groups.keys()].filter((root) => !refutation.refuted.has(root));
  const quorumOf = (root: Digest): CountedSet | undefined => counted(evidence, groups.get(root)!, question.quorum);
  const agreedOn = (root: Digest, set: CountedSet): Verdict => {
    const fuel = evidence.reveals.get(set.authors[0]!)!.fuel;
    return { state: 'agreed', root, fuel, counted: set };
  };

  const opened = roots.filter((root) => evidence.openings.has(root));
  if (opened.length === 0) {
    const carried = roots.flatMap((root) => {
      const set = quorumOf(root);
      return set === undefined ? [] : [{ root, set }];
    });
    if (carried.length === 1) return agreedOn(carried[0]!.root, carried[0]!.set);
    return roots.length > 1 ? { state: 'disputed', wants: 'opening' } : { state: 'pending' };
  }
  if (opened.length > 1) return { state: 'disputed', wants: 're-execution' };
  const survivor = opened[0]!;
  const set = quorumOf(survivor);
  if (set !== undefined) return agreedOn(survivor, set);
  if (roots.length === 1) return { state: 'pending' };
  // Somebody else's quorum stands unopened beside this root: it has to open before it can count.
  const rivals = roots.filter((root) => root !== survivor && quorumOf(root) !== undefined);
  return { state: 'disputed', wants: rivals.length > 0 ? 'opening' : 'replica' };
}

/** Roots with the authors whose reveals count, in order of author key. */
export function groupByRoot(
  evidence: UnitEvidence,
  question: VerdictQuestion,
): ReadonlyMap<Digest, readonly PeerKey[]> {
  const groups = new Map<Digest, PeerKey[]>();
  for (const author of [...evidence.reveals.keys()].sort()) {
    const reveal = evidence.reveals.get(author)!;
    if (question.isVoided(author) || evidence.equivocators.has(author)) continue;
    if (!isValidReveal(evidence, author, reveal, question)) continue;
    const group = groups.get(reveal.root);
    if (group === undefined) groups.set(reveal.root, [author]);
    else group.push(author);
  }
  return groups;
}

/** The reveal opens the author's own seal, is about the current input, and closed over enough seals. */
export function isValidReveal(
  evidence: UnitEvidence,
  author: PeerKey,
  reveal: RevealFact,
  question: Pick<VerdictQuestion, 'announcedQuorum' | 'inputDigest'>,
): boolean {
  const seal = evidence.commits.get(author)?.seal;
  if (seal === undefined) return false;
  if (question.inputDigest !== undefined && reveal.inputDigest !== question.inputDigest) return false;
  if (reveal.seal !== seal) return false;
  if (question.announcedQuorum === 1) return true;
  return reveal.closing.includes(seal) && new Set(reveal.closing).size >= Math.min(2, question.announcedQuorum);
}

/** A quorum of one needs no hold and no closing: private networks, labelled as such. */
function counted(evidence: UnitEvidence, group: readonly PeerKey[], quorum: number): CountedSet | undefined {
  if (quorum === 1) return group.length === 0 ? undefined : { authors: group.slice(0, 1), sequential: false };
  return countedSet(evidence, group, quorum);
}
