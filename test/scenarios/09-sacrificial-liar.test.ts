/**
 * Sequence 9. One liar is refuted at leaf 5 while an accomplice's root is wrong at leaf 500. That somebody else was
 * caught proves nothing: the accomplice is not believed for it.
 */
import { describe, expect, it } from 'vitest';
import { liarAt } from '../simulator/adversaries.ts';
import { addHonest, correctResults, createWorld } from './support.ts';

describe('a sacrificial liar', () => {
  it.each([1, 2, 3])('does not make an accomplice credible, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const { submitter, honest } = addHonest(world, 'submitter', 'honest');
    const sacrifice = world.addPeer({ name: 'sacrifice', behaviour: liarAt(5) });
    const accomplice = world.addPeer({ name: 'accomplice', behaviour: liarAt(500) });
    await world.start();
    const job = await world.submit(submitter, { units: 3, tasksPerUnit: 600, unitMs: 2_000 });
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(3);
    for (const { authors } of job.results.values()) {
      for (const author of authors) expect([submitter.key, honest.key]).toContain(author);
    }
    const leaves = world
      .notified('refuted')
      .map(({ notification }) => `${world.nameOf(notification.author)} ${notification.leaf}`);
    for (const leaf of leaves) expect(['sacrifice 5', 'accomplice 500']).toContain(leaf);
    expect(leaves.length).toBeGreaterThan(0);
    expect([sacrifice, accomplice].some(({ executed }) => executed > 0)).toBe(true);
    expect(world.violations).toEqual([]);
  });
});
