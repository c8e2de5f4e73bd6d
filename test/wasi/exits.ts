/**
 * Programs that the host ends within nested calls, and the fuel each has used by then, counted by hand: what has run in
 * every caller, and nothing of what stands behind the calls.
 */

import { WASI_FUEL } from '../../node/sandbox/wasi/table.ts';
import type { Weights } from '../../node/sandbox/weights.ts';

export interface ExitingProgram {
  readonly name: string;
  readonly text: string;
  /** Calls on the stack when it ends, `_start` included. */
  readonly levels: number;
  readonly fuel: number;
}

const HOST =
  '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1) (table 2 funcref) (elem (i32.const 0) $down $exit)';

/** What callers do next if they are returned to; none of it ever runs. */
const TAILS: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['straight code', '(drop (i32.const 1))'.repeat(50)],
  ['a branch', `(if (local.get 0) (then ${'(drop (i32.const 1))'.repeat(9)}) (else (drop (i32.const 2))))`],
  [
    'a loop',
    '(loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (i32.gt_s (local.get 0) (i32.const 0))))',
  ],
  ['another way out', '(br_if 0 (i32.eqz (local.get 0))) (drop (i32.const 1)) (return)'],
];

const LEVELS = [2, 9];

/** `classes` are those of the weights the programs are metered with. */
export function exitingPrograms({ classes, functionEntry }: Weights): readonly ExitingProgram[] {
  const { operand, integer, branch, call } = classes;
  const host = call + WASI_FUEL.call;
  return LEVELS.flatMap((levels) =>
    TAILS.flatMap(([tail, text]) =>
      (['direct', 'through a table', 'in a loop'] as const).map((way) => {
        const next = '(i32.sub (local.get 0) (i32.const 1))';
        const called = {
          direct: `(call $down ${next})`,
          'through a table': `(call_indirect (type $one) ${next} (i32.const 0))`,
          'in a loop': `(loop $again (call $down ${next}) (br_if $again (local.get 0)))`,
        }[way];
        const byTable = way === 'through a table' ? classes['call-indirect'] - call + operand : 0;
        // if (n == 0) exit(0); else down(n - 1)
        const level = functionEntry + operand + branch + 2 * operand + integer + call + byTable;
        const last = functionEntry + operand + branch + operand + host;
        return {
          name: `${levels} levels, ${way}, then ${tail}`,
          text: `(module (type $one (func (param i32))) ${HOST}
            (func $down (param i32)
              (if (local.get 0) (then ${called} ${text}) (else (call $exit (i32.const 0)))) ${text})
            (func (export "_start") (local i32) (call $down (i32.const ${levels - 2})) ${text}))`,
          levels,
          fuel: functionEntry + 1 + operand + call + (levels - 2) * level + last,
        };
      }),
    ),
  );
}
