/** A kernel that takes its time, in steps of about a millisecond, and whose output depends on all of them. */
import { kernel } from './kernels.ts';

export function slowKernel(steps: number, roundsPerStep = 1_000_000): Uint8Array {
  return kernel({
    fields: `(global $left (mut i32) (i32.const ${steps})) (global $mix (mut i64) (i64.const 1)) (global $round (mut i32) (i32.const 0))`,
    init: '(global.get $left)',
    step: `(global.set $round (i32.const ${roundsPerStep}))
      (loop $more
        (global.set $mix (i64.add (i64.mul (global.get $mix) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
        (global.set $round (i32.sub (global.get $round) (i32.const 1)))
        (br_if $more (global.get $round)))
      (i64.store (i32.const 61440) (i64.xor (i64.load (i32.const 61440)) (global.get $mix)))
      (global.set $out_length (i32.const 8))
      (global.set $left (i32.sub (global.get $left) (i32.const 1)))
      (global.get $left)`,
  });
}
