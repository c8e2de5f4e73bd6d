/** Splitting and joining undo each other; pieces that must stay whole stay whole. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, uint32Bytes } from '../../../node/protocol/bytes.ts';
import { type ArgumentInputs, resolveArguments } from '../../../node/sdk/arguments.ts';
import type { SdkErrorCode } from '../../../node/sdk/error.ts';
import { joinOutputs, REDUCE_FAN_IN, reduceTree } from '../../../node/sdk/join.ts';
import type { KernelManifest } from '../../../node/sdk/manifest.ts';
import { paragraphEnds, type SplitOptions, splitTasks } from '../../../node/sdk/split.ts';
import { gridManifest, manifest, rangeManifest, withReduce } from './fixtures.ts';

function split(kernel: KernelManifest, args: ArgumentInputs, options: SplitOptions): Uint8Array[] {
  const plan = splitTasks(kernel, resolveArguments(kernel, args), options);
  const inputs = Array.from(plan.inputs);
  expect(plan.count).toBe(inputs.length);
  return inputs;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const fileKernel = (kind: 'paragraphs' | 'lines' | 'bytes') =>
  manifest({ tasks: { from: 'file', split: kind, bytesPerTask: 10 } });
const text = fc
  .array(fc.constantFrom('a', 'bc', ' ', '\t', '\r', '\n', '\n', '\n\n'), { minLength: 1, maxLength: 90 })
  .map((parts) => utf8(parts.join('')));

describe('split of a file', () => {
  it('is undone by concatenation, whatever the split and the task size', async () => {
    const kinds = fc.constantFrom('paragraphs', 'lines', 'bytes') as fc.Arbitrary<'paragraphs' | 'lines' | 'bytes'>;
    await fc.assert(
      fc.asyncProperty(text, kinds, fc.integer({ min: 1, max: 100 }), async (file, kind, taskSize) => {
        const kernel = manifest({
          tasks: { from: 'file', split: kind, bytesPerTask: 10 },
          limits: { ...manifest().limits, inputBytesPerTaskMax: 200 },
        });
        const outputs = split(kernel, {}, { file, taskSize });
        expect(outputs.every((output) => output.length > 0)).toBe(true);
        const { bytes } = await joinOutputs({ manifest: kernel, values: new Map(), outputs });
        expect(bytes).toEqual(file);
      }),
    );
  });

  it('ends each task but the last at a piece that was whole, and fills it as far as it goes', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), (file, taskSize) => {
        const kernel = manifest({
          tasks: { from: 'file', split: 'paragraphs', bytesPerTask: 10 },
          limits: { ...manifest().limits, inputBytesPerTaskMax: 200 },
        });
        const ends = paragraphEnds(file);
        let at = 0;
        for (const task of split(kernel, {}, { file, taskSize })) {
          const end = at + task.length;
          expect(ends).toContain(end);
          const inside = ends.filter((other) => other > at && other <= end);
          if (task.length > taskSize) expect(inside).toHaveLength(1);
          const next = ends.find((other) => other > end);
          if (next !== undefined) expect(next - at).toBeGreaterThan(taskSize);
          at = end;
        }
      }),
    );
  });

  it('packs lines and fixed sizes', () => {
    const file = utf8('one\ntwo\nthree\nfour and more than ten\nx');
    const lines = split(fileKernel('lines'), {}, { file }).map((task) => Buffer.from(task).toString());
    expect(lines).toEqual(['one\ntwo\n', 'three\n', 'four and more than ten\n', 'x']);
    expect(split(fileKernel('bytes'), {}, { file }).map((task) => task.length)).toEqual([10, 10, 10, 8]);
    const whole = manifest({ tasks: { from: 'file', split: 'whole' } });
    expect(split(whole, {}, { file })).toEqual([file]);
  });

  it('ends paragraphs at blank lines, and at the line that reaches 32,768 bytes', () => {
    expect(paragraphEnds(utf8('a\nb\n \t\r\nc\n\n\nd'))).toEqual([8, 11, 12, 13]);
    expect(paragraphEnds(utf8('a\n\r \n'))).toEqual([5]);
    expect(paragraphEnds(new Uint8Array(0))).toEqual([]);
    const line = utf8(`${'x'.repeat(16_383)}\n`);
    expect(paragraphEnds(concatBytes(line, line, line))).toEqual([32_768, 49_152]);
    expect(paragraphEnds(concatBytes(line, line.subarray(1), line))).toEqual([49_151]);
  });
});

describe('split of a range', () => {
  it('covers it without gap or overlap', () => {
    const bounds = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.bigInt({ min: 1n, max: 5000n }));
    fc.assert(
      fc.property(bounds, fc.integer({ min: 1, max: 700 }), ([from, width], step) => {
        let at = from;
        for (const task of split(rangeManifest(step), { from, to: from + width }, {})) {
          const view = new DataView(task.buffer);
          expect(view.getBigUint64(0, true)).toBe(at);
          const to = view.getBigUint64(8, true);
          expect(to > at && to - at <= BigInt(step)).toBe(true);
          at = to;
        }
        expect(at).toBe(from + width);
      }),
    );
  });
});

describe('split of a grid', () => {
  it('is undone by the join: every pixel lands in its place', async () => {
    const sides = fc.integer({ min: 1, max: 30 });
    const depth = fc.constantFrom(1, 2) as fc.Arbitrary<1 | 2>;
    await fc.assert(
      fc.asyncProperty(
        sides,
        sides,
        depth,
        fc.option(fc.integer({ min: 1, max: 22 })),
        async (width, height, bytesPerPixel, taskSize) => {
          const kernel = gridManifest(bytesPerPixel);
          const values = resolveArguments(kernel, { width, height });
          const size = taskSize ?? undefined;
          const outputs = split(kernel, { width, height }, { taskSize: size }).map((task) => {
            const [x, y, w, h] = new Uint32Array(task.buffer) as unknown as [number, number, number, number];
            const pixels = Array.from({ length: w * h }, (_, i) => (y + Math.floor(i / w)) * width + x + (i % w));
            return Uint8Array.from(pixels.flatMap((value) => [value & 255, value >> 8].slice(0, bytesPerPixel)));
          });
          const { picture } = await joinOutputs({ manifest: kernel, values, outputs, taskSize: size });
          const all = Array.from({ length: width * height }, (_, value) =>
            [value & 255, value >> 8].slice(0, bytesPerPixel),
          );
          expect(picture).toEqual({ width, height, bytesPerPixel, pixels: Uint8Array.from(all.flat()) });
        },
      ),
    );
  });

  it('refuses outputs of a wrong number or size', async () => {
    const kernel = gridManifest();
    const values = resolveArguments(kernel, { width: 8, height: 3 });
    const join = (outputs: Uint8Array[]) => joinOutputs({ manifest: kernel, values, outputs });
    await expect(join([new Uint8Array(12)])).rejects.toMatchObject({ code: 'result-malformed' });
    await expect(join([new Uint8Array(12), new Uint8Array(11)])).rejects.toThrow('task 1: a tile of 4×3 pixels has 11');
  });
});

describe('bad input', () => {
  const small = manifest({ tasks: { from: 'file', split: 'paragraphs', bytesPerTask: 50 } });
  it.each<[string, KernelManifest, ArgumentInputs, SplitOptions, SdkErrorCode, string]>([
    ['no file', manifest(), {}, {}, 'file-missing', 'echo needs a file'],
    ['an empty file', manifest(), {}, { file: new Uint8Array(0) }, 'file-empty', 'empty'],
    ['a file for a range', rangeManifest(1), { to: 1 }, { file: utf8('x') }, 'file-not-wanted', 'echo reads no file'],
    ['an empty range', rangeManifest(1), { from: 5, to: 5 }, {}, 'no-tasks', 'from is 5 and to is 5'],
    ['a range backwards', rangeManifest(1), { from: 6, to: 5 }, {}, 'no-tasks', 'the range is empty'],
    ['a range too long', rangeManifest(1), { to: '1e18' }, {}, 'too-many-units', 'larger tasks'],
    ['an empty picture', gridManifest(), { width: 0, height: 5 }, {}, 'no-tasks', 'empty'],
    [
      'a line too long',
      manifest(),
      {},
      { file: utf8(`a\n${'x'.repeat(200)}`) },
      'task-too-large',
      'lines at byte 2 is 200 bytes',
    ],
    [
      'a paragraph too long',
      small,
      {},
      { file: utf8('x\n'.repeat(99)) },
      'task-too-large',
      'paragraphs at byte 0 is 198',
    ],
    ['a task of no size', manifest(), {}, { file: utf8('x'), taskSize: 0 }, 'task-size-invalid', 'from 1, not 0'],
    ['a task of half a byte', manifest(), {}, { file: utf8('x'), taskSize: 1.5 }, 'task-size-invalid', 'whole number'],
    [
      'too many numbers in a task',
      rangeManifest(1),
      { to: 9 },
      { taskSize: 10_001 },
      'task-size-invalid',
      'at most 10000 numbers, not 10001',
    ],
    [
      'a tile over the limit',
      gridManifest(2),
      { width: 99, height: 99 },
      { taskSize: 23 },
      'task-size-invalid',
      'a tile of 23×23 pixels takes 1058 bytes',
    ],
    [
      'a task over the limit',
      manifest(),
      {},
      { file: utf8('x'), taskSize: 101 },
      'task-size-invalid',
      'at most 100 bytes, not 101',
    ],
  ])('refuses %s', (_what, kernel, args, options, code, message) => {
    const run = () => splitTasks(kernel, resolveArguments(kernel, args), options);
    expect(run).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });
});

describe('join', () => {
  const kernel = withReduce();
  const values = new Map();

  it('merges as a tree, in order, never more than the fan-in at once', async () => {
    for (const count of [0, 1, 2, REDUCE_FAN_IN, REDUCE_FAN_IN + 1, REDUCE_FAN_IN ** 2, REDUCE_FAN_IN ** 2 + 1]) {
      const sizes: number[] = [];
      const outputs = Array.from({ length: count }, (_, task) => uint32Bytes(task));
      const bytes = await reduceTree(outputs, async (parts) => {
        sizes.push(parts.length);
        return concatBytes(...parts);
      });
      expect(bytes).toEqual(concatBytes(...outputs));
      expect(sizes.length).toBeGreaterThan(0);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(REDUCE_FAN_IN);
    }
  });

  it('needs a sandbox to merge', async () => {
    const join = joinOutputs({ manifest: kernel, values, outputs: [new Uint8Array(1)] });
    await expect(join).rejects.toMatchObject({ code: 'reduce-missing' });
  });

  it('names tasks that trapped', async () => {
    const outputs = [new Uint8Array(0), undefined, new Uint8Array(0), undefined];
    const join = joinOutputs({ manifest: manifest(), values, outputs });
    await expect(join).rejects.toMatchObject({
      code: 'task-trapped',
      message: expect.stringContaining('2 of 4 tasks'),
    });
    await expect(join).rejects.toThrow('(task 1, 3)');
  });
});
