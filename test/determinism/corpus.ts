/** What every engine has to agree on: real tasks of the kernels, and modules that look for ways to tell engines apart. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseManifest } from '../../node/sdk/manifest.ts';
import { parseVectors } from '../../node/sdk/vectors.ts';
import { generateModule } from '../fuzz/generator.ts';
import { GAME_PAGES, GAMES } from '../sandbox/games.ts';
import { assemble, type KernelParts, kernel, outputI64, sumKernel, WITHOUT_GC } from '../sandbox/kernels.ts';
import { AT_THE_LIMIT } from '../sandbox/modules-at-limits.ts';
import { type ProgramName, programArguments, readProgram } from '../wasi/programs.ts';
import { continuedKernels } from './continuation.ts';
import { type Entry, runEntries } from './engine.ts';
import { NAN_PROGRAMS } from './nan-programs.ts';
import { operatorModules } from './operator-modules.ts';
import { packageRoot } from './test-build.ts';

const GENERATED = 150;
const GAME_FUEL = 1_000_000;
/** In hex. */
const GAME_DIGITS_MAX = 3_000_000;

type Wanted = Pick<Entry, 'name' | 'kind'> & { readonly bytes: Uint8Array } & Partial<
    Omit<Entry, 'wasm' | 'zeros' | 'input'>
  > & {
    readonly taskInput?: Uint8Array;
  };

function entry({ bytes, taskInput = new Uint8Array(0), ...rest }: Wanted): Entry {
  const defaults = { parameters: '', stepQuantum: 1, fuelMax: 2_000_000, memoryPagesMax: 16, outputBytesMax: 4_096 };
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const wasm = { wasm: hex(bytes.subarray(0, end)), zeros: bytes.length - end };
  return { ...defaults, everyBudget: false, everyBoundary: false, ...rest, ...wasm, input: hex(taskInput) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function corpus(): Entry[] {
  const generated = Array.from({ length: GENERATED }, (_, seed) =>
    entry({ name: `generated ${seed}`, kind: 'module', bytes: generateModule({ seed, canonical: false }) }),
  );
  const operators = operatorModules().map(({ name, wasm }) =>
    entry({ name, kind: 'module', bytes: wasm, fuelMax: 1_000_000_000 }),
  );
  const tasks = kernelTasks();
  return [
    ...[...tasks, ...wasiPrograms(), ...adversaries(), ...modulesAtLimits(), ...games()],
    ...[...continuations(tasks), ...operators, ...generated],
  ];
}

/** Cases that need more run out of it, in every engine at the same place. */
const KERNEL_FUEL_MAX = 100_000_000;

/** Every case of every built-in kernel's vectors, on whatever metering makes of the kernel. */
function kernelTasks(): Entry[] {
  const built = path.join(packageRoot(), 'dist/kernels');
  const names = readdirSync(built).filter((name) => existsSync(path.join(built, name, 'kernel.wasm')));
  if (names.length === 0) throw new Error(`no kernel is built in ${built}: run \`npm run build\` first`);
  return names.flatMap((name) => {
    const manifest = parseManifest(readFileSync(path.join(built, name, 'kernel.json'), 'utf8'));
    const vectors = readFileSync(path.join(packageRoot(), 'kernels', name, 'vectors.json'), 'utf8');
    const { stepQuantum, memoryPagesMax, fuelPerTaskMax, outputBytesPerTaskMax } = manifest.limits;
    const fuelMax = Math.min(fuelPerTaskMax, KERNEL_FUEL_MAX);
    return parseVectors(vectors, { manifest, fileName: `${name}/vectors.json` }).cases.map((vector) =>
      entry({
        name: `${name}: ${vector.name}`,
        kind: 'task',
        bytes: readFileSync(path.join(built, name, 'kernel.wasm')),
        taskInput: vector.input,
        parameters: hex(vector.parameters),
        ...{ stepQuantum, memoryPagesMax, fuelMax, outputBytesMax: outputBytesPerTaskMax },
      }),
    );
  });
}

/** As much of each thing as a kernel may have, which every engine has to run, and one more, which none is asked about. */
function modulesAtLimits(): Entry[] {
  return AT_THE_LIMIT.flatMap(({ name, make }) => [
    entry({ name: `at the limit: ${name}`, kind: 'module', bytes: make(0) }),
    entry({ name: `beyond the limit: ${name}`, kind: 'module', bytes: make(1) }),
  ]);
}

/**
 * Kernels that try to take more than they are given, but those that only the wall clock ends, and those of some megabytes,
 * which are refused by their numbers before any engine has a say.
 */
function games(): Entry[] {
  const played = GAMES.filter(({ expected }) => !('fails' in expected)).map(({ name, kernel, limits = {} }) =>
    entry({
      name: `game: ${name}`,
      kind: 'task',
      bytes: kernel(),
      fuelMax: limits.fuelPerTaskMax ?? GAME_FUEL,
      memoryPagesMax: limits.memoryPagesMax ?? GAME_PAGES,
    }),
  );
  return played.filter(({ wasm }) => wasm.length <= GAME_DIGITS_MAX);
}

/** Units that are saved at every step boundary and go on from each. */
function continuations(tasks: readonly Entry[]): Entry[] {
  const made = continuedKernels().map(([name, bytes]) =>
    entry({ name, kind: 'task', bytes, fuelMax: 10 ** 9, outputBytesMax: 3 * 65_536, memoryPagesMax: 3 }),
  );
  return [...made, ...tasks].map((task) => ({ ...task, name: `going on: ${task.name}`, everyBoundary: true }));
}

const READINGS = Array.from({ length: 300 }, (_, i) => `station${(i * i) % 7} ${((i * 7_919) % 1_000) / 8 - 30}`);

const WASI_AND_MORE = `(module (import "env" "now" (func (result i64))) (memory (export "memory") 1)
  (func (export "_start")))`;

/** Programs of other people's tools: C by clang and wasi-libc, Rust by somebody else. */
export function wasiPrograms(): Entry[] {
  const program = (name: ProgramName, args: readonly string[], text: string, fuelMax = 20_000_000): Entry =>
    entry({
      name: [name, ...args].join(' '),
      kind: 'program',
      bytes: readProgram(name),
      taskInput: new TextEncoder().encode(text),
      parameters: hex(programArguments(name, ...args)),
      memoryPagesMax: 64,
      outputBytesMax: 100_000,
      fuelMax,
    });
  const probes = [[], ['exit', '0'], ['exit', '3'], ['abort'], ['recurse'], ['spin'], ['flood'], ['allocate']];
  return [
    program('readings', ['-n', '3'], `${READINGS.join('\n')}\nno reading\n`),
    // Runs out of fuel on the way.
    program('readings', [], READINGS.join('\n'), 500_000),
    ...probes.map((args) => program('probe', args, 'some input\n'.repeat(500))),
    program('pipeReverse', [], 'Hello, World!\n'),
    entry({
      name: 'a WASI program that imports more',
      kind: 'program',
      bytes: assemble(WASI_AND_MORE, WITHOUT_GC),
    }),
  ];
}

/** Folds the bits of a value made in every round into the output: cold in the first rounds, hot in the last. */
function hot(makes: string, rounds: number): KernelParts {
  return {
    fields: '(func $zero (result f64) (f64.const 0))',
    init: `(local $i i32) (local $sum i64)
      (loop $l
        (local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 7)) ${makes}))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${rounds}))))
      ${outputI64('(local.get $sum)')} (i32.const 0)`,
  };
}

const DOWN = (parameters: string, locals: string, extra = ''): KernelParts => ({
  fields: `(type $down (func (param i32 ${parameters}) (result i32))) (table 1 funcref) (elem (i32.const 0) $down)
    (func $down (type $down) ${locals}
      (i64.store (i32.const 61440) (i64.add (i64.load (i32.const 61440)) (i64.const 1)))
      (i32.add (i32.const 1) (call $down (local.get 0) ${extra})))`,
  init: `(global.set $out_length (i32.const 8)) (call $down (i32.const 1) ${extra})`,
});

const INDIRECT: KernelParts = {
  fields: `(type $down (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $down)
    (func $down (type $down) (i32.add (i32.const 1) (call_indirect (type $down) (local.get 0) (i32.const 0))))`,
  init: '(call $down (i32.const 1))',
};

const PROGRAMS: Readonly<Record<string, KernelParts>> = {
  'NaN of a division, cold and hot': hot(
    '(i64.reinterpret_f64 (f64.div (call $zero) (f64.sub (call $zero) (call $zero))))',
    200_000,
  ),
  'NaN with a payload, cold and hot': hot(
    '(i64.reinterpret_f64 (f64.mul (f64.reinterpret_i64 (i64.or (i64.const 0xfff4000000000000) (i64.extend_i32_u (local.get $i)))) (f64.const 2)))',
    200_000,
  ),
  'NaN of f32 lanes, cold and hot': hot(
    `(i64x2.extract_lane 1 (f32x4.min (f32x4.sqrt (f32x4.splat (f32.convert_i32_s (i32.sub (i32.const 0) (local.get $i)))))
      (v128.const i32x4 0xffa12345 1 0x7fa00001 0xffffffff)))`,
    200_000,
  ),
  'demote and promote, cold and hot': hot(
    `(i64.reinterpret_f64 (f64.promote_f32 (f32.demote_f64 (f64.reinterpret_i64
      (i64.or (i64.const 0x7ff0000020000000) (i64.extend_i32_u (local.get $i)))))))`,
    200_000,
  ),
  'nearest, min and max of zeros': hot(
    `(i64.add (i64.reinterpret_f64 (f64.min (f64.const -0) (call $zero)))
      (i64.reinterpret_f64 (f64.nearest (f64.add (f64.const 0.5) (f64.convert_i32_u (local.get $i))))))`,
    1_000,
  ),
  'saturating conversions': hot(
    '(i64.trunc_sat_f64_s (f64.div (f64.convert_i32_s (i32.sub (local.get $i) (i32.const 5))) (f64.const 1e-300)))',
    20,
  ),
  'recursion, small frames': DOWN('', ''),
  'recursion, 200 locals': DOWN('', `(local ${'i64 '.repeat(200)})`),
  'recursion, vectors': DOWN('', `(local ${'v128 '.repeat(60)})`),
  'recursion, many parameters': DOWN('i64 '.repeat(40), '', '(i64.const 1) '.repeat(40)),
  'recursion, many floats': DOWN('f64 '.repeat(30), '', '(f64.const 1) '.repeat(30)),
  'recursion through a table': INDIRECT,
  'recursion, operands that wait': {
    fields: `(func $down (result i32) ${'(i32.const 1)'.repeat(300)} (call $down) ${'(i32.add)'.repeat(300)})`,
    init: '(call $down)',
  },
  'recursion with huge frames': DOWN('', `(local ${'i64 '.repeat(11_000)})`),
  'memory to the limit': {
    init: `(local $i i32) (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (memory.fill (i32.const 65536) (i32.const 7) (i32.const 900000))
      ${outputI64('(i64.extend_i32_u (memory.size))')} (i32.const 0)`,
  },
  'memory without end': { init: '(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (i32.const 0)' },
  'an endless loop': { init: '(loop $l (br $l)) (i32.const 0)' },
  'an endless start': { fields: '(start $s) (func $s (loop $l (br $l)))' },
  'endless steps': { init: '(i32.const 1)', step: '(i32.const 1)' },
  'trap: unreachable': { init: '(unreachable)' },
  'trap: division by zero': { init: '(i32.div_s (i32.const 1) (i32.const 0))' },
  'trap: overflow of a division': { init: '(i32.div_s (i32.const 0x80000000) (i32.const -1))' },
  'trap: NaN to an integer': { init: '(i32.trunc_f64_s (f64.const nan))' },
  'trap: too large for an integer': { init: '(i32.trunc_f32_u (f32.const 5e9))' },
  'trap: load outside': { init: '(i32.load (i32.const -1))' },
  'trap: store half outside': { init: '(i64.store (i32.const 65532) (i64.const -1)) (i32.const 0)' },
  'trap: vector outside': { init: '(v128.store (i32.const 65530) (v128.const i64x2 1 2)) (i32.const 0)' },
  'trap: fill outside': { init: '(memory.fill (i32.const 65530) (i32.const 7) (i32.const 100)) (i32.const 0)' },
  'trap: dropped data': {
    fields: '(data $d "0123456789")',
    init: '(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0)',
  },
  'trap: an empty element': { fields: '(table 2 funcref)', init: '(call_indirect (result i32) (i32.const 1))' },
  'trap: outside the table': { fields: '(table 2 funcref)', init: '(call_indirect (result i32) (i32.const 9))' },
  'trap: another type': {
    fields: '(table 1 funcref) (elem (i32.const 0) $f) (func $f (param i64))',
    init: '(call_indirect (result i32) (i32.const 0))',
  },
  'trap: table.copy outside': {
    fields: '(table 4 funcref)',
    init: '(table.copy (i32.const 0) (i32.const 1) (i32.const 4)) (i32.const 0)',
  },
  'a fill of 4 GiB': { init: '(memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (i32.const 0)' },
  'an error': { init: '(i32.const -3)' },
  'too much output': { init: '(global.set $out_length (i32.const -1)) (i32.const 0)' },
};

/** Fuel with which a generated module is tried with each budget: enough to go through loops, few enough runs. */
const BUDGETS_MIN = 200;
const BUDGETS_MAX = 1_500;

/** The first generated modules that take about that much fuel. */
function shortModules(): readonly { readonly seed: number; readonly bytes: Uint8Array }[] {
  const found: { readonly seed: number; readonly bytes: Uint8Array }[] = [];
  for (let seed = 0; found.length < 2; seed++) {
    const bytes = generateModule({ seed, canonical: false });
    const [line] = runEntries([entry({ name: '', kind: 'module', bytes })]);
    const fuel = Number(/, fuel (\d+), memory/.exec(line!)?.[1] ?? 0);
    if (fuel >= BUDGETS_MIN && fuel <= BUDGETS_MAX) found.push({ seed, bytes });
  }
  return found;
}

function adversaries(): Entry[] {
  const nans = Object.entries(NAN_PROGRAMS).map(([name, [parts]]) => [`NaN by ${name}`, parts] as const);
  const programs = [...Object.entries(PROGRAMS), ...nans].map(([name, parts]) =>
    entry({ name, kind: 'task', bytes: kernel(parts) }),
  );
  const sum = assemble(sumKernel);
  const input = Uint8Array.of(3, 1, 4, 1, 5, 9, 2, 6);
  return [
    ...programs,
    entry({ name: 'a sum', kind: 'task', bytes: sum, taskInput: input, stepQuantum: 3 }),
    entry({ name: 'a sum with every budget', kind: 'task', bytes: sum, taskInput: input, everyBudget: true }),
    ...shortModules().map(({ seed, bytes }) =>
      entry({ name: `generated ${seed} with every budget`, kind: 'module', bytes, everyBudget: true }),
    ),
    entry({ name: 'text', kind: 'task', bytes: new TextEncoder().encode('#!/bin/sh') }),
    entry({ name: 'a damaged module', kind: 'task', bytes: sum.slice(0, 100) }),
    entry({ name: 'a reserved name', kind: 'task', bytes: assemble(sumKernel.replace('"spare"', '"shoal:fuel"')) }),
    entry({ name: 'too much memory', kind: 'task', bytes: kernel({ memory: '17' }) }),
  ];
}
