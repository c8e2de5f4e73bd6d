/**
 * Which results give way when those kept become too many bytes: of the jobs that ended longest ago, whole results, until
 * the rest fits. The latest one always stays, since its owner has just waited for it; its size is bounded by the blocks
 * it was joined from, which had to fit beside each other. Nobody but the owner is promised a result, so that nothing
 * here is owed to the network; what is, are blocks, and those stay while a job pins them (`runtime/kept-blocks.ts`).
 */
import type { JobId } from '../../protocol/ids.ts';
import type { JobNote } from './note.ts';

export function resultsToDrop(notes: readonly JobNote[], bytesMax: number): readonly JobId[] {
  const kept = notes
    .flatMap(({ job, outcome, resultDropped }) =>
      outcome?.state === 'finished' && resultDropped !== true
        ? [{ job, endedAtMs: outcome.endedAtMs, bytes: outcome.byteLength }]
        : [],
    )
    .sort((a, b) => a.endedAtMs - b.endedAtMs);
  let excess = kept.reduce((sum, { bytes }) => sum + bytes, 0) - bytesMax;
  const dropped: JobId[] = [];
  for (const { job, bytes } of kept.slice(0, -1)) {
    if (excess <= 0) break;
    dropped.push(job);
    excess -= bytes;
  }
  return dropped;
}
