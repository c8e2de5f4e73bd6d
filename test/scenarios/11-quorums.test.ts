/**
 * Sequence 11. Larger quorums and everything that can happen to one: replicas killed after their commits, an author
 * void inside an agreed unit, a root nobody can open, two seals, peers added in mid-job, replicas that freeze in
 * different orders.
 */
import { describe, expect, it } from 'vitest';
import { equivocator, independentLiar, junkRevealer } from '../simulator/adversaries.ts';
import { addHonest, correctResults, createWorld, names, secondsSince, unitRow } from './support.ts';

describe('quorums', () => {
  it('of four form among five honest peers', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c', 'd');
    await world.start();
    const request = { quorum: 4, replicas: 4 };
    const job = await world.submit(submitter, { units: 4, tasksPerUnit: 4, unitMs: 2_000, request });
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(4);
    for (const { label } of job.results.values())
      expect(label).toMatchObject({ kind: 'quorum', counted: 4, needed: 4 });
    expect(world.executions).toBeLessThanOrEqual(20);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(20);
    expect(world.violations).toEqual([]);
  });

  it.each([1, 2, 3])('recover in one round when both first replicas die after their commits, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c', 'd');
    await world.start();
    const job = await world.submit(submitter, { units: 1, tasksPerUnit: 4, unitMs: 2_000 });
    const died = new Set<string>();
    const killCommitted = () => {
      for (const { author } of world.wire.commits(job.id, 0)) {
        if (died.size < 2 && !died.has(author)) {
          world.peerOf(author).kill();
          died.add(author);
        }
      }
      return died.size === 2;
    };
    await world.until(killCommitted, 10_000, 'two commits');
    await world.untilFinished(job, 20_000);
    expect(correctResults(job)).toBe(1);
    for (const author of job.results.get(0)!.authors) expect(died.has(author)).toBe(false);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(9);
    expect(world.executions).toBe(4);
    expect(world.violations).toEqual([]);
  });

  it('lose an author who is refuted elsewhere in the job, and are made up again', async () => {
    const world = createWorld({ seed: 2 });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b');
    const liar = world.addPeer({ name: 'liar', behaviour: independentLiar(0.4) });
    await world.start();
    const units = 16;
    const job = await world.submit(submitter, { units, tasksPerUnit: 4, unitMs: 1_000 });
    await world.untilFinished(job, 120_000);
    await world.run(10_000);
    expect(correctResults(job)).toBe(units);
    expect(world.notified('refuted').some(({ notification }) => notification.author === liar.key)).toBe(true);
    for (let unit = 0; unit < units; unit++) {
      const { label, root, countedAuthors } = unitRow(job, unit);
      expect(root).toBe(job.model.trueRoots[unit]);
      if (label?.kind === 'quorum') expect(countedAuthors).not.toContain(liar.key);
    }
    expect(world.violations).toEqual([]);
  });

  it('raised from 2 to 3 in mid-job are made up by one more replica, and no unit is done with less', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
    await world.start();
    const job = await world.submit(submitter, { units: 6, tasksPerUnit: 4, unitMs: 2_000 });
    await world.until(() => job.results.size >= 2, 30_000, 'two results');
    submitter.driver.dispatch({ type: 'job-raised', job: job.id, quorum: 3 });
    await world.untilFinished(job, 60_000);
    await world.run(5_000);
    for (let unit = 0; unit < 6; unit++) {
      const { label, root, countedAuthors } = unitRow(job, unit);
      expect(root).toBe(job.model.trueRoots[unit]);
      expect(label).toMatchObject({ kind: 'quorum', counted: 3, needed: 3 });
      expect(new Set(countedAuthors).size).toBe(3);
    }
    // Replicas that were there already count: nothing is done again from the start.
    expect(world.executions).toBeLessThanOrEqual(6 * 4);
    expect(world.violations).toEqual([]);
  });

  it('form without a root whose leaves nobody can get', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b');
    world.addPeer({ name: 'junk', behaviour: junkRevealer() });
    await world.start();
    const job = await world.submit(submitter, { units: 6, tasksPerUnit: 4, unitMs: 1_000 });
    await world.untilFinished(job, 120_000);
    expect(correctResults(job)).toBe(6);
    // The one that lied knows its own leaves; nobody else ever does.
    expect(world.notified('refuted').filter(({ peer }) => peer.isHonest)).toEqual([]);
    expect(world.violations).toEqual([]);
  });

  it('leave out who sealed twice', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'honest');
    const cheat = world.addPeer({ name: 'equivocator', behaviour: equivocator() });
    await world.start();
    const job = await world.submit(submitter, { units: 3, tasksPerUnit: 4, unitMs: 1_000 });
    await world.untilFinished(job, 120_000);
    await world.run(6_000);
    expect(correctResults(job)).toBe(3);
    const found = world.notified('equivocated');
    expect(new Set(found.map(({ notification }) => notification.author))).toEqual(new Set([cheat.key]));
    for (const { notification } of found) {
      const { countedAuthors } = unitRow(job, notification.unit);
      expect(names(world, countedAuthors)).not.toContain('equivocator');
    }
    expect(world.violations).toEqual([]);
  });

  it('take in peers that are appended in mid-job', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a');
    await world.start();
    const units = 20;
    const job = await world.submit(submitter, { units, tasksPerUnit: 4, unitMs: 1_000 });
    await world.until(() => job.results.size >= 4, 60_000);
    const late = world.addPeer({ name: 'late' });
    await world.start([late], 0);
    await world.untilFinished(job, 120_000);
    expect(correctResults(job)).toBe(units);
    expect(submitter.driver.jobView(job.id)!.rosterPeers).toContain(late.key);
    expect(world.wire.ofKind('roster-append').length).toBeGreaterThan(0);
    const counted = [...job.results.values()].filter(({ authors }) => authors.includes(late.key));
    expect(counted.length).toBeGreaterThan(0);
    expect(world.violations).toEqual([]);
  });

  it.each([1, 2, 3])('form although replicas freeze in different orders, seed %i', async (seed) => {
    const world = createWorld({ seed, link: { linkMs: 100, spread: 1, loss: 0.05 }, durationSigma: 0.02 });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c', 'd');
    await world.start();
    const request = { quorum: 3, replicas: 4 };
    const job = await world.submit(submitter, { units: 5, tasksPerUnit: 4, unitMs: 2_000, request });
    await world.untilFinished(job, 120_000);
    expect(correctResults(job)).toBe(5);
    expect(world.violations).toEqual([]);
  });
});
