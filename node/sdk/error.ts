/**
 * What can be wrong with a kernel, its arguments, its input or its outputs before the network is asked, or after it
 * has answered; and with a job once it is one. The code is for programs; the message is for people, names what was wrong and what to change.
 */
import { CodedError } from '../runtime/coded-error.ts';

export type SdkErrorCode =
  | 'manifest-invalid'
  | 'vectors-invalid'
  | 'argument-unknown'
  | 'argument-missing'
  | 'argument-invalid'
  | 'argument-out-of-range'
  | 'file-missing'
  | 'file-not-wanted'
  | 'file-empty'
  | 'file-malformed'
  | 'no-tasks'
  | 'task-size-invalid'
  | 'task-too-large'
  | 'kernel-too-large'
  | 'too-many-tasks-per-unit'
  | 'too-many-units'
  | 'unit-too-large'
  | 'output-too-large'
  | 'policy-invalid'
  | 'task-trapped'
  | 'result-malformed'
  | 'reduce-missing'
  | 'kernel-unknown'
  | 'kernel-refused'
  | 'quorum-too-low'
  /** The peer's own rules refused it; the message says which. */
  | 'job-refused'
  | 'job-unknown'
  | 'job-ambiguous'
  /** Submitted by another peer. */
  | 'job-not-own'
  | 'job-running'
  | 'job-failed'
  | 'job-cancelled'
  /** It has ended, and nothing can be changed about it any more. */
  | 'job-ended'
  | 'unit-unfinished'
  /** Nobody keeps the output any more. */
  | 'output-missing';

export class SdkError extends CodedError<SdkErrorCode> {
  override readonly name = 'SdkError';
}
