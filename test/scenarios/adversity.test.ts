/** Lossy links, churn and partitions: the job finishes, with the truth. */
import { describe, expect, it } from 'vitest';
import { createPeer } from '../../node/protocol/peer.ts';
import { DEFAULT_OPTIONS, plan, type Report, type SimulationOptions, simulate } from '../simulator/simulation.ts';

function run(options: Partial<SimulationOptions>): Promise<Report> {
  return simulate(
    plan({ ...DEFAULT_OPTIONS, peers: 12, units: 40, tasksPerUnit: 4, unitMs: 1_000, ...options }),
    createPeer,
  );
}

describe('adversity', () => {
  it.each([0, 0.1, 0.2, 0.3])('loss of %d', async (loss) => {
    const report = await run({ loss, liars: 0.1, seed: 11 });
    expect(report).toMatchObject({ outcome: 'ok', wrongAccepted: 0, units: { open: 0 } });
  });

  it.each([0.3, 0.9])('churn of %d a minute', async (churn) => {
    const report = await run({ churn, liars: 0.1, seed: 12 });
    expect(report.plan.faults.length).toBeGreaterThan(0);
    expect(report).toMatchObject({ outcome: 'ok', wrongAccepted: 0, units: { open: 0 } });
  });

  it('a partition into halves, and its end', async () => {
    const report = await run({ partitionMs: 15_000, seed: 13 });
    expect(report).toMatchObject({ outcome: 'ok', wrongAccepted: 0, units: { open: 0 } });
  });

  it('a third of liars, each in its own way', async () => {
    const report = await run({ liars: 0.33, seed: 14 });
    expect(report).toMatchObject({ outcome: 'ok', wrongAccepted: 0, units: { open: 0 } });
    expect(report.refutedAuthors).toBeGreaterThan(0);
  });

  it('some of everything', async () => {
    const share = { liars: 0.1, withholders: 0.1, copiers: 0.1, equivocators: 0.1, junk: 0.1 };
    const report = await run({ ...share, loss: 0.1, churn: 0.3, seed: 15 });
    expect(report).toMatchObject({ outcome: 'ok', wrongAccepted: 0, units: { open: 0 } });
  });
});

describe('the same seed', () => {
  const options = { peers: 8, units: 12, liars: 0.25, loss: 0.05, churn: 0.5, seed: 21 };

  it('gives the same trace, and the same report but for real time', async () => {
    const [first, second] = [await run(options), await run(options)];
    expect({ ...second, realMs: 0 }).toEqual({ ...first, realMs: 0 });
  });

  it('is what makes it so: another seed, or another fraction of liars, gives another trace', async () => {
    const hashes = [await run(options), await run({ ...options, seed: 22 }), await run({ ...options, liars: 0 })];
    expect(new Set(hashes.map(({ traceHash }) => traceHash)).size).toBe(3);
  });
});
