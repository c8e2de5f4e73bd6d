/**
 * Who was wrong. Voting decides what to believe first; re-executing one task decides who lied. Of several opened
 * roots the first leaf in which they differ is run again, and every root that differs from the truth there is
 * refuted; then the next difference, until the opened roots that are left agree. An accusation names a leaf of a
 * root that no other opened root contradicts.
 *
 * A pure function of openings, accusations and truths. It looks at nobody's standing: roots of authors who are
 * voided elsewhere take part, otherwise the outcome would depend on the order in which units are looked at. A truth
 * is used only where this procedure asks for it, so that a peer that happens to know more leaves finds the same.
 */

import { toHex } from '../bytes.ts';
import type { Digest } from '../ids.ts';
import { LEAF_BYTES, leafAt } from './commitment.ts';
import type { UnitEvidence } from './evidence.ts';

export interface Refutation {
  /** Leaf at which each refuted root is wrong. */
  readonly refuted: ReadonlyMap<Digest, number>;
  /** Tasks whose re-execution would settle more, in the order they are wanted. */
  readonly wantsTasks: readonly number[];
}

export function refute(evidence: UnitEvidence): Refutation {
  const revealed = new Set([...evidence.reveals.values()].map(({ root }) => root));
  const refuted = new Map<Digest, number>();
  const wantsTasks: number[] = [];
  let live = [...evidence.openings.keys()].filter((root) => revealed.has(root)).sort();

  const holdAgainst = (roots: readonly Digest[], task: number): boolean => {
    const truth = evidence.truths.get(task);
    if (truth === undefined) {
      if (!wantsTasks.includes(task)) wantsTasks.push(task);
      return false;
    }
    for (const root of roots) {
      if (toHex(leafAt(evidence.openings.get(root)!, task)) !== truth) refuted.set(root, task);
    }
    live = live.filter((root) => !refuted.has(root));
    return true;
  };

  while (live.length > 1) {
    const task = firstDifference(live.map((root) => evidence.openings.get(root)!));
    if (!holdAgainst(live, task)) break;
  }
  for (const root of [...live]) {
    for (const task of [...(evidence.accusations.get(root) ?? [])].sort((a, b) => a - b)) {
      if (task * LEAF_BYTES < evidence.openings.get(root)!.length && !refuted.has(root)) holdAgainst([root], task);
    }
  }
  return { refuted, wantsTasks };
}

/** Index of the first leaf that is not the same in all; the roots differ, so there is one. */
function firstDifference(openings: readonly Uint8Array[]): number {
  const [first, ...others] = openings as [Uint8Array, ...Uint8Array[]];
  for (let i = 0; i < first.length; i++) {
    if (others.some((other) => other[i] !== first[i])) return Math.floor(i / LEAF_BYTES);
  }
  throw new Error('two roots with equal leaves');
}
