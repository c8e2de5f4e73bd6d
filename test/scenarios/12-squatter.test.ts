/**
 * A squatter claims what it can, renews its leases for ever and computes nothing. Claims keep others from starting the
 * same unit, so that would keep units undone for ever, if claims counted for ever.
 */
import { describe, expect, it } from 'vitest';
import { squatter } from '../simulator/adversaries.ts';
import { addHonest, correctResults, createWorld, secondsSince } from './support.ts';

describe('a squatter', () => {
  it.each([1, 2, 3])('delays units, but cannot keep them, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b');
    for (const name of ['squatter 1', 'squatter 2']) world.addPeer({ name, behaviour: squatter() });
    await world.start();
    const job = await world.submit(submitter, { units: 4, tasksPerUnit: 4, unitMs: 1_000 });
    await world.untilFinished(job, 120_000);
    expect(correctResults(job)).toBe(4);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(40);
    expect(world.violations).toEqual([]);
  });
});
