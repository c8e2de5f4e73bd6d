/** Why a kernel is not run. Every refusal has a code that programs test and a sentence that people read. */
export type KernelRefusalCode =
  | 'not-wasm'
  | 'invalid'
  | 'too-large'
  | 'forbidden-import'
  | 'forbidden-feature'
  | 'reserved-export'
  | 'too-many-locals'
  | 'function-too-large'
  | 'nesting-too-deep'
  | 'table-too-large'
  | 'memory-too-large'
  | 'segment-out-of-bounds'
  | 'missing-export'
  | 'wrong-abi-signature'
  | 'unknown-version';

export class KernelRefusedError extends Error {
  override readonly name = 'KernelRefusedError';
  readonly code: KernelRefusalCode;
  constructor(code: KernelRefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function forbidFeature(feature: string): KernelRefusedError {
  return new KernelRefusedError(
    'forbidden-feature',
    `the kernel uses ${feature}, which this network does not run; build it without that feature`,
  );
}
