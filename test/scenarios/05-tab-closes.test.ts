/**
 * Sequence 5. A tab closes: it lets go of what it was running, so that nobody waits for its lease, and reveals at once
 * what it had frozen already, since from then on nobody can copy from it.
 */
import { describe, expect, it } from 'vitest';
import { addHonest, claimedAt, correctResults, createWorld, secondsSince, starters } from './support.ts';

describe('a tab closes', () => {
  it('in mid-unit: it says so, and the next rank starts without waiting for the lease', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
    await world.start();
    const job = await world.submit(submitter, { units: 1, tasksPerUnit: 4, unitMs: 4_000 });
    await world.run(1_500);
    const [leaver] = starters(world, job, 0);
    const stoppedAtMs = world.nowMs;
    const stopped = leaver!.stop();
    await world.run(200);
    await stopped;
    const goodbye = world.wire.ofKind('claim').find(({ author, body }) => author === leaver!.key && body.leaseMs === 0);
    expect(goodbye!.body.units).toEqual([0]);
    await world.untilFinished(job, 30_000);
    const next = starters(world, job, 0).at(-1)!;
    expect(claimedAt(world, job, 0, next)! - stoppedAtMs).toBeLessThan(1_000);
    expect(correctResults(job)).toBe(1);
    expect(world.violations).toEqual([]);
  });

  it('while it holds a frozen reveal: it reveals at once, and its run counts', async () => {
    const world = createWorld({ link: { linkMs: 100 }, durationSigma: 0.01 });
    const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
    await world.start();
    const job = await world.submit(submitter, { units: 1, tasksPerUnit: 4, unitMs: 2_000 });
    await world.until(() => world.wire.commits(job.id, 0).length === 2, 10_000, 'two commits');
    const leaver = world.peerOf(world.wire.commits(job.id, 0)[0]!.author);
    const isFrozen = () => leaver.driver.view().replicas.some(({ phase }) => phase === 'frozen');
    await world.until(isFrozen, 3_000, 'the leaver to freeze');
    expect(leaver.driver.view().holdMs).toBeGreaterThan(500);
    const stoppedAtMs = world.nowMs;
    const stopped = leaver.stop();
    await world.run(400);
    await stopped;
    const reveal = world.wire.reveals(job.id, 0).find(({ author }) => author === leaver.key);
    expect(reveal!.atMs - stoppedAtMs).toBeLessThan(60);
    await world.untilFinished(job, 30_000);
    expect(job.results.get(0)!.authors).toContain(leaver.key);
    expect(world.executions).toBe(2);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(5);
    expect(world.violations).toEqual([]);
  });
});
