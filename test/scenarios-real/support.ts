/** What the scenarios with real daemons have in common: a swarm that always ends, and jobs that take a known while. */
import { onTestFinished } from 'vitest';
import type { JobId } from '../../node/protocol/ids.ts';
import type { JobView } from '../../node/protocol/view.ts';
import { type CheckedPiece, primesPiece } from '../demonstration/pieces.ts';
import { Swarm, type SwarmPeer } from '../demonstration/swarm.ts';

/** Ends a hang, and nothing that is merely slow on a busy machine. */
export const TIMEOUT_MS = 300_000;

/** Stopped when the test ends, however it ends. */
export async function openSwarm(): Promise<Swarm> {
  const swarm = await Swarm.create();
  onTestFinished(() => swarm.stop());
  return swarm;
}

/** `units` units of about 50 ms each on a free core, times `heaviness`. */
export function primes(seed: number, units: number, heaviness = 1): CheckedPiece {
  const piece = primesPiece(seed, units * heaviness);
  return { ...piece, policy: { ...piece.policy, tasksPerUnit: 10 * heaviness } };
}

export async function viewOf({ client }: SwarmPeer, job: JobId): Promise<JobView | undefined> {
  const known = (await client.jobs()).some((row) => row.job === job);
  return known ? (await client.job(job)).view : undefined;
}

export async function resultEquals({ client }: SwarmPeer, job: JobId, piece: CheckedPiece): Promise<boolean> {
  return Buffer.compare(await client.result(job), piece.expected()) === 0;
}
