/**
 * Tasks of a unit may share an instance, which is reset in between. Nothing can be seen of that: each task has the leaf it
 * has on an instance of its own, whatever the tasks before it did to memory, globals and fuel, and however they ended.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import type { Digest } from '../../node/protocol/ids.ts';
import { LEAF_BYTES, packLeaf, TRAP, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { type InstanceState, KernelInstance } from '../../node/sandbox/instance.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask, TaskRun } from '../../node/sandbox/task.ts';
import { runUnit, type UnitWork } from '../../node/sandbox/unit.ts';
import { generateKernel } from '../fuzz/generator.ts';
import { Random } from '../fuzz/random.ts';
import { assemble, kernel, outputI64, sumKernel } from './kernels.ts';
import { compile, MODES, type Mode } from './run.ts';

const EMPTY = new Uint8Array(0);
const OUTPUT_BYTES_MAX = 200_000;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const moduleOf = (bytes: Uint8Array, mode: Mode) => compile(meter(bytes, { memoryPagesMax: 3, mode }));

function workOf(inputs: readonly Uint8Array[], fuelPerTaskMax: number): UnitWork {
  const outputBytesPerTaskMax = inputs.length > 10 ? 64 : OUTPUT_BYTES_MAX;
  return {
    ...{ task: undefined, taskCount: inputs.length, abi: 1, stepQuantum: 1, parameters: EMPTY, fuelPerTaskMax },
    ...{ unitInput: encodeUnitInput(inputs), outputBytesPerTaskMax },
  };
}

/** Leaves of the tasks, each on an instance of its own. */
function apart(module: WebAssembly.Module, inputs: readonly Uint8Array[], fuelMax: number): string[] {
  return inputs.map((input) => {
    const { trap, fuel, output } = runTask(module, EMPTY, input, 1, { fuelMax, outputBytesMax: OUTPUT_BYTES_MAX });
    return toHex(packLeaf({ trap, fuel, outputHash: toHex(sha256(output)) as Digest }));
  });
}

function together(module: WebAssembly.Module, inputs: readonly Uint8Array[], fuelMax: number): string[] {
  const { leaves } = runUnit(module, workOf(inputs, fuelMax), sha256, () => 0);
  return inputs.map((_, task) => toHex(leaves.subarray(task * LEAF_BYTES, (task + 1) * LEAF_BYTES)));
}

/** Instances made while `body` runs. */
function instancesIn(body: () => void): number {
  const { Instance } = WebAssembly;
  let made = 0;
  try {
    Object.assign(WebAssembly, {
      Instance: class extends Instance {
        constructor(...given: ConstructorParameters<typeof Instance>) {
          super(...given);
          made++;
        }
      },
    });
    body();
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
  return made;
}

describe('generated kernels', () => {
  it.each(MODES)('give every task the leaf it has alone, metered %s', (mode) => {
    const endings = new Set<number>();
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed);
      const inputs = Array.from({ length: 4 }, () => Uint8Array.from({ length: 40 }, () => random.below(256)));
      const module = moduleOf(generateKernel(seed), mode);
      const [leaf] = unpackLeaves(Buffer.from(apart(module, inputs.slice(0, 1), 10 ** 12)[0]!, 'hex'));
      // Ample, and so little that some tasks end in the middle of their calls.
      for (const fuelMax of [10 ** 12, Math.max(1, Math.floor(leaf!.fuel * 0.7))]) {
        const expected = apart(module, inputs, fuelMax);
        expect(together(module, inputs, fuelMax), `seed ${seed}`).toEqual(expected);
        for (const { trap } of unpackLeaves(Buffer.from(expected.join(''), 'hex'))) endings.add(trap);
      }
    }
    expect(endings).toEqual(new Set([TRAP.none, TRAP.trap, TRAP.outOfFuel]));
  });
});

describe('a reset', () => {
  /** Puts out what its globals and memory are at first, a NaN with a payload among them, and then changes them all. */
  const telling = kernel({
    fields: `(global $a (mut i32) (i32.const 5)) (global $b (mut i64) (i64.const -6))
      (global $c (mut f32) (f32.const -nan:0x312345)) (global $d (mut f64) (f64.const nan:0x8000000012345))
      (global $e (mut v128) (v128.const i64x2 7 8)) (data (i32.const 2048) "begin")`,
    init: `(i32.store (i32.const 61440) (global.get $a)) (i64.store (i32.const 61448) (global.get $b))
      (f32.store (i32.const 61456) (global.get $c)) (f64.store (i32.const 61464) (global.get $d))
      (v128.store (i32.const 61472) (global.get $e)) (i64.store (i32.const 61488) (i64.load (i32.const 2048)))
      (i64.store (i32.const 61496) (i64.load (i32.const 9000))) (global.set $out_length (i32.const 64))
      (global.set $a (i32.const 1)) (global.set $b (i64.const 1)) (global.set $c (f32.const 1))
      (global.set $d (f64.const 1)) (global.set $e (v128.const i64x2 1 1))
      (i64.store (i32.const 2048) (i64.const 1)) (i64.store (i32.const 9000) (i64.const 1)) (i32.const 0)`,
  });
  const limits = { fuelMax: 10_000, outputBytesMax: 64 };

  it('puts back every global to the bit, and all of memory; forgetting any one would be seen', () => {
    const instance = new KernelInstance(moduleOf(telling, 'merged'));
    const run = (): string => {
      const task = new TaskRun(instance, { parameters: EMPTY, input: EMPTY, stepQuantum: 1, limits });
      while (task.advance());
      return `${task.result!.trap} ${task.result!.fuel} ${toHex(task.result!.output)}`;
    };
    const initial = instance.save(2 ** 20)!;
    const expected = run();
    const after = instance.save(2 ** 20)!;
    const mistakes = [...forgetting(initial, after)];
    // Two of every kernel here, six words of this one; fuel is given to each task anew.
    expect(mistakes.map(([name]) => name)).toEqual([2, 3, 4, 5, 6, 7].map(String).concat('begin', 'rest'));
    for (const [name, state] of mistakes) {
      expect(instance.reset(state)).toBe(true);
      expect(run(), name).not.toBe(expected);
      expect(instance.reset(initial)).toBe(true);
      expect(run(), name).toBe(expected);
    }
  });
});

/** `initial`, but for one thing that stays as it is after a task. */
function* forgetting(initial: InstanceState, after: InstanceState): Generator<[string, InstanceState]> {
  for (const index of initial.globals.keys()) {
    const isOwn = index < 2 || index >= initial.globals.length - 3;
    if (isOwn || after.globals[index] === initial.globals[index]) continue;
    const globals = initial.globals.map((word, i) => (i === index ? after.globals[i]! : word));
    yield [String(index), { ...initial, globals }];
  }
  const { memory } = initial;
  const range = (at: number) => after.memory.ranges.filter((item) => item.at <= at && at < item.at + item.bytes.length);
  yield ['begin', { ...initial, memory: { ...memory, ranges: range(2_048) } }];
  yield ['rest', { ...initial, memory: { ...memory, ranges: [...memory.ranges, ...range(9_000)] } }];
}

describe('a unit of many tasks', () => {
  const inputs = Array.from({ length: 50 }, (_, i) => new Uint8Array(1 + (i % 5)).fill(i));

  it('uses one instance for all of them', () => {
    const module = moduleOf(assemble(sumKernel), 'merged');
    const expected = apart(module, inputs, 10_000);
    expect(instancesIn(() => expect(together(module, inputs, 10_000)).toEqual(expected))).toBe(1);
  });

  it('takes another one after a task that let memory grow', () => {
    const growing = kernel({
      init: `(if (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 3)) (then (drop (memory.grow (i32.const 1)))))
        ${outputI64('(i64.extend_i32_u (memory.size))')} (i32.const 0)`,
    });
    const module = moduleOf(growing, 'merged');
    const some = [0, 3, 1, 3, 3, 2].map((value) => Uint8Array.of(value));
    const expected = apart(module, some, 1_000_000);
    expect(instancesIn(() => expect(together(module, some, 1_000_000)).toEqual(expected))).toBe(4);
  });

  it('takes one for each task where memory and globals are not all there is, or memory is large', () => {
    const dropping = kernel({
      fields: '(data $extra "abc")',
      init: '(memory.init $extra (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $extra) (i32.const 0)',
    });
    const module = moduleOf(dropping, 'merged');
    const expected = apart(module, inputs, 10_000);
    expect(instancesIn(() => expect(together(module, inputs, 10_000)).toEqual(expected))).toBe(50);

    const large = compile(meter(kernel({ memory: '65' }), { memoryPagesMax: 65, mode: 'merged' }));
    expect(instancesIn(() => together(large, inputs, 10_000))).toBe(50);
  });
});
