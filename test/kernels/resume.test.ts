/**
 * Every kernel, saved at every one of its step boundaries and finished by another instance: the same output and fuel as
 * in one go. By way of the bytes of a checkpoint, in both placements of charges.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import { unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../node/sandbox/checkpoint.ts';
import { inspect } from '../../node/sandbox/inspect.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { runUnit, UnitRun, type UnitWork } from '../../node/sandbox/unit.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { pointsFile } from '../bench/native/inputs.ts';
import { KERNELS, Kernel } from './host.ts';
import { readVectors } from './vectors.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Calls of `shoal_step` a task is cut into: each boundary costs a run of what is left. */
const CALLS = 8;
const BYTES_MAX = 64 * 1024 * 1024;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const now = () => 0;

interface Case {
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
}

/** Its vectors are all of one step. */
function manyPoints({ manifest }: Kernel): Case {
  const centroids = Array.from({ length: 64 }, (_, i) => new Uint16Array(64).fill(30 * i));
  const points = Uint8Array.from({ length: 64 * 8_000 }, (_, i) => (i * i) >> 3);
  const parameters = encodeParameters(manifest, resolveArguments(manifest, { clusters: 64, dimensions: 64 }));
  return { parameters, input: pointsFile(centroids, [points]) };
}

/** The quickest case that has enough steps, or the one with the most. */
function chosen(kernel: Kernel): { vector: Case; steps: number } {
  const cases: Case[] = readVectors(kernel.manifest);
  if (kernel.manifest.name === 'k-means') cases.push(manyPoints(kernel));
  const all = cases.map((vector) => {
    const startedAt = performance.now();
    const steps = kernel.progress(vector.parameters, vector.input)[0]!;
    return { vector, steps, tookMs: performance.now() - startedAt };
  });
  const long = all.filter(({ steps }) => steps >= CALLS).sort((a, b) => a.tookMs - b.tookMs);
  return long[0] ?? all.sort((a, b) => b.steps - a.steps)[0]!;
}

describe.each(KERNELS)('%s', (name) => {
  const kernel = new Kernel(name);
  const { fuelPerTaskMax, outputBytesPerTaskMax, memoryPagesMax } = kernel.manifest.limits;

  it.each(['simple', 'merged'] as const)('goes on from every step boundary, metered %s', (mode) => {
    const { vector, steps } = chosen(kernel);
    const work: UnitWork = {
      ...{
        task: undefined,
        taskCount: 1,
        abi: 1,
        stepQuantum: Math.ceil(steps / CALLS),
        parameters: vector.parameters,
      },
      ...{ unitInput: encodeUnitInput([vector.input]), fuelPerTaskMax, outputBytesPerTaskMax },
    };
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax, mode })));
    const whole = runUnit(module, work, sha256, now);
    const unbroken = new UnitRun(module, work, sha256, now);
    let boundaries = 0;
    while (unbroken.advance()) {
      boundaries++;
      const saved = encodeCheckpoint(name, unbroken.save(BYTES_MAX), sha256);
      const state = decodeCheckpoint(name, saved, sha256)!;
      expect(state.running).toBeDefined();
      const later = new UnitRun(module, work, sha256, now, state);
      while (later.advance());
      expect(later.finish(), `boundary ${boundaries}`).toEqual(whole);
    }
    expect(boundaries).toBe(Math.ceil(steps / work.stepQuantum));
    expect(boundaries).toBeGreaterThan(1);
  });

  it('gives every task of a unit the leaf it has on an instance of its own', () => {
    const { vector, steps } = chosen(kernel);
    const stepQuantum = steps;
    // An input that is refused in between, in the middle of whatever the kernel does with it.
    const inputs = [vector.input, vector.input.subarray(0, 3), vector.input];
    const work: UnitWork = {
      ...{ task: undefined, taskCount: inputs.length, abi: 1, stepQuantum, parameters: vector.parameters },
      ...{ unitInput: encodeUnitInput(inputs), fuelPerTaskMax, outputBytesPerTaskMax },
    };
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax, mode: 'merged' })));
    const limits = { fuelMax: fuelPerTaskMax, outputBytesMax: outputBytesPerTaskMax };
    const alone = inputs.map((input) => {
      const { trap, fuel, output } = runTask(module, vector.parameters, input, stepQuantum, limits);
      return { trap, fuel, outputHash: toHex(sha256(output)) };
    });
    expect(unpackLeaves(runUnit(module, work, sha256, now).leaves)).toEqual(alone);
  });

  it('can be saved, by inspection', () => {
    expect(inspect(kernel.wasm).notResumable).toBeUndefined();
  });
});
