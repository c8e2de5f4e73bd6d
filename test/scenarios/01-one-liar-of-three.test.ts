/**
 * Sequence 1. Three peers, one of them a liar, quorum 2. The liar and an honest peer reveal different roots: the unit
 * is disputed, both roots are opened, one leaf is run again, the liar is void, the third peer makes up the quorum.
 */
import { describe, expect, it } from 'vitest';
import { independentLiar, junkRevealer, withholder } from '../simulator/adversaries.ts';
import type { Behaviour } from '../simulator/behaviour.ts';
import type { SimulatedPeer } from '../simulator/peer.ts';
import type { SubmittedJob, World } from '../simulator/world.ts';
import { addHonest, createWorld, names, secondsSince } from './support.ts';

async function story(behaviour: Behaviour): Promise<{ world: World; job: SubmittedJob; liar: SimulatedPeer }> {
  const world = createWorld();
  const { submitter } = addHonest(world, 'submitter', 'honest');
  const liar = world.addPeer({ name: 'liar', behaviour });
  await world.start();
  const job = await world.submit(submitter, { units: 1, tasksPerUnit: 10, unitMs: 2_000 });
  await world.untilFinished(job, 20_000);
  return { world, job, liar };
}

describe('three peers, one of them a liar', () => {
  it('refutes a liar that opens its root, and agrees on the truth with the third peer', async () => {
    const { world, job, liar } = await story(independentLiar());
    const disputed = world.notified('verdict').find(({ notification }) => notification.verdict === 'disputed');
    expect(secondsSince(job, disputed!.atMs)).toBeGreaterThan(2);
    expect(secondsSince(job, disputed!.atMs)).toBeLessThan(4.5);
    const refuted = world.notified('refuted');
    expect(new Set(refuted.map(({ notification }) => notification.author))).toEqual(new Set([liar.key]));

    const result = job.results.get(0)!;
    expect(result.correct).toBe(true);
    expect(names(world, result.authors)).toEqual(['honest', 'submitter']);
    expect(result.label).toMatchObject({ kind: 'quorum', counted: 2, needed: 2 });
    expect(secondsSince(job, job.finishedAtMs!)).toBeGreaterThan(4);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(9);
    expect(world.violations).toEqual([]);
  });

  it('does not count a liar that will not open its root', async () => {
    const { world, job } = await story(junkRevealer());
    const result = job.results.get(0)!;
    expect(result.correct).toBe(true);
    expect(names(world, result.authors)).toEqual(['honest', 'submitter']);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(15);
    expect(world.violations).toEqual([]);
  });

  it('goes on without a peer that withholds its reveal', async () => {
    const { world, job } = await story(withholder());
    const result = job.results.get(0)!;
    expect(result.correct).toBe(true);
    expect(names(world, result.authors)).toEqual(['honest', 'submitter']);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(14);
    expect(world.notified('refuted')).toEqual([]);
    expect(world.violations).toEqual([]);
  });

  it.each([
    1, 2, 3, 4, 5, 6,
  ])('finishes a job in which the liar is found out after others have counted it, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const { submitter } = addHonest(world, 'submitter', 'honest');
    world.addPeer({ name: 'liar', behaviour: independentLiar(0.5) });
    await world.start();
    // Whoever is third in a unit has committed long after the first two have revealed without listing it.
    const job = await world.submit(submitter, { units: 8, tasksPerUnit: 10, unitMs: 6_000 });
    await world.untilFinished(job, 120_000);
    expect([...job.results.values()].every(({ correct }) => correct)).toBe(true);
    expect(world.violations).toEqual([]);
  });
});
