/**
 * The gate a sandbox has to pass, as functions that take the sandbox: the product's own passes them all, and every
 * sandbox with a mistake put in must fail at least one. A check returns nothing, or throws an error that says what is
 * wrong. The first ones close the rows of the table of sources of nondeterminism, one each.
 */
import assert from 'node:assert/strict';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { compareModule } from '../fuzz/compare.ts';
import { assemble, type KernelParts, kernel, kernelText, outputI64, sumKernel } from '../sandbox/kernels.ts';
import type { Sandbox, TaskResult } from './test-build.ts';

export const MODES = ['simple', 'merged'] as const;
type Mode = (typeof MODES)[number];

export interface Check {
  readonly name: string;
  run(sandbox: Sandbox): void | Promise<void>;
}

const FUEL = 1_000_000;
const NONE = new Uint8Array(0);

interface Options {
  readonly fuelMax?: number;
  readonly pages?: number;
  readonly mode?: Mode;
}

function runBytes(sandbox: Sandbox, bytes: Uint8Array, options: Options = {}): TaskResult {
  const { fuelMax = FUEL, pages = 16, mode = 'merged' } = options;
  const metered = sandbox.meter(bytes, { memoryPagesMax: pages, mode });
  const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
  return sandbox.runTask(module, NONE, NONE, 1, { fuelMax, outputBytesMax: 4_096 });
}

function run(sandbox: Sandbox, parts: KernelParts, options: Options = {}): TaskResult {
  return runBytes(sandbox, kernel(parts), options);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function words(result: TaskResult): readonly string[] {
  return hex(result.output).match(/.{16}/g) ?? [];
}

function both(check: (mode: Mode) => void): void {
  for (const mode of MODES) check(mode);
}

function refuses(sandbox: Sandbox, what: string, bytes: Uint8Array, code: string): void {
  for (const look of [
    () => sandbox.inspect(bytes),
    () => sandbox.meter(bytes, { memoryPagesMax: 16, mode: 'merged' }),
  ]) {
    try {
      look();
    } catch (error) {
      assert.equal((error as { code?: string }).code, code, `${what} is refused as something else: ${error}`);
      return;
    }
  }
  assert.fail(`${what} is not refused`);
}

/** A module out of raw sections. */
function sections(...parts: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...parts.flatMap(([id, bytes]) => [id, bytes.length, ...bytes]),
  ]);
}

function withCode(...code: readonly number[]): Uint8Array {
  const items = [1, code.length + 2, 0, ...code, 0x0b];
  return sections([1, [1, 0x60, 0, 0]], [3, [1, 0]], [5, [1, 0, 1]], [10, items]);
}

const NAN64 = '000000000000f87f';
const NAN32X2 = '0000c07f0000c07f';

/** Each stores NaNs the engine made in its own way: with the sign set on x86, with payloads of operands. */
export const NAN_PROGRAMS: Readonly<Record<string, readonly [KernelParts, readonly string[]]>> = {
  'a sign': [
    { init: outputI64('(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))').concat('(i32.const 0)') },
    [NAN64],
  ],
  'a payload': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (f64.add (f64.const 1) (f64.reinterpret_i64 (i64.const 0xfff4567812345678))))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'f32 lanes': [
    {
      init: `(v128.store (i32.const 61440) (f32x4.div (v128.const f32x4 0 0 0 0) (v128.const f32x4 0 0 0 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    [NAN32X2, NAN32X2],
  ],
  'f64 lanes': [
    {
      init: `(v128.store (i32.const 61440) (f64x2.sqrt (v128.const f64x2 -1 -1)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    [NAN64, NAN64],
  ],
  'an integer mask': [
    {
      init: `(v128.store (i32.const 61440) (i32x4.eq (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 0 3 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['ffffffff00000000', 'ffffffff00000000'],
  ],
  'a local, a copy, and a call': [
    {
      fields: '(func $pass (param f64) (result f64) (local.get 0))',
      init: `(local $a f64) (local $b f64) (local.set $a (f64.sqrt (f64.const -1))) (local.set $b (local.get $a))
        ${outputI64('(i64.reinterpret_f64 (call $pass (local.get $b)))')} (i32.const 0)`,
    },
    [NAN64],
  ],
  'a select': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (select (f64.sub (f64.const inf) (f64.const inf)) (f64.const 0) (i32.const 1)))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'a branch': [
    {
      init: outputI64(
        '(i64.reinterpret_f64 (block (result f64) (drop (br_if 0 (f64.sqrt (f64.const -1)) (i32.const 1))) (f64.const 0)))',
      ).concat('(i32.const 0)'),
    },
    [NAN64],
  ],
  'f32 lanes read as an f64': [
    {
      init: `(local $v v128) (local.set $v (f32x4.div (v128.const f32x4 -0 0 0 -0) (v128.const f32x4 0 0 0 0)))
        (v128.store (i32.const 61440) (f64x2.gt (local.get $v) (v128.const f64x2 0 0)))
        (global.set $out_length (i32.const 16)) (i32.const 0)`,
    },
    ['ffffffffffffffff', 'ffffffffffffffff'],
  ],
  'a global': [
    {
      fields: '(global $g (mut f64) (f64.const 0))',
      init: `(global.set $g (f64.mul (f64.const inf) (f64.const 0)))
        ${outputI64('(i64.reinterpret_f64 (global.get $g))')} (i32.const 0)`,
    },
    [NAN64],
  ],
};

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

function fuelOf(sandbox: Sandbox, bytes: Uint8Array, argument: number, mode: Mode): number {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global;
  fuel.value = BigInt(FUEL);
  (exports.run as (value: number) => unknown)(argument);
  return FUEL - Number(fuel.value);
}

/** First byte of memory behind a call with little fuel. */
function firstByte(sandbox: Sandbox, bytes: Uint8Array, argument: number, mode: Mode): number {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  (exports['shoal:fuel'] as WebAssembly.Global).value = 100n;
  assert.throws(() => (exports.run as (value: number) => unknown)(argument), WebAssembly.RuntimeError);
  return new Uint8Array((exports.memory as WebAssembly.Memory).buffer)[0]!;
}

function callRun(
  sandbox: Sandbox,
  bytes: Uint8Array,
  argument: number,
  mode: Mode,
  fuelMax: number,
): { readonly completed: boolean; readonly used: number } {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global;
  fuel.value = BigInt(fuelMax);
  let completed = true;
  try {
    (exports.run as (value: number) => unknown)(argument);
  } catch {
    completed = false;
  }
  return { completed, used: fuelMax - Number(fuel.value) };
}

/** Frames until the limit: the deepest recursion that completes. */
function depthOf(sandbox: Sandbox, locals: string, mode: Mode): number {
  const text = `(module (func $run (export "run") (param i32) (result i32) ${locals}
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $run (i32.sub (local.get 0) (i32.const 1))))))`;
  const bytes = assemble(text);
  let [low, high] = [0, 4_000];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    try {
      fuelOf(sandbox, bytes, middle, mode);
      low = middle;
    } catch (error) {
      assert.ok(error instanceof WebAssembly.RuntimeError, `not a trap of ours: ${error}`);
      high = middle - 1;
    }
  }
  return low;
}

/** The memory's own maximum lowered behind the rewriter's back. */
function withMaximum(metered: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(metered);
  const section = [0x05, 0x04, 0x01, 0x01, 0x01, from];
  const at = changed.findIndex((_, index) => section.every((byte, offset) => changed[index + offset] === byte));
  assert.ok(at >= 0, 'the memory has another maximum than the job allows');
  changed[at + 5] = to;
  return changed;
}

/** While `body` runs, no instance can be made. */
function withoutMemory(body: () => void): void {
  const { Instance } = WebAssembly;
  try {
    Object.assign(WebAssembly, {
      Instance: class {
        constructor() {
          throw new RangeError('WebAssembly.Instance(): Out of memory');
        }
      },
    });
    body();
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
}

/** What a question gets whose worker never answers. */
async function timedOut({ WorkerQueue }: Sandbox): Promise<{ type: string; code: string | undefined }> {
  const workers = new WorkerQueue(
    (listener) => {
      queueMicrotask(() => listener.reply({ type: 'ready' }));
      return { post: () => undefined, terminate: async () => undefined };
    },
    (_, callback) => {
      const timer = setTimeout(callback, 0);
      return () => clearTimeout(timer);
    },
    1,
  );
  const reply = await new Promise<{ type: string; code?: string }>((resolve, reject) => {
    const overdue = setTimeout(() => reject(new Error('a worker that never answers is waited for without end')), 5_000);
    workers.run(
      async (lease) => {
        resolve(await lease.ask({ type: 'inspect', bytes: NONE }, 1));
        clearTimeout(overdue);
      },
      (failure) => resolve(failure),
    );
  });
  await workers.close();
  return { type: reply.type, code: reply.code };
}

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
      refuses(
        sandbox,
        'data outside memory',
        kernel({ fields: '(data (i32.const 65530) "1234567")' }),
        'segment-out-of-bounds',
      );
      refuses(sandbox, 'a huge table', kernel({ fields: '(table 2000000 funcref)' }), 'table-too-large');
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
    name: 'generated modules',
    run: (sandbox) => {
      for (let seed = 0; seed < 150; seed++) {
        const { difference } = compareModule(seed, sandbox);
        assert.equal(difference, undefined, `seed ${seed}`);
      }
    },
  },
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
