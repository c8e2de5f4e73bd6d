import type { ExecutionFailureCode } from '../protocol/effect.ts';

/** This machine could not do it: never a result. */
export class SandboxFailure extends Error {
  override readonly name = 'SandboxFailure';
  readonly code: ExecutionFailureCode;
  constructor(code: ExecutionFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}
