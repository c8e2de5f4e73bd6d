import { describe, expect, it } from 'vitest';
import { describeFault, drawFaults } from '../../simulator/faults.ts';
import { RandomStream } from '../../simulator/random.ts';
import { DEFAULT_OPTIONS, plan } from '../../simulator/simulation.ts';

describe('drawn faults', () => {
  const options = { peers: 50, churn: 0.3, partitionMs: 0, horizonMs: 600_000 };

  it('kill as many peers a minute as asked for, never the submitter', () => {
    const faults = drawFaults(options, RandomStream.seeded(1));
    expect(faults.length).toBeGreaterThan(110);
    expect(faults.length).toBeLessThan(190);
    for (const fault of faults) {
      if (fault.kind !== 'kill') throw new Error('not asked for');
      expect(fault.peer).toBeGreaterThan(0);
      expect(fault.peer).toBeLessThan(50);
      expect(fault.atMs).toBeLessThan(600_000);
    }
  });

  it('are the same for the same seed, and none where none are asked for', () => {
    expect(drawFaults(options, RandomStream.seeded(1))).toEqual(drawFaults(options, RandomStream.seeded(1)));
    expect(drawFaults(options, RandomStream.seeded(2))).not.toEqual(drawFaults(options, RandomStream.seeded(1)));
    expect(drawFaults({ ...options, churn: 0 }, RandomStream.seeded(1))).toEqual([]);
  });

  it('do not shift when a partition is added', () => {
    const kills = drawFaults(options, RandomStream.seeded(1));
    const both = drawFaults({ ...options, partitionMs: 10_000 }, RandomStream.seeded(1));
    expect(both.filter(({ kind }) => kind === 'kill')).toEqual(kills);
    const partition = both.find(({ kind }) => kind === 'partition')!;
    expect(partition.kind === 'partition' && partition.peers.length).toBe(25);
    expect(describeFault(partition)).toMatch(/25 peers cut off for 10\.0 s/);
  });
});

describe('plan', () => {
  it('gives each role its share, nobody two roles, and the submitter none', () => {
    const { roles } = plan({ ...DEFAULT_OPTIONS, peers: 100, liars: 0.2, copiers: 0.1, withholders: 0.05 });
    expect(roles.liars?.length).toBe(20);
    expect(roles.copiers?.length).toBe(10);
    expect(roles.withholders?.length).toBe(5);
    const all = Object.values(roles).flat();
    expect(new Set(all).size).toBe(35);
    expect(all).not.toContain(0);
  });
});
