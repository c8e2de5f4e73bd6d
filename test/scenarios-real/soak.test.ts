/**
 * One repetition of the soak, with half the work: all three kernels, a liar, and a peer killed in each job. `npm run soak`
 * repeats it, with all of the work.
 */
import { expect, it } from 'vitest';
import { repeatOnce } from '../demonstration/repetition.ts';
import { openSwarm, TIMEOUT_MS } from './support.ts';

it('results equal those of a single machine', { timeout: TIMEOUT_MS }, async () => {
  const { jobs, failures } = await repeatOnce(1, 'small', openSwarm);
  expect(failures).toEqual([]);
  expect(jobs.map(({ kernel, equal }) => ({ kernel, equal }))).toEqual([
    { kernel: 'word-count', equal: true },
    { kernel: 'mandelbrot', equal: true },
    { kernel: 'prime-count', equal: true },
  ]);
  for (const { refuted, claimed, finishedByOthers } of jobs) {
    expect(refuted).toBeGreaterThan(0);
    expect(claimed).toBeGreaterThan(0);
    expect(finishedByOthers).toBe(claimed);
  }
});
