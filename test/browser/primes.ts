/** A job that any number of peers can share, and what its result must be. */
import { countPrimes, primesAsBytes } from '../demonstration/count-primes.ts';
import type { RunningDaemon } from '../support/daemon.ts';

/** Primes from 0 on, `units` units of 10 tasks each. */
export async function submitPrimes(
  daemon: RunningDaemon,
  { units, taskSize, policy = {} }: { units: number; taskSize: number; policy?: object },
): Promise<{ readonly job: string; readonly expected: () => Buffer }> {
  const to = units * taskSize * 10;
  const { job } = await daemon.api<{ job: string }>('jobs', {
    kernel: { name: 'prime-count' },
    arguments: { to: String(to) },
    policy: { quorum: 2, ownResults: 'never', taskSize, tasksPerUnit: 10, ...policy },
  });
  return { job, expected: () => Buffer.from(primesAsBytes(countPrimes(0, to))) };
}
