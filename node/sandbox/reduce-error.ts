/** How merging outputs fails. Apart from what merges, so that whoever only has to name the error loads no sandbox. */
import type { ExecutionFailureCode } from '../protocol/effect.ts';
import { CodedError } from '../runtime/coded-error.ts';

export type ReduceFailureCode =
  | ExecutionFailureCode
  | 'no-reduce'
  | 'trap'
  | 'out-of-fuel'
  | 'kernel-error'
  | 'output-too-large';

/** A merge that gave no output. */
export class ReduceError extends CodedError<ReduceFailureCode> {
  override readonly name = 'ReduceError';
}
