/**
 * An error with a code for programs beside its words for people. Each room has a class of its own with a closed set of
 * codes, so that whoever translates them is told by the compiler when one is missing.
 */
export class CodedError<Code extends string> extends Error {
  readonly code: Code;
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
