/**
 * The gate a sandbox has to pass, as functions that take the sandbox: the product's own passes them all, and every
 * sandbox with a mistake put in must fail at least one. A check returns nothing, or throws an error that says what is
 * wrong. The first ones close the rows of the table of sources of nondeterminism, one each.
 */
import assert from 'node:assert/strict';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { compareModule } from '../fuzz/compare.ts';
import { runsOn } from '../fuzz/endless.ts';
import { compareExpressions } from '../fuzz/expressions.ts';
import { compareStores } from '../fuzz/stores.ts';
import { assemble, type KernelParts, kernel, sumKernel, WITHOUT_GC } from '../sandbox/kernels.ts';
import { tableOf } from '../sandbox/modules-at-limits.ts';
import { COUNTABLE } from '../sandbox/run.ts';
import { exitingPrograms } from '../wasi/exits.ts';
import { CONTINUATION } from './continuation.ts';
import { LONG_RUN } from './long-runs.ts';
import { both, type Check, callRun, FUEL, fuelOf, NONE, refuses, run, sections, withCode } from './probes.ts';
import { ROWS } from './rows.ts';
import type { Sandbox } from './test-build.ts';

const WASI_ABI = 2;
const HAND_COUNTS: readonly (readonly [string, string, number, number])[] = [
  ['straight code', '(drop (f64.div (f64.const 1) (f64.const 3)))', 0, 2 + 1 + 1 + 4 + 1],
  ['a loop', '(loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))', 10, 2 + 5 * 10],
  ['one side', '(if (local.get 0) (then (drop (i32.load (i32.const 0)))))', 1, 2 + 2 + 4],
  ['no side', '(if (local.get 0) (then (drop (i32.load (i32.const 0)))))', 0, 2 + 2],
  ['an early return', '(br_if 0 (local.get 0)) (drop (i32.const 1)) (return)', 1, 2 + 2],
  ['the way on', '(br_if 0 (local.get 0)) (drop (i32.const 1)) (return)', 0, 2 + 2 + 3],
  [
    'a loop left in the middle',
    `(block $out (loop $l (br_if $out (i32.eqz (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br $l)))`,
    5,
    2 + 6 * 3 + 5 * 5,
  ],
  ['a call', '(call $callee)', 0, 2 + 4 + 2 + 2 + 2],
  ['a growth', '(drop (memory.grow (i32.const 2)))', 0, 2 + 1 + 16 + 2 * 4_096 + 1],
];

/** What else the sandbox promises; these catch mistakes in the rewriter itself. */
export const GATE: readonly Check[] = [
  ...ROWS,
  {
    name: 'fuel counted by hand',
    run: (sandbox) => {
      for (const [name, body, argument, expected] of HAND_COUNTS) {
        const bytes = assemble(`(module (memory 1) (func $callee (local i32 i32 i32 i32 i32) (drop (i32.const 1)))
          (func (export "run") (param i32) ${body}))`);
        both((mode) => assert.equal(fuelOf(sandbox, bytes, argument, mode), expected, `fuel of ${name}, ${mode}`));
      }
    },
  },
  {
    name: 'out of fuel at every point',
    run: (sandbox) => {
      const bytes = assemble(sumKernel);
      const input = Uint8Array.of(1, 2, 3, 4, 5);
      both((mode) => {
        const module = new WebAssembly.Module(
          sandbox.meter(bytes, { memoryPagesMax: 4, mode }) as Uint8Array<ArrayBuffer>,
        );
        const task = (fuelMax: number) => sandbox.runTask(module, NONE, input, 2, { fuelMax, outputBytesMax: 8 });
        const full = task(FUEL);
        assert.deepEqual([...full.output], [15, 0, 0, 0, 0, 0, 0, 0]);
        assert.deepEqual(task(full.fuel), full);
        for (let fuelMax = 1; fuelMax < full.fuel; fuelMax++) {
          assert.deepEqual(task(fuelMax), { trap: TRAP.outOfFuel, fuel: fuelMax, output: NONE });
        }
      });
    },
  },
  {
    name: 'nothing runs for ever',
    run: (sandbox) => {
      both((mode) => {
        for (const parts of [
          { init: '(loop $l (br $l)) (i32.const 0)' },
          { init: '(loop $l (block (br $l))) (i32.const 0)' },
          { init: '(loop $l (block (block (br_if $l (i32.const 1))))) (i32.const 0)' },
          { init: '(loop $l (br_table $l $l (i32.const 0))) (i32.const 0)' },
          { init: '(loop $l (br_if $l (i32.const 1))) (i32.const 0)' },
          { init: '(i32.const 1)', step: '(i32.const 1)' },
          {
            fields: `(func $f (param i32) (if (local.get 0) (then
              (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))`,
            init: '(call $f (i32.const 60)) (i32.const 0)',
          },
        ] satisfies KernelParts[]) {
          const result = run(sandbox, parts, { fuelMax: 100_000, mode });
          assert.deepEqual(result, { trap: TRAP.outOfFuel, fuel: 100_000, output: NONE });
        }
      });
    },
  },
  LONG_RUN,
  {
    name: 'a trap costs what was put back',
    run: (sandbox) => {
      const parts = {
        fields: '(func $leaf)',
        init: `${'(call $leaf)'.repeat(100)} (unreachable)`,
      };
      both((mode) => {
        const { trap, fuel } = run(sandbox, parts, { mode });
        assert.equal(trap, TRAP.trap);
        // A hundred calls of weight 4 and bodies of 2, and little else.
        assert.ok(fuel >= 600 && fuel < 640, `it cost ${fuel}`);
      });
    },
  },
  {
    name: 'a program that exits within calls',
    run: (sandbox) => {
      const options = { memoryPagesMax: 1, allowImport: sandbox.importsOf(WASI_ABI), weights: COUNTABLE };
      for (const { name, text, fuel } of exitingPrograms(COUNTABLE)) {
        const bytes = assemble(text, WITHOUT_GC);
        both((mode) => {
          const module = new WebAssembly.Module(sandbox.meter(bytes, { ...options, mode }) as Uint8Array<ArrayBuffer>);
          const limits = { fuelMax: FUEL, outputBytesMax: 8 };
          const result = sandbox.runProgram(module, NONE, NONE, limits, () => NONE);
          assert.deepEqual([result.trap, result.fuel], [TRAP.none, fuel], `${name}, ${mode}`);
        });
      }
    },
  },
  {
    name: 'what calls are told is left',
    run: (sandbox) => {
      const heavy = '(drop (i32.const 1))'.repeat(40);
      // The last round leaves the loop behind the call, without what comes after it.
      const enough = assemble(`(module (func $leaf) (func $checked (call $leaf))
        (func (export "run") (param i32) (block $out (loop $l
          (if (i32.and (local.get 0) (i32.const 1)) (then (drop (i32.const 1))))
          (call $checked)
          (br_if $out (i32.eqz (local.get 0)))
          ${heavy} (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br $l)))))`);
      // What stands before the call has run when the callee traps.
      const owed = assemble(`(module (func $stop (unreachable))
        (func (export "run") (param i32) ${heavy} (call $stop)
          (if (local.get 0) (then (drop (i32.const 1)))) (drop (i32.const 1))))`);
      both((mode) => {
        const ample = callRun(sandbox, enough, 3, mode, FUEL);
        assert.deepEqual(ample.completed, true);
        assert.deepEqual(callRun(sandbox, enough, 3, mode, ample.used), ample, `exactly ${ample.used} is not enough`);
        const trapped = callRun(sandbox, owed, 1, mode, FUEL);
        assert.ok(!trapped.completed && trapped.used >= 2 + 80 + 4, `a trap costs ${trapped.used}, ${mode}`);
      });
    },
  },
  {
    name: 'limits on the module',
    run: (sandbox) => {
      refuses(
        sandbox,
        'an export with our name',
        assemble(sumKernel.replace('"spare"', '"shoal:fuel"')),
        'reserved-export',
      );
      refuses(sandbox, 'a refuelling kernel', withCode(0x42, 0, 0x24, 0), 'invalid');
      refuses(sandbox, 'a function without a body', sections([1, [1, 0x60, 0, 0]], [3, [1, 0]]), 'invalid');
      // 65,521 labels: one more than some engines take, and the engine here would say so with another code.
      const labels = [0x41, 0, 0x0e, 0xf1, 0xff, 0x03].concat(new Array<number>(65_522).fill(0));
      refuses(sandbox, 'a br_table with too many labels', withCode(...labels), 'too-large');
      refuses(
        sandbox,
        'data outside memory',
        kernel({ fields: '(data (i32.const 65530) "1234567")' }),
        'segment-out-of-bounds',
      );
      refuses(sandbox, 'a huge table', kernel({ fields: '(table 2000000 funcref)' }), 'table-too-large');
      refuses(sandbox, 'a table that may be huge', tableOf(1, 10_000_001), 'table-too-large');
      refuses(
        sandbox,
        'many locals',
        sections([1, [1, 0x60, 0, 0]], [3, [1, 0]], [10, [1, 6, 1, 0xd0, 0x86, 3, 0x7f, 0x0b]]),
        'too-many-locals',
      );
      const metered = () => sandbox.meter(kernel({ memory: '3' }), { memoryPagesMax: 2, mode: 'merged' });
      assert.throws(metered, { code: 'memory-too-large' });
    },
  },
  {
    name: 'NaNs that are handed on',
    run: (sandbox) => {
      for (let seed = 0; seed < 60; seed++) assert.equal(compareExpressions(seed, sandbox, 'merged'), undefined);
    },
  },
  {
    name: 'NaNs that are stored one after the other',
    run: (sandbox) => {
      for (let seed = 0; seed < 100; seed++) assert.equal(compareStores(seed, sandbox, 'merged'), undefined);
    },
  },
  {
    name: 'generated modules that run on',
    run: (sandbox) => {
      for (let seed = 0; seed < 300; seed++)
        both((mode) => assert.equal(runsOn(seed, sandbox, mode), undefined, `seed ${seed}`));
    },
  },
  {
    name: 'generated modules',
    run: (sandbox) => {
      for (let seed = 0; seed < 150; seed++) {
        const { difference } = compareModule(seed, sandbox);
        assert.equal(difference, undefined, `seed ${seed}`);
      }
    },
  },
  CONTINUATION,
];

/** The first check that fails and what it says; undefined if all pass. */
export async function firstFailure(
  sandbox: Sandbox,
  checks: readonly Check[],
  begin: (check: string) => void = () => undefined,
): Promise<{ readonly check: string; readonly message: string } | undefined> {
  for (const { name, run } of checks) {
    begin(name);
    try {
      await run(sandbox);
    } catch (error) {
      return { check: name, message: (error instanceof Error ? error.message : String(error)).split('\n')[0]! };
    }
  }
  return undefined;
}
