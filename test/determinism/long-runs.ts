/**
 * Functions that run long without a loop and without calling what calls: how much they may run on an empty budget. Each
 * is run with a budget that is empty soon.
 */
import assert from 'node:assert/strict';
import { UNCHECKED_MAX } from '../../node/sandbox/unchecked-run.ts';
import { assemble } from '../sandbox/kernels.ts';
import { both, type Check, callRun, FUEL } from './probes.ts';

const BUDGET = 10_000;
/** In weights that can be counted nothing here costs more than two units of fuel for a byte of its code. */
const FUEL_PER_BYTE_MAX = 2;

/** Three bytes each, and two units of fuel. */
const straight = (bytes: number): string => '(drop (i32.const 1))'.repeat(Math.floor(bytes / 3));
const calls = '(call $leaf)'.repeat(4);

const again = '(if (local.get 0) (then (call $run (i32.sub (local.get 0) (i32.const 1)))))';

/** Of the exported function: its name, its body, and how often it calls itself before it goes on. */
const LONG_RUNS: readonly (readonly [name: string, body: string, argument: number])[] = [
  ['calls of what calls nothing', calls.repeat(100), 0],
  ['the same through a table', '(call_indirect (i32.const 0))'.repeat(400), 0],
  ['calls around ways not taken', `${calls} (if (local.get 0) (then ${calls}))`.repeat(100), 0],
  ['calls behind branches', `(block (br_table 0 0 (local.get 0))) ${calls}`.repeat(100), 0],
  ['calls in blocks that are left', `(block ${calls} (br_if 0 (i32.eqz (local.get 0))) ${calls})`.repeat(100), 0],
  ['what is left of many callers', `${again} ${straight(1.5 * UNCHECKED_MAX)}`, 40],
  // Too short for a look behind the call, and together with what has been called too long without one at the end.
  ['what is left of many callers that are short', `${again} ${straight(0.9 * UNCHECKED_MAX)}`, 60],
];

export const LONG_RUN: Check = {
  name: 'what runs on an empty budget',
  run: (sandbox) => {
    for (const [name, body, argument] of LONG_RUNS) {
      const bytes = assemble(`(module (table 1 funcref) (elem (i32.const 0) $leaf)
        (func $leaf ${straight(UNCHECKED_MAX / 8)})
        (func $run (export "run") (param i32) ${body}))`);
      const used: number[] = [];
      both((mode) => {
        const ample = callRun(sandbox, bytes, argument, mode, FUEL);
        assert.ok(ample.completed && ample.used > 20 * UNCHECKED_MAX, `${name}, ${mode}: not long, ${ample.used}`);
        assert.deepEqual(callRun(sandbox, bytes, argument, mode, ample.used), ample, `${name}, ${mode}: just enough`);
        const short = callRun(sandbox, bytes, argument, mode, BUDGET);
        assert.equal(short.completed, false, `${name}, ${mode}: nothing stops it`);
        const beyond = short.used - BUDGET;
        assert.ok(beyond > 0, `${name}, ${mode}: stopped with ${-beyond} left`);
        assert.ok(beyond <= 2 * FUEL_PER_BYTE_MAX * UNCHECKED_MAX, `${name}, ${mode}: ${beyond} more than there was`);
        used.push(ample.used);
      });
      assert.equal(used[1], used[0], `${name}: another fuel when merged`);
    }
  },
};
