/** mandelbrot against the same arithmetic in TypeScript: IEEE doubles leave no room for a difference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, uint32Bytes } from '../../node/protocol/bytes.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('mandelbrot');

interface View {
  readonly width: number;
  readonly height: number;
  readonly centreX: number;
  readonly centreY: number;
  readonly span: number;
  readonly iterations: number;
}

function reference(view: View): Uint8Array {
  const scale = view.span / view.width;
  const counts = new Uint16Array(view.width * view.height);
  for (let py = 0; py < view.height; py++) {
    for (let px = 0; px < view.width; px++) {
      const cx = view.centreX + (px + 0.5 - view.width / 2) * scale;
      const cy = view.centreY - (py + 0.5 - view.height / 2) * scale;
      let [x, y, count] = [0, 0, 0];
      while (count < view.iterations && x * x + y * y <= 4) {
        [x, y] = [x * x - y * y + cx, x * y * 2 + cy];
        count++;
      }
      counts[py * view.width + px] = count;
    }
  }
  return new Uint8Array(counts.buffer);
}

async function inTiles(view: View, taskSize: number) {
  const { manifest } = kernel;
  const values = resolveArguments(manifest, { ...view });
  const parameters = encodeParameters(manifest, values);
  const outputs = Array.from(splitTasks(manifest, values, { taskSize }).inputs, (tile) => kernel.run(parameters, tile));
  return await joinOutputs({ manifest, values, outputs, taskSize });
}

describe('mandelbrot', () => {
  it('equals the reference for random views, cut into tiles of any size', async () => {
    const views = fc.record({
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 40 }),
      centreX: fc.double({ min: -2, max: 2, noNaN: true }),
      centreY: fc.double({ min: -2, max: 2, noNaN: true }),
      span: fc.double({ min: 1e-12, max: 16, noNaN: true }),
      iterations: fc.integer({ min: 1, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(views, fc.integer({ min: 1, max: 45 }), async (view, side) => {
        const { picture } = await inTiles(view, side);
        expect(picture).toMatchObject({ width: view.width, height: view.height, bytesPerPixel: 2 });
        expect(picture?.pixels).toEqual(reference(view));
      }),
      { numRuns: 200 },
    );
  });

  it('equals the reference for the default view at 256 × 256', async () => {
    const view = { width: 256, height: 256, centreX: -0.75, centreY: 0, span: 3, iterations: 1000 };
    const { bytes } = await inTiles(view, 64);
    expect(Buffer.compare(bytes, reference(view))).toBe(0);
  });

  it('refuses tiles outside the picture and views that make no sense', () => {
    const { manifest } = kernel;
    const good = encodeParameters(manifest, resolveArguments(manifest, { width: 100, height: 50 }));
    const tile = (...numbers: number[]) => concatBytes(...numbers.map(uint32Bytes));
    expect(kernel.run(good, tile(96, 46, 4, 4))).toHaveLength(32);
    for (const bad of [
      tile(97, 0, 4, 4),
      tile(0, 47, 4, 4),
      tile(0, 0, 0, 1),
      tile(100, 0, 1, 1),
      tile(1, 0, 2 ** 32 - 1, 1),
    ]) {
      expect(() => kernel.run(good, bad)).toThrow(KernelFailure);
    }
    const corrupt = (offset: number, value: number) => {
      const bytes = good.slice();
      new DataView(bytes.buffer).setFloat64(offset, value, true);
      return bytes;
    };
    for (const bad of [
      corrupt(8, Number.NaN),
      corrupt(16, Number.POSITIVE_INFINITY),
      corrupt(24, 0),
      corrupt(24, -1),
    ]) {
      expect(() => kernel.run(bad, tile(0, 0, 4, 4))).toThrow(KernelFailure);
    }
  });
});
