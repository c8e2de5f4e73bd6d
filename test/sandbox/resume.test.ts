/**
 * A task that is saved at a step boundary and goes on in another instance ends as if nothing had happened: same output,
 * same ending, same fuel. At every boundary, in both placements of charges, for generated kernels that use all kinds
 * of globals, grow their memory and trap.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../node/sandbox/checkpoint.ts';
import { inspect } from '../../node/sandbox/inspect.ts';
import { type InstanceState, KernelInstance } from '../../node/sandbox/instance.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { SAVED_WORDS_MAX } from '../../node/sandbox/saved-globals.ts';
import { TaskRun, type TaskState, type TaskWork } from '../../node/sandbox/task.ts';
import { runUnit, UnitRun, type UnitState, type UnitWork } from '../../node/sandbox/unit.ts';
import { generateKernel } from '../fuzz/generator.ts';
import { KERNEL_STEPS } from '../fuzz/kernel-functions.ts';
import { assemble, kernel, sumKernel } from './kernels.ts';
import { compile, MODES, type Mode } from './run.ts';

const EMPTY = new Uint8Array(0);
const BYTES_MAX = 2 ** 30;
const WORK: TaskWork = {
  parameters: EMPTY,
  input: EMPTY,
  stepQuantum: 1,
  limits: { fuelMax: 10 ** 12, outputBytesMax: 2 ** 20 },
};
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const now = () => 0;

const moduleOf = (bytes: Uint8Array, mode: Mode) => compile(meter(bytes, { memoryPagesMax: 3, mode }));

/** The state at every boundary, and how it ends. */
function unbroken(module: WebAssembly.Module, work: TaskWork): { states: TaskState[]; ending: string } {
  const run = new TaskRun(new KernelInstance(module), work);
  const states: TaskState[] = [];
  while (run.advance()) states.push(run.save(BYTES_MAX)!);
  return { states, ending: endingOf(run) };
}

function resumed(module: WebAssembly.Module, work: TaskWork, from: TaskState): string {
  const run = new TaskRun(new KernelInstance(module), work, from);
  while (run.advance());
  return endingOf(run);
}

function endingOf({ result }: TaskRun): string {
  return `${result!.trap} ${result!.fuel} ${toHex(sha256(result!.output))}`;
}

describe('a generated kernel', () => {
  it.each(MODES)('ends the same from every step boundary, metered %s', (mode) => {
    let boundaries = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const module = moduleOf(generateKernel(seed), mode);
      const { states, ending } = unbroken(module, WORK);
      for (const [step, state] of states.entries()) {
        expect(resumed(module, WORK, state), `seed ${seed}, boundary ${step}`).toBe(ending);
        boundaries++;
      }
    }
    expect(boundaries).toBeGreaterThan(20 * KERNEL_STEPS);
  });

  it.each(MODES)('runs out of the same fuel from every step boundary, metered %s', (mode) => {
    const module = moduleOf(generateKernel(3), mode);
    const needed = Number(unbroken(module, WORK).ending.split(' ')[1]);
    for (const fuelMax of [needed, needed - 1, Math.floor(needed / 2)]) {
      const work = { ...WORK, limits: { ...WORK.limits, fuelMax } };
      const { states, ending } = unbroken(module, work);
      expect(ending.startsWith(`${fuelMax === needed ? TRAP.none : TRAP.outOfFuel} ${fuelMax}`)).toBe(true);
      for (const state of states) expect(resumed(module, work, state)).toBe(ending);
    }
  });

  it('ends differently when anything of its state is forgotten: each global, and memory', () => {
    const noticed = new Set<string>();
    const names = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const module = moduleOf(generateKernel(seed), 'merged');
      const { states, ending } = unbroken(module, WORK);
      const state = states.at(-1);
      if (states.length < KERNEL_STEPS || state === undefined) continue;
      const initial = new KernelInstance(module).save(BYTES_MAX)!;
      for (const [name, forgetful] of mistakes(state.instance, initial)) {
        names.add(name);
        if (resumed(module, WORK, { ...state, instance: forgetful }) !== ending) noticed.add(name);
      }
    }
    expect([...names].filter((name) => !noticed.has(name))).toEqual([]);
    expect(names.size).toBeGreaterThan(9);
  });
});

/**
 * The state with one thing left as it is in a fresh instance. The first globals are of every type, in a fixed order; the
 * last ones are steps, result, fuel, and then depth and host failure, which are 0 at every boundary.
 */
function* mistakes(state: InstanceState, initial: InstanceState): Generator<[string, InstanceState]> {
  const words = state.globals.length;
  for (const index of [0, 1, 2, 3, 4, 5, 6, words - 5, words - 4, words - 3]) {
    const globals = state.globals.map((word, i) => (i === index ? initial.globals[i]! : word));
    const name = index > 6 ? `word ${index - words} from the end` : `word ${index}`;
    if (globals[index] !== state.globals[index]) yield [name, { ...state, globals }];
  }
  yield ['all memory', { ...state, memory: { ...state.memory, ranges: [] } }];
  yield ['the first range of memory', { ...state, memory: { ...state.memory, ranges: state.memory.ranges.slice(1) } }];
  if (state.memory.pages > initial.memory.pages) {
    yield ['growth', { ...state, memory: { ...state.memory, pages: initial.memory.pages } }];
  }
}

describe('a unit', () => {
  const tasks = [Uint8Array.of(1, 2, 3), EMPTY, Uint8Array.of(9, 9, 9, 9)];
  const work: UnitWork = {
    ...{ task: undefined, taskCount: tasks.length, abi: 1, stepQuantum: 1, parameters: EMPTY },
    ...{ unitInput: encodeUnitInput(tasks), fuelPerTaskMax: 10_000, outputBytesPerTaskMax: 64 },
  };

  function statesOf(module: WebAssembly.Module, bytesMax = BYTES_MAX): UnitState[] {
    const run = new UnitRun(module, work, sha256, now);
    const states = [run.save(bytesMax)];
    while (run.advance()) states.push(run.save(bytesMax));
    return states;
  }

  function finish(module: WebAssembly.Module, from: UnitState) {
    const run = new UnitRun(module, work, sha256, now, from);
    while (run.advance());
    return run.finish();
  }

  it.each(MODES)('gives the same execution from each of its boundaries, by way of bytes, metered %s', (mode) => {
    const module = moduleOf(assemble(sumKernel), mode);
    const whole = runUnit(module, work, sha256, now);
    const states = statesOf(module);
    expect(states.length).toBeGreaterThan(8);
    for (const state of states) {
      const bytes = encodeCheckpoint('same work', state, sha256);
      expect(finish(module, decodeCheckpoint('same work', bytes, sha256)!)).toEqual(whole);
    }
  });

  it('goes on from its last finished task where the running one takes more memory than may be saved', () => {
    const module = moduleOf(assemble(sumKernel), 'merged');
    const states = statesOf(module, 0);
    expect(states[1]).toMatchObject({ outputs: [], running: undefined });
    for (const state of states) expect(finish(module, state)).toEqual(runUnit(module, work, sha256, now));
  });

  it('goes on from its last finished task where the kernel cannot be saved', () => {
    const dropping = kernel({
      fields: '(global $left (mut i32) (i32.const 3)) (data $extra "abc")',
      init: '(data.drop $extra) (global.get $left)',
      step: '(global.set $left (i32.sub (global.get $left) (i32.const 1))) (global.get $left)',
    });
    const module = moduleOf(dropping, 'merged');
    const states = statesOf(module);
    expect(states).toHaveLength(12);
    expect(states.map(({ running }) => running)).toEqual(states.map(() => undefined));
    for (const state of states) expect(finish(module, state)).toEqual(runUnit(module, work, sha256, now));
  });

  it('has steps and tasks to show', () => {
    const run = new UnitRun(moduleOf(assemble(sumKernel), 'merged'), work, sha256, now);
    const shown = [];
    do shown.push(run.progress);
    while (run.advance());
    expect(shown[0]).toEqual({ tasksDone: 0, tasks: 3, stepsDone: 0, steps: 0 });
    expect(shown).toContainEqual({ tasksDone: 0, tasks: 3, stepsDone: 2, steps: 3 });
    expect(shown).toContainEqual({ tasksDone: 2, tasks: 3, stepsDone: 3, steps: 4 });
  });
});

describe('what cannot be saved', () => {
  it('is said with its reason', () => {
    expect(inspect(assemble(sumKernel)).notResumable).toBeUndefined();
    expect(inspect(generateKernel(1)).notResumable).toBeUndefined();
    const table = '(table $t 2 funcref) (func $f) (elem $e func $f) (data $d "abc")';
    for (const [code, name] of [
      ['(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))', 'table.init'],
      ['(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 1))', 'table.copy'],
      ['(elem.drop $e)', 'elem.drop'],
      ['(data.drop $d)', 'data.drop'],
    ] as const) {
      const bytes = kernel({ fields: table, init: `${code} (i32.const 0)` });
      expect(inspect(bytes).notResumable).toContain(name);
      expect(new KernelInstance(moduleOf(bytes, 'merged')).save(BYTES_MAX)).toBeUndefined();
    }
    // Initialising memory changes memory only.
    const reading = kernel({
      fields: table,
      init: '(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0)',
    });
    expect(inspect(reading).notResumable).toBeUndefined();
  });

  it('is a kernel with very many globals', () => {
    const globals = (count: number) => '(global (mut v128) (v128.const i64x2 0 0))'.repeat(count);
    // Two of the text's own, and three of the rewriter.
    const fits = Math.floor((SAVED_WORDS_MAX - 5) / 2);
    expect(inspect(kernel({ fields: globals(fits) })).notResumable).toBeUndefined();
    expect(inspect(kernel({ fields: globals(fits + 1) })).notResumable).toContain(`over ${SAVED_WORDS_MAX}`);
    expect(new KernelInstance(moduleOf(kernel({ fields: globals(fits) }), 'merged')).save(BYTES_MAX)).toBeDefined();
  });
});

describe('a checkpoint', () => {
  const state: UnitState = {
    leaves: new Uint8Array(41).fill(7),
    outputs: [Uint8Array.of(1, 2)],
    running: {
      left: 3,
      total: 9,
      instance: {
        memory: { pages: 2, ranges: [{ at: 4_096, bytes: new Uint8Array(4_096).fill(5) }] },
        globals: [-1n, 2n ** 62n, 0n],
      },
    },
    elapsedMs: 1_234,
  };
  const bytes = encodeCheckpoint('this work', state, sha256);

  it('comes back as it was', () => {
    expect(decodeCheckpoint('this work', bytes, sha256)).toEqual(state);
    const between = { ...state, running: undefined };
    expect(decodeCheckpoint('w', encodeCheckpoint('w', between, sha256), sha256)).toEqual(between);
  });

  it('is none for other work, another version, or when a single bit is damaged', () => {
    expect(decodeCheckpoint('other work', bytes, sha256)).toBeUndefined();
    for (let at = 0; at < bytes.length; at += at < 300 ? 1 : 97) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(decodeCheckpoint('this work', damaged, sha256), `byte ${at}`).toBeUndefined();
    }
    for (const length of [0, 7, 8, 39, 40, 41, bytes.length - 1]) {
      expect(decodeCheckpoint('this work', bytes.subarray(0, length), sha256)).toBeUndefined();
    }
  });
});
