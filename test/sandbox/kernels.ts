/** Small kernels in WebAssembly text, assembled by binaryen (which comes with AssemblyScript). */
import binaryen from 'binaryen';

/** With garbage collection allowed, the assembler gives a null a type of that proposal. */
export const WITHOUT_GC = binaryen.Features.All & ~binaryen.Features.GC;

/** Assembles a module. Nothing is optimised: what stands in the text is what is in the binary. */
export function assemble(text: string, features = binaryen.Features.All): Uint8Array {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(features);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

export interface KernelParts {
  /** Body of `shoal_init`: one i32. */
  readonly init?: string;
  /** Body of `shoal_step`, with the parameter `$n`: one i32. */
  readonly step?: string;
  /** Body of `shoal_reduce`; without it the kernel has none. */
  readonly reduce?: string;
  /** Further module fields. */
  readonly fields?: string;
  /** e.g. `1 16`, pages. */
  readonly memory?: string;
}

/**
 * A kernel whose input lies at 1024 (its length in `$length`), and whose output begins at 65,536 - 4,096 = 61,440
 * (its length in `$out_length`).
 */
export function kernelText({ init, step, reduce, fields, memory }: KernelParts): string {
  const merge = reduce === undefined ? '' : `(func (export "shoal_reduce") (result i32) ${reduce})`;
  return `(module
    (memory (export "memory") ${memory ?? '1'})
    (global $length (mut i32) (i32.const 0))
    (global $out_length (mut i32) (i32.const 0))
    (func (export "shoal_abi") (result i32) (i32.const 1))
    (func (export "shoal_alloc") (param $n i32) (result i32)
      (global.set $length (local.get $n)) (i32.const 1024))
    (func (export "shoal_init") (result i32) ${init ?? '(i32.const 0)'})
    (func (export "shoal_step") (param $n i32) (result i32) ${step ?? '(i32.const 0)'})
    (func (export "shoal_out_ptr") (result i32) (i32.const 61440))
    (func (export "shoal_out_len") (result i32) (global.get $out_length))
    ${merge}
    ${fields ?? ''})`;
}

export function kernel(parts: KernelParts): Uint8Array {
  return assemble(kernelText(parts));
}

/** Stores an i64 as the output. */
export function outputI64(expression: string): string {
  return `(i64.store (i32.const 61440) ${expression}) (global.set $out_length (i32.const 8))`;
}

/** Adds up the bytes of the task input, behind four bytes of length and no parameters, one byte a step. */
export const sumKernel = kernelText({
  fields: `(global $at (mut i32) (i32.const 0))
    (func (export "spare") (param i64) (result i64) (local.get 0))`,
  init: `(global.set $at (i32.const 4)) (global.set $out_length (i32.const 8))
    (i32.sub (global.get $length) (i32.const 4))`,
  step: `(loop $more
      (if (i32.and (i32.lt_u (global.get $at) (global.get $length)) (i32.gt_s (local.get $n) (i32.const 0)))
        (then
          (i64.store (i32.const 61440) (i64.add (i64.load (i32.const 61440))
            (i64.load8_u (i32.add (i32.const 1024) (global.get $at)))))
          (global.set $at (i32.add (global.get $at) (i32.const 1)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $more))))
    (i32.sub (global.get $length) (global.get $at))`,
  reduce: outputI64('(i64.extend_i32_u (i32.load (i32.const 1028)))').concat(' (i32.const 0)'),
});
