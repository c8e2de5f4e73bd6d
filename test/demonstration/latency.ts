/** How long a lone tiny job takes on a network that is up already: from the submission to the result on disk. */
import { until } from '../support/daemon.ts';
import { primesPiece } from './pieces.ts';
import { submit } from './play.ts';
import type { SwarmPeer } from './swarm.ts';

export interface TinyRun {
  readonly elapsedMs: number;
  readonly label: string;
  /** Peers whose agreement made the result, the submitter not among them if all is well. */
  readonly authors: readonly string[];
}

/** One job of one unit of one task. Rejects when it takes longer than a minute. */
export async function runTinyJob(submitter: SwarmPeer, seed: number): Promise<TinyRun> {
  const piece = primesPiece(seed, 1);
  const startedAt = performance.now();
  const job = await submit(submitter, { ...piece, policy: { quorum: 2, taskSize: 100_000, tasksPerUnit: 1 } });
  const isDone = async () => (await submitter.client.progress(job)).outcome?.state === 'finished';
  await until('a tiny job to finish', isDone, 60_000, 20);
  const elapsedMs = performance.now() - startedAt;
  const { view, progress } = await submitter.client.job(job);
  if (Buffer.compare(await submitter.client.result(job), piece.expected()) !== 0) throw new Error('a wrong result');
  return { elapsedMs, label: progress!.label, authors: view!.unitRows[0]!.countedAuthors };
}

/** Of several values, the one that `fraction` of them do not exceed. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}
