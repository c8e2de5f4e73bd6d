/** path-trace: one picture however it is cut, light where light must be, and less grain with more samples. */
import { describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { pictureToPpm } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('path-trace');
const { manifest } = kernel;

async function render(args: ArgumentInputs, taskSize?: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const outputs = Array.from(splitTasks(manifest, values, { taskSize }).inputs, (input) =>
    kernel.run(parameters, input),
  );
  return (await joinOutputs({ manifest, values, outputs, taskSize })).picture!;
}

function tile(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

describe('path-trace', () => {
  it('draws one picture, in true colours, however it is cut into tiles', async () => {
    const view = { width: 50, height: 31, samples: 3 };
    const whole = await render(view, 64);
    expect(whole).toMatchObject({ width: 50, height: 31, bytesPerPixel: 3 });
    for (const taskSize of [7, 16, 33])
      expect(Buffer.from((await render(view, taskSize)).pixels)).toEqual(Buffer.from(whole.pixels));
    expect(Buffer.from(pictureToPpm(whole).subarray(-whole.pixels.length))).toEqual(Buffer.from(whole.pixels));
  });

  it('shows the sky above, as its formula says', async () => {
    const { pixels } = await render({ width: 64, height: 36, samples: 1 });
    // The top row looks up by about 0.05 against the horizon: red = √(1 - t/2) with t = (0.05 + 1) / 2.
    const [red, green, blue] = pixels.subarray(0, 3);
    expect(blue).toBe(255);
    expect(Math.abs(red! - 255 * Math.sqrt(1 - 0.525 / 2))).toBeLessThan(2);
    expect(Math.abs(green! - 255 * Math.sqrt(1 - 0.525 * 0.3))).toBeLessThan(2);
  });

  it('has less grain with more samples: about a quarter with sixteen times as many', async () => {
    const view = { width: 16, height: 9, scene: 3 };
    const truth = await render({ ...view, samples: 2000 });
    const grain = async (samples: number) => {
      const { pixels } = await render({ ...view, samples, seed: 9 });
      return Math.sqrt(pixels.reduce((sum, value, i) => sum + (value - truth.pixels[i]!) ** 2, 0) / pixels.length);
    };
    const ratio = (await grain(8)) / (await grain(128));
    expect(ratio).toBeGreaterThan(2.2);
    expect(ratio).toBeLessThan(5);
  });

  it('draws another arrangement for another scene, and other grain for another seed', async () => {
    const view = { width: 32, height: 18, samples: 2 };
    const pictures = await Promise.all([view, { ...view, scene: 2 }, { ...view, seed: 2 }].map((args) => render(args)));
    expect(new Set(pictures.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).size).toBe(3);
  });

  it('refuses tiles outside of the picture', () => {
    const parameters = encodeParameters(manifest, resolveArguments(manifest, { width: 100, height: 50 }));
    for (const bad of [
      tile(100, 0, 1, 1),
      tile(0, 50, 1, 1),
      tile(90, 0, 11, 1),
      tile(0, 0, 0, 5),
      tile(0, 0, 1, 1, 1),
    ]) {
      expect(() => kernel.run(parameters, bad)).toThrow(KernelFailure);
    }
    expect(() => kernel.run(new Uint8Array(24), tile(0, 0, 1, 1))).toThrow(KernelFailure);
  });

  it('has fuel for the most samples of a tile of the usual size', () => {
    const { limits } = manifest;
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, limits)));
    const parameters = encodeParameters(manifest, resolveArguments(manifest, { samples: 40 }));
    // In the middle, where glass and metal are.
    const result = runTask(module, parameters, tile(304, 164, 32, 32), limits.stepQuantum, {
      fuelMax: limits.fuelPerTaskMax,
      outputBytesMax: limits.outputBytesPerTaskMax,
    });
    expect(result.trap).toBe(TRAP.none);
    expect((result.fuel / 40) * 100_000).toBeLessThan(limits.fuelPerTaskMax);
  });
});
