/**
 * Sequence 10. Copiers can only commit once a root is public. Whatever quorum they take part in was therefore formed
 * after the fact, and is labelled sequential.
 */
import { describe, expect, it } from 'vitest';
import { lazyCopier, withholder } from '../simulator/adversaries.ts';
import type { SubmittedJob, World } from '../simulator/world.ts';
import { addHonest, correctResults, createWorld } from './support.ts';

/** Results that a copier had a part in. */
function withCopiers(world: World, job: SubmittedJob) {
  return [...job.results.values()].filter(({ authors }) =>
    authors.some((author) => world.peerOf(author).behaviour.name === 'copier'),
  );
}

describe('copiers', () => {
  it.each([1, 2, 3, 4])('that list each other beside a withholder are labelled sequential, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const submitter = world.addPeer({ name: 'submitter', cores: 0 });
    addHonest(world, 'honest');
    world.addPeer({ name: 'withholder', behaviour: withholder() });
    for (const name of ['copier 1', 'copier 2']) world.addPeer({ name, behaviour: lazyCopier() });
    await world.start();
    const job = await world.submit(submitter, { units: 4, tasksPerUnit: 4, unitMs: 2_000 });
    await world.untilFinished(job, 300_000);
    expect(correctResults(job)).toBe(4);
    // Only one peer computes and reveals: every quorum needs a copier.
    expect(withCopiers(world, job).length).toBe(4);
    for (const { label } of withCopiers(world, job)) expect(label).toMatchObject({ kind: 'quorum', sequential: true });
    expect(world.violations).toEqual([]);
  });

  it('beside two honest peers gain nothing: those agree by themselves', async () => {
    const world = createWorld();
    const submitter = world.addPeer({ name: 'submitter', cores: 0 });
    addHonest(world, 'a', 'b');
    world.addPeer({ name: 'copier', behaviour: lazyCopier() });
    await world.start();
    const job = await world.submit(submitter, { units: 6, tasksPerUnit: 4, unitMs: 2_000 });
    await world.untilFinished(job, 300_000);
    expect(correctResults(job)).toBe(6);
    for (const { label } of withCopiers(world, job)) expect(label).toMatchObject({ sequential: true });
    expect(withCopiers(world, job).length).toBeLessThan(6);
    expect(world.violations).toEqual([]);
  });
});
