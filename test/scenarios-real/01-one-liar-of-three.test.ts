/** Sequence 1 with real daemons: three peers, one of them a liar, quorum 2. The liar is refuted and counts no more. */
import { expect, it } from 'vitest';
import { submit, untilFinished } from '../demonstration/play.ts';
import { entry } from '../demonstration/swarm.ts';
import { until } from '../support/daemon.ts';
import { openSwarm, primes, resultEquals, TIMEOUT_MS, viewOf } from './support.ts';

it('refutes one liar of three, on every peer', { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter');
  const [honest, liar] = await Promise.all([swarm.start('honest'), swarm.start('liar', { entry: entry('liar') })]);
  await swarm.connected();
  // Long enough that all three take part, though their sandboxes do not come up at the same time.
  const piece = primes(1, 8, 2);
  const job = await submit(submitter, piece);
  await untilFinished(submitter, job, TIMEOUT_MS);
  expect(await resultEquals(submitter, job, piece)).toBe(true);
  // A quorum of honest peers ends the job; the liar may be proven wrong a moment later.
  await until(
    'the submitter to have refuted somebody',
    async () => {
      return ((await viewOf(submitter, job))?.refuted.length ?? 0) > 0;
    },
    TIMEOUT_MS,
  );
  const view = (await viewOf(submitter, job))!;
  for (const { unit, label, countedAuthors } of view.unitRows) {
    expect(label).toMatchObject({ kind: 'quorum', counted: 2, needed: 2 });
    // It lies in units of even number; what it said truly before it was voided does not count either.
    if (unit % 2 === 0) expect([...countedAuthors].sort()).toEqual([submitter.key, honest.key].sort());
  }
  expect(view.refuted.map(({ author }) => author)).toEqual([liar.key]);
  const isRefutedThere = async () => {
    const theirs = await viewOf(honest, job);
    return theirs?.refuted.some(({ author }) => author === liar.key);
  };
  await until('the other peer to have refuted the liar, too', isRefutedThere, TIMEOUT_MS);
});
