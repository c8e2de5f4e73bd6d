import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../simulator/random.ts';

function draws(stream: RandomStream, count: number): number[] {
  return Array.from({ length: count }, () => stream.next());
}

describe('seeded random', () => {
  it('gives the same numbers for the same seed, others for another', () => {
    expect(draws(RandomStream.seeded(7), 20)).toEqual(draws(RandomStream.seeded(7), 20));
    expect(draws(RandomStream.seeded(7), 20)).not.toEqual(draws(RandomStream.seeded(8), 20));
  });

  it('keeps a named stream the same, whatever else is drawn', () => {
    const plain = RandomStream.seeded(1).fork('faults');
    const busy = RandomStream.seeded(1);
    draws(busy, 1_000);
    draws(busy.fork('links'), 10);
    expect(draws(busy.fork('faults'), 20)).toEqual(draws(plain, 20));
    expect(draws(RandomStream.seeded(1).fork('liars'), 20)).not.toEqual(
      draws(RandomStream.seeded(1).fork('faults'), 20),
    );
  });

  it('is uniform enough', () => {
    const sample = draws(RandomStream.seeded(3), 20_000);
    for (let decile = 0; decile < 10; decile++) {
      const share = sample.filter((x) => x >= decile / 10 && x < (decile + 1) / 10).length / sample.length;
      expect(share).toBeGreaterThan(0.09);
      expect(share).toBeLessThan(0.11);
    }
  });

  it('draws log-normal with the median asked for, and exponential with the mean', () => {
    const stream = RandomStream.seeded(4);
    const logNormal = Array.from({ length: 10_001 }, () => stream.logNormal(2_000, 0.5)).sort((a, b) => a - b);
    expect(logNormal[5_000]).toBeGreaterThan(1_950);
    expect(logNormal[5_000]).toBeLessThan(2_050);
    const exponential = Array.from({ length: 10_000 }, () => stream.exponential(100));
    const mean = exponential.reduce((sum, x) => sum + x, 0) / exponential.length;
    expect(mean).toBeGreaterThan(96);
    expect(mean).toBeLessThan(104);
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 100 }, (_, i) => i);
    const shuffled = RandomStream.seeded(5).shuffled(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });
});
