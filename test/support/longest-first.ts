/**
 * The order of test files: those that take long first, so that at the end no worker is left alone with one of them. On a
 * machine that has not run them before, vitest would go by their size, which says nothing here.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { CHECKOUT } from './daemon.ts';

/** Files and folders, by how long they take; whatever is not named comes after them. */
const LONGEST = [
  'scenarios-real/kill-nine',
  'browser/submit.test',
  'browser/volunteer',
  'browser/peer.test',
  'demonstration/stay',
  'browser/accessibility',
  'daemon/lifecycle',
  'scenarios-real/',
  'daemon/bad-input',
  'network/blocks',
  'browser/webrtc',
  'network/relay',
  'browser/',
  'daemon/volunteers',
  'sandbox/games',
  'kernels/tutorial',
  'daemon/',
  'network/',
  'demonstration/',
  'scenarios/adversity',
  'determinism/',
  'fuzz/',
  'kernels/',
  'sandbox/',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const name = relative(`${CHECKOUT}/test`, moduleId);
  const rank = LONGEST.findIndex((beginning) => name.startsWith(beginning));
  return rank === -1 ? LONGEST.length : rank;
}
