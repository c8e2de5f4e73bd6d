/** Sequence 6 with real daemons: a peer that joins while others reveal catches up and comes to the same verdicts. */
import { expect, it } from 'vitest';
import type { JobView } from '../../node/protocol/view.ts';
import { submit, untilFinished } from '../demonstration/play.ts';
import { entry } from '../demonstration/swarm.ts';
import { until } from '../support/daemon.ts';
import { openSwarm, primes, resultEquals, TIMEOUT_MS, viewOf } from './support.ts';

/** The verdict on every unit, as one text. */
function verdicts(view: JobView | undefined): string {
  return JSON.stringify(view?.unitRows.map(({ root, label, countedAuthors }) => [root, label, countedAuthors]));
}

it('a late joiner reaches the same verdicts', { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter');
  await Promise.all([swarm.start('a'), swarm.start('b'), swarm.start('liar', { entry: entry('liar') })]);
  await swarm.connected();
  const piece = primes(6, 24, 2);
  const job = await submit(submitter, piece);
  await until(
    'reveals to be under way',
    async () => {
      const view = (await viewOf(submitter, job))!;
      return view.unitRows.some(({ revealedBy, label }) => revealedBy.length > 0 && label === undefined);
    },
    TIMEOUT_MS,
  );
  const late = await swarm.start('late');
  await untilFinished(submitter, job, TIMEOUT_MS);
  expect(await resultEquals(submitter, job, piece)).toBe(true);
  // Verdicts are a function of the set of statements, and the last of them are still on their way.
  const [ours, theirs] = await until(
    'both to hold the same statements',
    async () => {
      const views = [await viewOf(submitter, job), await viewOf(late, job)] as const;
      return verdicts(views[0]) === verdicts(views[1]) ? views : undefined;
    },
    TIMEOUT_MS,
  );
  expect(theirs!.counts.agreed).toBe(24);
  expect(theirs!.refuted.map(({ author }) => author)).toEqual(ours!.refuted.map(({ author }) => author));
});
