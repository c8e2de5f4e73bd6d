/** Plots: what a manifest may ask for, which numbers are drawn, and that a drawing is sound XML of the right size. */
import { describe, expect, it } from 'vitest';
import { resolveArguments } from '../../../node/sdk/arguments.ts';
import { encodeTable } from '../../../node/sdk/format.ts';
import { joinOutputs } from '../../../node/sdk/join.ts';
import { checkManifest, type KernelManifest } from '../../../node/sdk/manifest.ts';
import { type PlotData, plotData } from '../../../node/sdk/plot/data.ts';
import { drawPlot, type Shape } from '../../../node/sdk/plot/draw.ts';
import { blackScholes } from '../../../node/sdk/plot/reference.ts';
import { toSvg } from '../../../node/sdk/plot/svg.ts';
import { BAD_MANIFEST } from '../../daemon/bad-kernels.ts';

const COLUMNS = [
  { name: 'n', type: 'u32' },
  { name: 'x', type: 'f64' },
  { name: 'label', type: 'text' },
  { type: 'text' },
];
const REDUCE = { fuelMax: 1e6, memoryPagesMax: 64, outputBytesMax: 64 };

function manifestWith(
  plot: object,
  result: object = { join: 'concat', show: 'table', columns: COLUMNS },
): KernelManifest {
  const limits = { ...BAD_MANIFEST.limits, reduce: REDUCE };
  return checkManifest({ ...BAD_MANIFEST, limits, result: { ...result, plot } });
}

async function dataOf(manifest: KernelManifest, outputs: readonly Uint8Array[], to = 8): Promise<PlotData> {
  const values = resolveArguments(manifest, { to });
  const reduce = async (parts: readonly Uint8Array[]) => {
    const sum = parts.reduce(
      (total, part) => total + new DataView(part.buffer, part.byteOffset).getBigUint64(0, true),
      0n,
    );
    return u64(sum);
  };
  const result = await joinOutputs({ manifest, values, outputs, reduce });
  return plotData(result.plot!, result);
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

const rows = (...cells: (number | string)[][]) => encodeTable(cells, checkManifest(tableManifest()).result.columns!);
const tableManifest = () => ({ ...BAD_MANIFEST, result: { join: 'concat', show: 'table', columns: COLUMNS } });

describe('a manifest', () => {
  it.each<[object, RegExp]>([
    [{ kind: 'scatter', x: 'n', y: 'z' }, /result\.plot\.y: names z, which is no column; there are n, x, label, 3/],
    [{ kind: 'scatter', x: 'n', y: 'label' }, /result\.plot\.y: names label, which is text/],
    [{ kind: 'line', x: 'n', y: 'x', of: 'merged' }, /result\.plot\.of: can be "merged" only/],
    [{ kind: 'line', x: 'n', y: 'x', per: 'number' }, /result\.plot\.per: /],
    [{ kind: 'tiles', values: 0, type: 'u64' }, /result\.plot\.values: names 0/],
    [{ kind: 'tiles', values: 3, type: 'u64', count: 'no' }, /result\.plot\.count: names no/],
    [{ kind: 'pie' }, /result\.plot/],
    [{ kind: 'bars', label: 'label', value: 'x', colour: 'red' }, /result\.plot: .*colour/],
  ])('with the plot %j is refused', (plot, message) => {
    expect(() => manifestWith(plot)).toThrow(message);
  });
});

describe('the numbers of a plot', () => {
  it('are the rows of a result, for points and bars', async () => {
    const output = rows([1, 0.5, 'a', ''], [2, 1.5, 'b', ''], [3, Number.NaN, 'c', '']);
    const points = await dataOf(manifestWith({ kind: 'scatter', x: 'n', y: 'x', size: 'n' }), [output]);
    expect(points).toMatchObject({
      points: [
        { x: 1, y: 0.5, size: 1 },
        { x: 2, y: 1.5, size: 2 },
      ],
    });
    const bars = await dataOf(manifestWith({ kind: 'bars', label: 'label', value: 'n' }), [output]);
    expect(bars).toMatchObject({
      count: 3,
      bars: [{ label: 'c', value: 3 }, { label: 'b', value: 2 }, { label: 'a' }],
    });
  });

  it('are those of single tasks, by their place in the range', async () => {
    const manifest = manifestWith(
      { kind: 'line', of: 'tasks', x: 'middle', y: 'value', per: 'number', reference: '1/ln x' },
      { join: 'reduce', show: 'u64' },
    );
    const data = await dataOf(manifest, [1n, 2n, 3n, 4n].map(u64), 4);
    expect(data).toMatchObject({ points: [0.5, 1.5, 2.5, 3.5].map((x, i) => ({ x, y: i + 1 })) });
  });

  it('are those of ever more tasks merged, and the last is the result', async () => {
    const manifest = manifestWith({ kind: 'line', of: 'merged', x: 'to', y: 'value' }, { join: 'reduce', show: 'u64' });
    const data = await dataOf(manifest, [1n, 2n, 3n, 4n, 5n].map(u64), 5);
    expect(data).toMatchObject({
      points: [
        { x: 1, y: 1 },
        { x: 2, y: 3 },
        { x: 4, y: 10 },
        { x: 5, y: 15 },
      ],
    });
  });

  it('are pictures where values make a square, and bars where they do not', async () => {
    const plot = { kind: 'tiles', values: 3, type: 'u8', label: 'n', value: 'x' };
    const square = await dataOf(manifestWith(plot), [rows([7, 2.5, '', 'abcd'])]);
    expect(square).toMatchObject({ kind: 'tiles', side: 2, tiles: [{ label: '7', value: 2.5 }] });
    expect(square.kind === 'tiles' && [...square.tiles[0]!.pixels]).toEqual([97, 98, 99, 100]);
    const line = await dataOf(manifestWith(plot), [rows([7, 2.5, '', 'abcde'])]);
    expect(line).toMatchObject({ kind: 'bars', bars: [{ label: '7', value: 2.5 }] });
  });

  it('are refused where the bytes are not the rows that the manifest names', async () => {
    const manifest = manifestWith({ kind: 'bars', label: 'label', value: 'n' });
    await expect(dataOf(manifest, [new Uint8Array(7)])).rejects.toMatchObject({ code: 'result-malformed' });
  });

  it('knows the price of Black and Scholes, as published: Hull, Options, Futures and Other Derivatives', () => {
    const values = { spot: 42, strike: 40, rate: 0.1, dividends: 0, volatility: 0.2, years: 0.5 };
    expect(blackScholes({ ...values, kind: 0 })).toBeCloseTo(4.76, 2);
    expect(blackScholes({ ...values, kind: 1 })).toBeCloseTo(0.81, 2);
    expect(blackScholes({ ...values, kind: 2 })).toBeUndefined();
  });
});

describe('a drawing', () => {
  const all = (shapes: readonly (Shape | string)[]): Shape[] =>
    shapes.flatMap((shape) => (typeof shape === 'string' ? [] : [shape, ...all(shape.children)]));

  it.each([240, 320, 760])('stays within %i pixels, and says in words what it shows', async (width) => {
    const output = rows(
      ...Array.from({ length: 30 }, (_, i) => [i + 1, Math.sin(i), `${'long '.repeat(20)}${i}`, 'abcd']),
    );
    const plots = [
      { kind: 'scatter', x: 'n', y: 'x', size: 'n', slope: 'x' },
      { kind: 'line', x: 'n', y: 'x', error: 'n', logX: true },
      { kind: 'bars', label: 'label', value: 'n' },
      { kind: 'ticks', x: 'n', marked: 'x' },
      { kind: 'tiles', values: 3, type: 'u8', label: 'n', value: 'x' },
    ];
    for (const plot of plots) {
      const drawing = drawPlot(await dataOf(manifestWith(plot), [output]), width);
      expect(drawing.width).toBe(width);
      expect(drawing.description.length).toBeGreaterThan(20);
      const places = all(drawing.shapes).flatMap(({ attributes: { x, x2, cx } }) => [x, x2, cx]);
      for (const at of places.filter((value) => typeof value === 'number')) {
        expect(at, plot.kind).toBeGreaterThanOrEqual(0);
        expect(at, plot.kind).toBeLessThanOrEqual(width);
      }
    }
  });

  it('is XML whatever the labels are, and has no script and no address in it', async () => {
    const manifest = manifestWith({ kind: 'bars', label: 'label', value: 'n' });
    const data = await dataOf(manifest, [rows([1, 0, '<script>alert("&")</script>\u0000', ''])]);
    const svg = toSvg(drawPlot(data, 400), 'A & B');
    expect(svg).toContain('&lt;script&gt;');
    expect(svg).not.toContain('\u0000');
    expect(svg).not.toMatch(/<script|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    expect(svg).toMatch(/<title id="title">A &amp; B<\/title>/);
  });

  it('of nothing says so', async () => {
    const data = await dataOf(manifestWith({ kind: 'bars', label: 'label', value: 'n' }), [new Uint8Array(0)]);
    expect(drawPlot(data, 300).description).toBe('There is nothing to plot.');
  });
});
