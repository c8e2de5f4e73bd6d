import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEAF_BYTES, merkleRoot, TRAP, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { decodeUnitOutput, encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { outputBlockBytesMax } from '../../node/protocol/work/job.ts';
import { meter, reduceInput, runReduce, runUnit, SandboxFailure, taskInput } from '../../node/sandbox/index.ts';
import type { UnitWork } from '../../node/sandbox/unit.ts';
import { assemble, kernel, sumKernel } from './kernels.ts';
import { compile } from './run.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const now = () => 0;
const sum = compile(meter(assemble(sumKernel), { memoryPagesMax: 4 }));

function work(tasks: readonly Uint8Array[], changes: Partial<UnitWork> = {}): UnitWork {
  return {
    task: undefined,
    taskCount: tasks.length,
    abi: 1,
    stepQuantum: 2,
    parameters: new Uint8Array(0),
    unitInput: encodeUnitInput(tasks),
    fuelPerTaskMax: 100_000,
    outputBytesPerTaskMax: 64,
    ...changes,
  };
}

describe('runUnit', () => {
  it('has the same Merkle root as the protocol, for any number of leaves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.uint8Array({ minLength: 1, maxLength: 64 }), (count, seed) => {
        const leaves = Uint8Array.from(
          { length: count * LEAF_BYTES },
          (_, index) => seed[index % seed.length]! ^ index,
        );
        expect(merkleRoot(leaves, sha256)).toBe(merkleRoot(leaves));
      }),
    );
  });

  it('keeps a task that fails from touching its neighbours', () => {
    // Traps on an input of three bytes, runs for ever on one of four.
    const picky = kernel({
      init: `(if (i32.eq (global.get $length) (i32.const 7)) (then (unreachable)))
        (loop $l (br_if $l (i32.eq (global.get $length) (i32.const 8))))
        (global.set $out_length (i32.const 1)) (i32.const 0)`,
    });
    const module = compile(meter(picky, { memoryPagesMax: 1 }));
    const tasks = [1, 3, 4, 1].map((length) => new Uint8Array(length));
    const { leaves, output, fuel } = runUnit(module, work(tasks), sha256, now);
    const unpacked = unpackLeaves(leaves);
    expect(unpacked.map((leaf) => leaf.trap)).toEqual([TRAP.none, TRAP.trap, TRAP.outOfFuel, TRAP.none]);
    expect(unpacked[3]).toEqual(unpacked[0]);
    expect(unpacked[2]!.fuel).toBe(100_000);
    expect(fuel).toBe(unpacked.reduce((total, leaf) => total + leaf.fuel, 0));
    expect(decodeUnitOutput(output!.bytes).outputs.map((bytes) => bytes.length)).toEqual([1, 0, 0, 1]);
  });

  it('gives each task a fresh instance', () => {
    const tasks = [Uint8Array.of(9), Uint8Array.of(9)];
    const { leaves } = runUnit(sum, work(tasks), sha256, now);
    expect(leaves.slice(LEAF_BYTES)).toEqual(leaves.slice(0, LEAF_BYTES));
  });

  it('charges by the step quantum, which therefore belongs to the job', () => {
    const tasks = [new Uint8Array(100)];
    const [one, many] = [1, 50].map((stepQuantum) => runUnit(sum, work(tasks, { stepQuantum }), sha256, now));
    expect(one!.output).not.toEqual(many!.output);
    expect(decodeUnitOutput(one!.output!.bytes).outputs).toEqual(decodeUnitOutput(many!.output!.bytes).outputs);
  });

  it('runs a unit whose outputs fill a block, and refuses one whose outputs might not fit', () => {
    const tasks = [Uint8Array.of(1)];
    const fits = 2 * 1024 * 1024 - 64 - LEAF_BYTES - 5;
    expect(outputBlockBytesMax(1, fits)).toBe(2 * 1024 * 1024);
    expect(runUnit(sum, work(tasks, { outputBytesPerTaskMax: fits }), sha256, now).output).toBeDefined();
    const tooMuch = () => runUnit(sum, work(tasks, { outputBytesPerTaskMax: fits + 1 }), sha256, now);
    expect(tooMuch).toThrow(SandboxFailure);
    expect(tooMuch).toThrow(/lower outputBytesPerTaskMax or tasksPerUnit/);
  });

  it.each([
    ['no tasks', { taskCount: 0 }],
    ['too much fuel', { fuelPerTaskMax: 2 ** 43 }],
    ['no steps', { stepQuantum: 0 }],
    ['a fraction', { fuelPerTaskMax: 1.5 }],
  ])('refuses %s', (_, changes) => {
    expect(() => runUnit(sum, work([new Uint8Array(1)], changes), sha256, now)).toThrow(SandboxFailure);
  });

  it('never makes a result of a machine without memory', () => {
    // A growth that fails below the limit cannot be had to order, so the memory itself gets a lower maximum than
    // the rewritten check knows of.
    const bytes = meter(kernel({ init: '(drop (memory.grow (i32.const 1))) (i32.const 0)' }), { memoryPagesMax: 4 });
    const real = compile(bytes);
    expect(() => runUnit(real, work([new Uint8Array(1)]), sha256, now)).not.toThrow();
    const failing = compile(withFailingGrowth(bytes));
    expect(() => runUnit(failing, work([new Uint8Array(1)]), sha256, now)).toThrow(
      expect.objectContaining({ name: 'SandboxFailure', code: 'out-of-memory' }),
    );
  });
});

/** The memory's own maximum lowered to one page, while the rewritten check still believes in four. */
function withFailingGrowth(metered: Uint8Array): Uint8Array {
  const changed = metered.slice();
  const section = [0x05, 0x04, 0x01, 0x01, 0x01, 0x04];
  const at = changed.findIndex((_, index) => section.every((byte, offset) => changed[index + offset] === byte));
  changed[at + 5] = 1;
  return changed;
}

describe('the ABI', () => {
  it('lays out the input of a task and of a merge', () => {
    expect([...taskInput(Uint8Array.of(7, 8), Uint8Array.of(9))]).toEqual([2, 0, 0, 0, 7, 8, 9]);
    const outputs = [Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)];
    expect([...reduceInput(Uint8Array.of(7), outputs)]).toEqual(
      [
        [1, 0, 0, 0, 7],
        [3, 0, 0, 0],
        [1, 0, 0, 0, 1],
        [0, 0, 0, 0],
        [2, 0, 0, 0, 2, 3],
      ].flat(),
    );
  });

  it('merges', () => {
    // Its shoal_reduce gives the number of outputs.
    const outputs = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    const result = runReduce(sum, new Uint8Array(0), outputs, { fuelMax: 10_000, outputBytesMax: 8 });
    expect(result).toMatchObject({ trap: TRAP.none, output: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) });
  });

  it.each([
    ['another version', sumKernel.replace('(result i32) (i32.const 1)', '(result i32) (i32.const 2)')],
    ['no memory for the input', sumKernel.replace('(i32.const 1024))', '(i32.const 0))')],
    ['an address outside', sumKernel.replace('(i32.const 1024))', '(i32.const 65535))')],
    ['output outside', sumKernel.replace('(result i32) (i32.const 61440)', '(result i32) (i32.const 65530)')],
  ])('calls it an error of the kernel: %s', (_, text) => {
    expect(text).not.toBe(sumKernel);
    const module = compile(meter(assemble(text), { memoryPagesMax: 4 }));
    const { leaves } = runUnit(module, work([Uint8Array.of(1, 2, 3)]), sha256, now);
    expect(unpackLeaves(leaves)[0]!.trap).toBe(TRAP.kernelError);
  });
});
