/** Why a kernel is not run. Every refusal has a code that programs test and a sentence that people read. */
import { CodedError } from '../runtime/coded-error.ts';

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

export class KernelRefusedError extends CodedError<KernelRefusalCode> {
  override readonly name = 'KernelRefusedError';
}

export function forbidFeature(feature: string): KernelRefusedError {
  return new KernelRefusedError(
    'forbidden-feature',
    `the kernel uses ${feature}, which this network does not run; build it without that feature`,
  );
}
