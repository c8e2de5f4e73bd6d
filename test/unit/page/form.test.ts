/** Arguments as fields, what a kernel may touch, and tiles in their places. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { argumentsOf, fieldsOf, problemOf } from '../../../browser/page/model/fields.ts';
import { largestIn, putUnit, tileOf, tilesOfUnit, valueAt } from '../../../browser/page/model/tiles.ts';
import { touchOfJob, touchOfKernel } from '../../../browser/page/model/touch.ts';
import { peerName } from '../../../browser/page/model/words.ts';
import type { PicturePlan } from '../../../browser/page/peer-source.ts';
import type { Cid } from '../../../node/protocol/ids.ts';
import { resolveArguments } from '../../../node/sdk/arguments.ts';
import { joinOutputs } from '../../../node/sdk/join.ts';
import { type KernelManifest, parseManifest } from '../../../node/sdk/manifest.ts';
import { CHECKOUT } from '../../support/daemon.ts';
import { jobView, peer } from './fixtures.ts';

async function manifestOf(kernel: string): Promise<KernelManifest> {
  return parseManifest(await readFile(join(CHECKOUT, 'kernels', kernel, 'kernel.json'), 'utf8'));
}

describe('fields', () => {
  it('are labelled, and needed where the manifest has no default', async () => {
    const fields = fieldsOf(await manifestOf('prime-count'));
    expect(fields.map(({ label, isRequired, placeholder }) => [label, isRequired, placeholder])).toEqual([
      ['From', false, '0'],
      ['To', true, ''],
    ]);
    expect(fields[1]?.hint).toBe('End of the range, itself not counted. From 0 to 100,000,000,000,000.');
    expect(fieldsOf(await manifestOf('mandelbrot')).map(({ label }) => label)).toContain('Centre x');
  });

  it('refuse exactly what cannot be a number of their type', async () => {
    const manifest = await manifestOf('mandelbrot');
    const fields = fieldsOf(manifest);
    const whole = fields.find(({ name }) => name === 'width')!;
    const real = fields.find(({ name }) => name === 'centreX')!;
    for (const text of ['', '7', '1e3', ' 1_000 ', '1 000']) expect(problemOf(whole, text)).toBeUndefined();
    for (const text of ['1.5', 'many', '1e', '0x10']) expect(problemOf(whole, text)).toContain('whole number');
    expect(problemOf(real, '-0.75')).toBeUndefined();
    expect(problemOf(real, 'left')).toContain('number');
    expect(problemOf({ ...whole, isRequired: true }, ' ')).toBe('Width is needed.');
  });

  it('become arguments the kernel takes', async () => {
    const manifest = await manifestOf('mandelbrot');
    const typed = new Map([
      ['width', ' 1 000 '],
      ['height', ''],
      ['centreX', '-0.5'],
    ]);
    const given = argumentsOf(fieldsOf(manifest), typed);
    expect(given).toEqual({ width: '1000', centreX: '-0.5' });
    expect(resolveArguments(manifest, given).get('width')).toBe(1_000);
  });
});

describe('what a kernel may touch', () => {
  it('is said before it runs', async () => {
    const manifest = await manifestOf('prime-count');
    const report = {
      byteLength: 2_048,
      abi: 1,
      imports: [],
      exports: [],
      memory: { initialPages: 4, maximumPages: 256 },
      features: ['simd'],
      functionCount: 8,
      hasReduce: true,
    };
    const facts = touchOfKernel({ manifest, report, cid: 'bafy' as Cid });
    const value = (name: string) => facts.find((fact) => fact.name === name)?.value;
    expect(value('Reaches')).toBe('nothing outside');
    expect(value('Memory')).toBe('up to 16 MiB');
    expect(value('Size')).toBe('2 KiB, 8 functions');
    expect(value('WebAssembly')).toBe('MVP and simd');
    const imports = ['wasi_snapshot_preview1.fd_read'];
    const reaching = touchOfKernel({ manifest, report: { ...report, abi: 2, imports }, cid: 'bafy' as Cid });
    expect(reaching[0]?.value).toBe('its input and its output');
    expect(reaching[0]?.note).toContain('no files, no network');
  });

  it('is said of a job: by its limits at once, by its module when that is here', () => {
    const limits = { memoryPagesMax: 16, fuelPerTaskMax: 5e9, outputBytesPerTaskMax: 8 };
    const spec = { ...jobView([]).spec, ...limits, kernel: 'bafk' as Cid };
    const view = jobView([], { own: false, submitter: peer('b'), spec });
    const memory = { initialPages: 4, maximumPages: 8 };
    const report = {
      byteLength: 2_048,
      imports: [],
      exports: [],
      memory,
      abi: 1,
      features: [],
      functionCount: 8,
      hasReduce: true,
    };
    const valueIn = (facts: ReturnType<typeof touchOfJob>) => (name: string) =>
      facts.find((fact) => fact.name === name)?.value;
    const absent = valueIn(touchOfJob(view, undefined));
    expect(absent('Reaches')).toBe('nothing outside');
    expect(absent('Memory')).toBe('up to 1 MiB');
    expect(absent('Module')).toBe('not here yet');
    expect(absent('Size')).toBeUndefined();
    expect(absent('Announced by')).toBe(peerName(peer('b')));
    expect(absent('Content id')).toBe(view.spec.kernel);
    const present = valueIn(touchOfJob({ ...view, own: true }, { report }));
    expect(present('Memory')).toBe('up to 512 KiB');
    expect(present('Module')).toBeUndefined();
    expect([present('Size'), present('WebAssembly'), present('Announced by')]).toEqual([
      '2 KiB, 8 functions',
      'MVP',
      'you',
    ]);
    const refusal = { code: 'forbidden-import', message: 'it imports env.now' } as const;
    expect(valueIn(touchOfJob(view, { refusal }))('Refused')).toBe('it imports env.now');
  });
});

describe('tiles', () => {
  const plan: PicturePlan = { width: 100, height: 70, bytesPerPixel: 2, tileWidth: 64, tileHeight: 64 };

  it('lie row by row, smaller at the edges', () => {
    expect([0, 1, 2, 3].map((task) => tileOf(plan, task))).toEqual([
      { x: 0, y: 0, width: 64, height: 64 },
      { x: 64, y: 0, width: 36, height: 64 },
      { x: 0, y: 64, width: 64, height: 6 },
      { x: 64, y: 64, width: 36, height: 6 },
    ]);
    expect(tilesOfUnit(plan, 3, 1)).toEqual([tileOf(plan, 3)]);
  });

  it('make the same picture as the join of the whole job', async () => {
    const manifest = await manifestOf('mandelbrot');
    const outputs = [0, 1, 2, 3].map((task) => {
      const { width, height } = tileOf(plan, task);
      return Uint8Array.from({ length: width * height * 2 }, (_, index) => (index * 7 + task * 31) % 256);
    });
    const values = resolveArguments(manifest, { width: 100, height: 70 });
    const { bytes } = await joinOutputs({ manifest, values, outputs });
    const pixels = new Uint8Array(100 * 70 * 2);
    for (const unit of [1, 0]) {
      const output = Buffer.concat(outputs.slice(unit * 2, unit * 2 + 2));
      expect(putUnit(pixels, plan, tilesOfUnit(plan, 2, unit), output)).toBe(true);
    }
    expect(Buffer.compare(pixels, bytes)).toBe(0);
  });

  it('refuse outputs of another size, and find the largest value', () => {
    const pixels = new Uint8Array(100 * 70 * 2);
    expect(putUnit(pixels, plan, tilesOfUnit(plan, 1, 0), new Uint8Array(5))).toBe(false);
    pixels.set([0x34, 0x12], (65 * 100 + 3) * 2);
    expect(valueAt(pixels, plan, 65 * 100 + 3)).toBe(0x1234);
    expect(largestIn(pixels, plan, tilesOfUnit(plan, 1, 2))).toBe(0x1234);
    expect(largestIn(pixels, plan, tilesOfUnit(plan, 1, 0))).toBe(0);
  });
});
