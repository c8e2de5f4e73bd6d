/** Two repetitions of the soak, with half the work: all three kernels, a liar, and a peer killed in each job. */
import { expect, it } from 'vitest';
import { repeatOnce } from '../demonstration/repetition.ts';
import { TIMEOUT_MS } from './support.ts';

it.each([1, 2])('results equal those of a single machine, seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
  const { jobs, failures } = await repeatOnce(seed, 'small');
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
