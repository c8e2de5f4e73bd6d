/** One check for each row of the table of sources of nondeterminism; the names are the table's. */
import assert from 'node:assert/strict';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { assemble, type KernelParts, kernel, kernelText, outputI64 } from '../sandbox/kernels.ts';
import { NAN_PROGRAMS } from './nan-programs.ts';
import {
  both,
  type Check,
  depthOf,
  FUEL,
  firstByte,
  fuelOf,
  NONE,
  operandsOf,
  refuses,
  run,
  sections,
  timedOut,
  withCode,
  withMaximum,
  withoutMemory,
  words,
} from './probes.ts';
import { checkPrograms } from './program-probe.ts';

const RECURSION = (locals: string): KernelParts => ({
  fields: `(func $down (param $n i32) (result i32) ${locals}
    (i32.add (i32.const 1) (call $down (i32.add (local.get $n) (i32.const 1)))))`,
  init: '(call $down (i32.const 0))',
});

/** One per row of the table of sources; the names are the table's. */
export const ROWS: readonly Check[] = [
  {
    name: 'NaN sign and payload',
    run: (sandbox) => {
      both((mode) => {
        for (const [name, [parts, expected]] of Object.entries(NAN_PROGRAMS)) {
          assert.deepEqual(words(run(sandbox, parts, { mode })), expected, `NaNs by ${name}`);
        }
      });
    },
  },
  {
    name: 'constants that are computed with',
    run: (sandbox) => {
      // Engines that get these wrong are rarely at hand, so this looks at the code; `npm run determinism` runs it.
      const zeros = ['f64.min', 'f64.max', 'f32.min', 'f32.max'].map((name) => {
        const type = name.slice(0, 3);
        return `(drop (${name} (${type}.const 0) (${type}.neg (${type}.const 0))))`;
      });
      const signs = ['f64', 'f32'].map(
        (type) => `(drop (${type}.copysign (${type}.load (i32.const 0)) (${type}.const -1)))`,
      );
      const shift = '(drop (i32.shr_u (i32.const -1) (i32.const 33)))';
      const bytes = kernel({ init: `${zeros.join('')} ${signs.join('')} ${shift} (i32.const 0)` });
      both((mode) => {
        const found = operandsOf(
          sandbox.meter(bytes, { memoryPagesMax: 16, mode }),
          [0x76, 0x96, 0x97, 0x98, 0xa4, 0xa5, 0xa6],
        );
        assert.equal(found.length, 7);
        for (const operand of found) assert.equal(operand, 'local.get', `the last operand of one is ${operand}`);
      });
    },
  },
  {
    name: 'unknown proposals',
    run: (sandbox) => {
      refuses(sandbox, 'relaxed SIMD', withCode(0xfd, 0x80, 0x02), 'forbidden-feature');
      refuses(sandbox, 'an atomic load', withCode(0xfe, 0x10, 2, 0), 'forbidden-feature');
      refuses(sandbox, 'a shared memory', sections([5, [1, 3, 1, 2]]), 'forbidden-feature');
      refuses(sandbox, 'a 64-bit memory', sections([5, [1, 4, 1]]), 'forbidden-feature');
      refuses(sandbox, 'a second memory', sections([5, [2, 0, 1, 0, 1]]), 'forbidden-feature');
      refuses(sandbox, 'a tail call', withCode(0x12, 0), 'forbidden-feature');
      refuses(sandbox, 'table.grow', withCode(0xfc, 0x0f, 0), 'forbidden-feature');
      refuses(sandbox, 'an instruction nobody knows', withCode(0xff), 'forbidden-feature');
    },
  },
  {
    name: 'memory.grow',
    run: (sandbox) => {
      const grow = [2, 1, 5, -1, 0].map(
        (pages, i) => `(i64.store (i32.const ${61440 + 8 * i}) (i64.extend_i32_s (memory.grow (i32.const ${pages}))))`,
      );
      const init = `${grow.join('')} (global.set $out_length (i32.const 40)) (i32.const 0)`;
      const [one, three, four, no] = ['01', '03', '04', 'ff'].map((byte) => byte.padEnd(16, byte === 'ff' ? 'f' : '0'));
      both((mode) => {
        assert.deepEqual(words(run(sandbox, { init }, { pages: 4, mode })), [one, three, no, no, four]);
        assert.deepEqual(words(run(sandbox, { init, memory: '1 3' }, { mode })), [one, no, no, no, three]);
        // A memory that cannot have what the rewriter believes it may: this machine's failure, nobody's result.
        const bytes = sandbox.meter(kernel({ init: '(memory.grow (i32.const 1))' }), { memoryPagesMax: 4, mode });
        const limits = { fuelMax: FUEL, outputBytesMax: 8 };
        const short = new WebAssembly.Module(withMaximum(bytes, 4, 1));
        assert.throws(() => sandbox.runTask(short, NONE, NONE, 1, limits), { name: 'SandboxFailure' });
      });
    },
  },
  {
    name: 'stack overflow depth',
    run: (sandbox) => {
      both((mode) => {
        for (const [locals, least, most] of [
          ['', 1_500, 2_400],
          [`(local ${'i64 '.repeat(100)})`, 150, 240],
          [`(local ${'v128 '.repeat(100)})`, 80, 120],
        ] as const) {
          const depth = depthOf(sandbox, locals, mode);
          assert.ok(depth >= least && depth <= most, `recursion with "${locals.slice(0, 12)}" ends at ${depth} frames`);
        }
        assert.equal(run(sandbox, RECURSION(''), { mode }).trap, TRAP.trap);
      });
    },
  },
  {
    name: 'trap texts',
    run: (sandbox) => {
      const traps = [
        '(unreachable)',
        '(drop (i32.div_s (i32.const 1) (i32.const 0)))',
        '(drop (i32.load (i32.const -1)))',
      ];
      const results = traps.map((text) => run(sandbox, { init: `${text} (i32.const 0)` }));
      for (const { trap, output } of results) assert.deepEqual({ trap, output }, { trap: TRAP.trap, output: NONE });
    },
  },
  {
    name: 'memory after a trap',
    run: (sandbox) => {
      const init = '(global.set $out_length (i32.const 16)) (i32.store (i32.const 61440) (i32.const 7))';
      // Some engines write the part of a store that lies within the memory.
      const result = run(sandbox, { init: `${init} (i64.store (i32.const 65532) (i64.const -1)) (i32.const 0)` });
      assert.deepEqual({ trap: result.trap, output: result.output }, { trap: TRAP.trap, output: NONE });
      const error = run(sandbox, { init: `${init} (i32.const -1)` });
      assert.deepEqual({ trap: error.trap, output: error.output }, { trap: TRAP.kernelError, output: NONE });
    },
  },
  {
    name: 'imports, clock, random',
    run: (sandbox) => {
      for (const [module, name] of [
        ['env', 'seed'],
        ['wasi_snapshot_preview1', 'clock_time_get'],
        ['wasi_snapshot_preview1', 'random_get'],
      ] as const) {
        const text = kernelText({}).replace('(module', `(module (import "${module}" "${name}" (func (result i32)))`);
        refuses(sandbox, `the import ${module}.${name}`, assemble(text), 'forbidden-import');
      }
      checkPrograms(sandbox);
    },
  },
  {
    name: 'start function',
    run: (sandbox) => {
      both((mode) => {
        const endless = { fields: '(start $s) (func $s (loop $l (br $l)))' };
        assert.equal(run(sandbox, endless, { mode }).trap, TRAP.outOfFuel);
        const start = (extra: string): KernelParts => ({
          fields: `(global $seen (mut i64) (i64.const 0)) (start $s) (func $s (global.set $seen (i64.const 9)) ${extra})`,
          init: `${outputI64('(global.get $seen)')} (i32.const 0)`,
        });
        const [plain, longer] = [
          run(sandbox, start(''), { mode }),
          run(sandbox, start('(drop (i32.const 1))'), { mode }),
        ];
        assert.deepEqual(words(plain), ['0900000000000000']);
        assert.equal(longer.fuel, plain.fuel + 2);
      });
    },
  },
  {
    name: 'bulk memory operations',
    run: (sandbox) => {
      const fill = (length: number): KernelParts => ({
        init: `(memory.fill (i32.const 0) (i32.const 1) (i32.const ${length})) (i32.const 0)`,
      });
      both((mode) => {
        const base = run(sandbox, fill(0), { mode }).fuel;
        assert.equal(run(sandbox, fill(60_000), { mode }).fuel - base, 7_500);
        assert.equal(run(sandbox, fill(9), { mode }).fuel - base, 2);
        // It would trap if it were executed before it is paid.
        assert.equal(run(sandbox, fill(-1), { mode }).trap, TRAP.outOfFuel);
      });
      const unpaid = assemble(`(module (memory (export "memory") 1) (func (export "run") (param i32)
        (memory.fill (i32.const 0) (i32.const 7) (local.get 0))))`);
      both((mode) => assert.equal(firstByte(sandbox, unpaid, 60_000, mode), 0, 'it was executed before it was paid'));
      const copy = `(module (memory 1) (table 8 funcref) (elem func 0 0) (func (export "run") (param i32)
        (table.copy (i32.const 0) (i32.const 1) (local.get 0)) (memory.copy (i32.const 0) (i32.const 1) (local.get 0))))`;
      both((mode) =>
        assert.equal(fuelOf(sandbox, assemble(copy), 7, mode) - fuelOf(sandbox, assemble(copy), 0, mode), 15),
      );
    },
  },
  {
    name: 'no memory, wall clock',
    run: async (sandbox) => {
      withoutMemory(() => {
        const parts = { fuelMax: FUEL, outputBytesMax: 8 };
        const module = new WebAssembly.Module(
          sandbox.meter(kernel({}), { memoryPagesMax: 1, mode: 'merged' }) as Uint8Array<ArrayBuffer>,
        );
        assert.throws(() => sandbox.runTask(module, NONE, NONE, 1, parts), {
          name: 'SandboxFailure',
          code: 'out-of-memory',
        });
      });
      assert.deepEqual(await timedOut(sandbox), { type: 'failed', code: 'wall-clock' });
    },
  },
];
