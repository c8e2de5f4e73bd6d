/** Why nothing moves, as a peer says it of itself or of a job. */
import type { JobId } from '../../../../node/protocol/ids.ts';
import type { Reason } from '../../../../node/protocol/view.ts';
import type { Bench } from '../bench.ts';

/** Undefined where that is not among the reasons. */
export function reasonOf<C extends Reason['code']>(
  bench: Bench,
  code: C,
  job?: JobId,
): Extract<Reason, { code: C }> | undefined {
  const reasons = job === undefined ? bench.peer.view(bench.now).why : bench.peer.jobView(job, bench.now)!.why;
  return reasons.find((reason) => reason.code === code) as Extract<Reason, { code: C }> | undefined;
}
