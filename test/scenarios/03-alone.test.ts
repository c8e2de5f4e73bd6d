/**
 * Sequence 3. A lone submitter computes everything itself and says so; who arrives late is rostered, helps with what
 * is left and does not redo what is satisfied. A lone volunteer waits, and says what for.
 */
import { describe, expect, it } from 'vitest';
import { addHonest, correctResults, createWorld, reasons, unitRow } from './support.ts';

describe('alone', () => {
  it('a submitter computes its job itself, labelled own, and says that it is alone', async () => {
    const world = createWorld();
    const { submitter } = addHonest(world, 'submitter');
    await world.start();
    const job = await world.submit(submitter, { units: 5, tasksPerUnit: 4, unitMs: 1_000 });
    await world.run(2_500);
    expect(reasons(submitter, job).map(({ code }) => code)).toContain('alone');
    await world.untilFinished(job, 20_000);
    expect(correctResults(job)).toBe(5);
    expect([...job.results.values()].every(({ label }) => label.kind === 'own')).toBe(true);
    expect(world.executions).toBe(5);
  });

  it.each([1, 2, 3])('a peer that joins at 30 % computes at least 20 % of what is left, seed %i', async (seed) => {
    const world = createWorld({ seed });
    const { submitter } = addHonest(world, 'submitter');
    await world.start();
    const units = 60;
    const job = await world.submit(submitter, { units, tasksPerUnit: 4, unitMs: 1_000 });
    await world.until(() => job.results.size >= 0.3 * units, 60_000);
    const done = new Set(job.results.keys());
    const late = world.addPeer({ name: 'late' });
    await world.start([late], 0);
    await world.untilFinished(job, 300_000);
    expect(correctResults(job)).toBe(units);
    expect(late.executed).toBeGreaterThanOrEqual(0.2 * (units - done.size));
    for (const unit of done)
      expect(world.wire.commits(job.id, unit).map(({ author }) => author)).not.toContain(late.key);
    expect(world.violations).toEqual([]);
  });

  it('a volunteer beside a submitter that computes nothing commits, waits, and says for what', async () => {
    const world = createWorld();
    const submitter = world.addPeer({ name: 'submitter', cores: 0 });
    const volunteer = world.addPeer({ name: 'volunteer' });
    await world.start();
    const job = await world.submit(submitter, { units: 3, tasksPerUnit: 4, unitMs: 1_000 });
    await world.run(20_000);
    expect(job.results.size).toBe(0);
    expect(volunteer.executed).toBe(3);
    expect(unitRow(job, 0).state).toBe('committed');
    const waiting = reasons(volunteer, job).find(({ code }) => code === 'waiting-for-quorum');
    expect(waiting).toMatchObject({ have: 1, need: 2 });
    const helper = world.addPeer({ name: 'helper' });
    await world.start([helper], 0);
    await world.untilFinished(job, 60_000);
    expect(correctResults(job)).toBe(3);
  });
});
