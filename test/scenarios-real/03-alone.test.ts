/** Sequence 3 with real daemons: whoever is alone goes on, says so, and takes help as it appears. */
import { expect, it } from 'vitest';
import { submit, untilFinished } from '../demonstration/play.ts';
import { until } from '../support/daemon.ts';
import { openSwarm, primes, resultEquals, TIMEOUT_MS, viewOf } from './support.ts';

it('a lone submitter computes its job itself and shares what is left', { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter');
  const piece = { ...primes(2, 60, 3), policy: { ...primes(2, 60, 3).policy, ownResults: 'alone' as const } };
  const job = await submit(submitter, piece);
  const isAhead = async () => (await viewOf(submitter, job))!.counts.own >= 6;
  await until('a tenth of the job to be done alone', isAhead, TIMEOUT_MS);
  const late = await swarm.start('late');
  await until('the late peer to be rostered', async () => (await viewOf(submitter, job))!.roster === 1, TIMEOUT_MS, 20);
  const joined = (await viewOf(submitter, job))!;
  const doneAlone = joined.unitRows.filter(({ label }) => label?.kind === 'own').map(({ unit }) => unit);
  const left = joined.units - doneAlone.length;
  expect(left, 'the job was over before help could come').toBeGreaterThan(5);
  await untilFinished(submitter, job, TIMEOUT_MS);
  expect(await resultEquals(submitter, job, piece)).toBe(true);
  const { unitRows } = (await viewOf(submitter, job))!;
  const byLate = unitRows.filter(({ countedAuthors }) => countedAuthors.includes(late.key));
  expect(byLate.length / left).toBeGreaterThanOrEqual(0.2);
  for (const { label } of byLate) expect(label).toMatchObject({ kind: 'quorum', counted: 2 });
  // What the submitter had for itself already, the late peer was told not to do again.
  for (const unit of doneAlone) expect(unitRows[unit]!.label).toEqual({ kind: 'own' });
  const executed = (await late.client.status()).view.totals.unitsExecuted;
  expect(executed).toBeLessThanOrEqual(left);
});

it('a lone volunteer waits with a reason until a second one comes', { timeout: TIMEOUT_MS }, async () => {
  const swarm = await openSwarm();
  const submitter = await swarm.start('submitter', { cores: 0 });
  const volunteer = await swarm.start('volunteer');
  await swarm.connected();
  const piece = primes(3, 6);
  const job = await submit(submitter, piece);
  const waiting = await until(
    'the volunteer to say why it waits',
    async () => {
      const { why } = (await volunteer.client.status()).view;
      return why.find((reason) => reason.code === 'waiting-for-quorum' && reason.units === 6);
    },
    TIMEOUT_MS,
  );
  expect(waiting).toMatchObject({ job, have: 1, need: 2 });
  const [answer] = (await volunteer.client.why(job)).why;
  expect(answer!.text).toMatch(/quorum/i);
  expect((await viewOf(submitter, job))!.counts).toMatchObject({ agreed: 0, own: 0 });
  const second = await swarm.start('second');
  await untilFinished(submitter, job, TIMEOUT_MS);
  expect(await resultEquals(submitter, job, piece)).toBe(true);
  for (const { countedAuthors } of (await viewOf(submitter, job))!.unitRows) {
    expect([...countedAuthors].sort()).toEqual([volunteer.key, second.key].sort());
  }
});
