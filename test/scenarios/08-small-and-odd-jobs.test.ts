/**
 * Sequence 8. The smallest job; a roster smaller than the quorum, refused only where nothing could ever help; a unit
 * that traps everywhere, which is a result like any other.
 */
import { describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { JobRefusedError } from '../simulator/world.ts';
import { addHonest, correctResults, createWorld, reasons, secondsSince, unitRow } from './support.ts';

describe('small and odd jobs', () => {
  it('one unit of one task', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
    await world.start();
    const job = await world.submit(submitter, { units: 1, tasksPerUnit: 1, unitMs: 20 });
    await world.untilFinished(job, 10_000);
    expect(correctResults(job)).toBe(1);
    const { label, authors } = job.results.get(0)!;
    expect(label).toEqual({ kind: 'quorum', counted: 2, needed: 2, sequential: false });
    expect(authors).not.toContain(submitter.key);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(3);
  });

  it('refuses a quorum that its roster can never reach', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a');
    await world.start();
    const request = { quorum: 4, replicas: 4, appends: false, ownResults: 'never' as const };
    const submission = world.submit(submitter, { units: 2, tasksPerUnit: 2, unitMs: 500, request });
    await expect(submission).rejects.toThrow(JobRefusedError);
    await expect(submission).rejects.toThrow(/quorum/);
  });

  it('accepts one that later peers can make up, says why it waits, and goes on when they come', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a');
    await world.start();
    const request = { quorum: 3, replicas: 3, ownResults: 'never' as const };
    const job = await world.submit(submitter, { units: 2, tasksPerUnit: 2, unitMs: 500, request });
    await world.run(8_000);
    expect(job.results.size).toBe(0);
    expect(reasons(submitter, job).find(({ code }) => code === 'roster-below-quorum')).toMatchObject({ quorum: 3 });
    const late = world.addPeer({ name: 'late' });
    await world.start([late], 0);
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(2);
    expect([...job.results.values()].every(({ label }) => label.kind === 'quorum' && label.counted === 3)).toBe(true);
  });

  it('agrees on a unit that traps everywhere', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b');
    await world.start();
    const trap = (unit: number) => (unit === 1 ? TRAP.trap : TRAP.none);
    const job = await world.submit(submitter, { units: 3, tasksPerUnit: 4, unitMs: 500, trap });
    await world.untilFinished(job, 20_000);
    expect(correctResults(job)).toBe(3);
    expect(unitRow(job, 1)).toMatchObject({ root: job.model.trueRoots[1], label: { kind: 'quorum', counted: 2 } });
    expect(world.notified('unit-failed-here')).toEqual([]);
    expect(world.violations).toEqual([]);
  });
});
