/** The hold follows the measured round trips: short on a LAN, long across the world, and reveals really wait for it. */
import { describe, expect, it } from 'vitest';
import { testParameters } from '../../node/protocol/parameters.ts';
import { holds } from '../simulator/simulation.ts';
import type { World } from '../simulator/world.ts';
import { addHonest, correctResults, createWorld } from './support.ts';

async function measure(linkMs: number): Promise<{ world: World; told: number; measured: number }> {
  const world = createWorld({ parameters: testParameters('hold'), link: { linkMs } });
  const { submitter } = addHonest(world, 'submitter', 'a', 'b', 'c');
  await world.start(world.peers, 10_000);
  const job = await world.submit(submitter, { units: 12, tasksPerUnit: 4, unitMs: 2_000 });
  await world.untilFinished(job, 120_000);
  expect(correctResults(job)).toBe(12);
  expect(world.violations).toEqual([]);
  const { medianMs, measuredMedianMs } = holds(world, job, 2);
  return { world, told: medianMs, measured: measuredMedianMs! };
}

describe('the hold', () => {
  it.each([
    [1, 20, 40],
    [50, 200, 1_200],
    [500, 2_000, 3_000],
  ])('at links of %i ms lies between %i and %i ms, and first reveals come after it', async (linkMs, min, max) => {
    const { told, measured } = await measure(linkMs);
    expect(told).toBeGreaterThanOrEqual(min);
    expect(told).toBeLessThanOrEqual(max);
    // Peers differ in what they have measured by then, most of all those with few pings so far.
    expect(measured).toBeGreaterThan(0.6 * told);
    expect(measured).toBeLessThan(1.5 * told + 4 * linkMs + 50);
  });
});
