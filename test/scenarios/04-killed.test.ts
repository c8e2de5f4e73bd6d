/**
 * Sequence 4. Five peers, one killed in the middle of a unit: its claim is worth nothing two seconds after its
 * connection broke, and the next rank runs. Killed after its commit, it costs one Close and one replica, not two.
 */
import { describe, expect, it } from 'vitest';
import type { SimulatedPeer } from '../simulator/peer.ts';
import type { SubmittedJob, World } from '../simulator/world.ts';
import { addHonest, claimedAt, correctResults, createWorld, secondsSince, starters } from './support.ts';

async function begin(seed: number): Promise<{ world: World; job: SubmittedJob; submitter: SimulatedPeer }> {
  const world = createWorld({ seed });
  const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c', 'd');
  await world.start();
  const job = await world.submit(submitter, { units: 1, tasksPerUnit: 4, unitMs: 2_000 });
  return { world, job, submitter };
}

describe.each([1, 2, 3])('five peers, one killed, seed %i', (seed) => {
  it('in mid-unit: the next rank runs two seconds later', async () => {
    const { world, job, submitter } = await begin(seed);
    await world.run(1_000);
    const first = starters(world, job, 0);
    expect(first.length).toBe(2);
    expect(first).not.toContain(submitter);
    const [victim, survivor] = first as [SimulatedPeer, SimulatedPeer];
    victim.kill();
    const killedAtMs = world.nowMs;
    await world.untilFinished(job, 20_000);
    const others = starters(world, job, 0).filter((peer) => peer !== victim && peer !== survivor);
    expect(others.length).toBe(1);
    const startedAfterMs = claimedAt(world, job, 0, others[0]!)! - killedAtMs;
    expect(startedAfterMs).toBeGreaterThan(1_900);
    expect(startedAfterMs).toBeLessThan(4_000);
    expect(correctResults(job)).toBe(1);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(9);
    expect(world.executions).toBe(2);
    expect(world.violations).toEqual([]);
  });

  it('after its commit: one further replica and one Close', async () => {
    const { world, job } = await begin(seed);
    await world.until(() => world.wire.commits(job.id, 0).length === 2, 10_000, 'two commits');
    const victim = world.peerOf(world.wire.commits(job.id, 0)[0]!.author);
    victim.kill();
    await world.untilFinished(job, 20_000);
    expect(correctResults(job)).toBe(1);
    expect(world.executions).toBe(3);
    expect(world.wire.ofKind('close').length).toBe(1);
    expect(job.results.get(0)!.authors).not.toContain(victim.key);
    expect(secondsSince(job, job.finishedAtMs!)).toBeLessThan(11);
    expect(world.violations).toEqual([]);
  });
});
