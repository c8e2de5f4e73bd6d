/** Sequence 2. Two peers, one of them the submitter: it works as last rank, so that units agree two of two. */
import { describe, expect, it } from 'vitest';
import { addHonest, correctResults, createWorld, names, secondsSince } from './support.ts';

describe('two peers', () => {
  it('agree on every unit, two of two, the submitter being one of them', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'volunteer');
    await world.start();
    const job = await world.submit(submitter, { units: 4, tasksPerUnit: 4, unitMs: 2_000 });
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(4);
    for (const { label, authors } of job.results.values()) {
      expect(label).toEqual({ kind: 'quorum', counted: 2, needed: 2, sequential: false });
      expect(names(world, authors)).toEqual(['submitter', 'volunteer']);
    }
    expect(world.executions).toBe(8);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(16);
    expect(world.violations).toEqual([]);
  });

  it('may let the submitter take what it computed itself, if the job says so', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'volunteer');
    await world.start();
    const shape = { units: 4, tasksPerUnit: 4, unitMs: 2_000, request: { ownResults: 'always' as const } };
    const job = await world.submit(submitter, shape);
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(4);
    expect([...job.results.values()].some(({ label }) => label.kind === 'own')).toBe(true);
    expect(world.violations).toEqual([]);
  });
});
