/** Sequence 6. A peer joins while others reveal: it catches up by exchange and comes to the same verdicts. */
import { describe, expect, it } from 'vitest';
import { independentLiar } from '../simulator/adversaries.ts';
import { addHonest, createWorld, unitRow } from './support.ts';

describe('a late joiner', () => {
  it.each([
    0, 1_000, 2_300, 4_000,
  ])('that comes %i ms after the first reveal reaches the same verdicts', async (delayMs) => {
    const world = createWorld({ seed: 3 });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
    world.addPeer({ name: 'liar', behaviour: independentLiar(0.5) });
    await world.start();
    const units = 12;
    const job = await world.submit(submitter, { units, tasksPerUnit: 4, unitMs: 2_000 });
    const revealed = () => world.wire.ofKind('reveal').length > 0;
    await world.until(revealed, 20_000, 'a reveal');
    await world.run(delayMs);
    const late = world.addPeer({ name: 'late' });
    await world.start([late], 0);
    await world.untilFinished(job, 120_000);
    await world.run(6_000);
    for (let unit = 0; unit < units; unit++) {
      const [theirs, ours] = [unitRow(job, unit), unitRow(job, unit, late)];
      expect(ours.root).toBe(job.model.trueRoots[unit]);
      expect(ours.root).toBe(theirs.root);
      expect(ours.countedAuthors).toEqual(theirs.countedAuthors);
      expect(ours.label).toEqual(theirs.label);
    }
    expect(world.violations).toEqual([]);
  });
});
