/** How merging outputs fails. Apart from what merges, so that whoever only has to name the error loads no sandbox. */
import type { ExecutionFailureCode } from '../protocol/effect.ts';

export type ReduceFailureCode =
  | ExecutionFailureCode
  | 'no-reduce'
  | 'trap'
  | 'out-of-fuel'
  | 'kernel-error'
  | 'output-too-large';

/** A merge that gave no output. */
export class ReduceError extends Error {
  override readonly name = 'ReduceError';
  readonly code: ReduceFailureCode;
  constructor(code: ReduceFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}
