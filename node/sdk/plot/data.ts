/** From bytes to numbers: what a plot shows, before it is drawn. Strangers computed the bytes, so sizes are checked. */
import { fromHex } from '../../protocol/bytes.ts';
import { decodeCounts, decodeRows, decodeText, decodeU64 } from '../format.ts';
import type { Columns, KernelManifest, PlotSpec } from '../manifest.ts';
import type { PlotMaterial } from './material.ts';
import { referenceOf } from './reference.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly error?: number | undefined;
  readonly size?: number | undefined;
  readonly slope?: number | undefined;
}

export interface Reference {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface TilePicture {
  readonly label: string | undefined;
  readonly value: number | undefined;
  /** Row by row, side × side. */
  readonly pixels: Float64Array;
}

export type PlotData =
  | {
      readonly kind: 'scatter' | 'line';
      readonly xName: string;
      readonly yName: string;
      readonly isLogX: boolean;
      readonly points: readonly Point[];
      readonly reference: Reference | undefined;
    }
  | {
      readonly kind: 'ticks';
      readonly xName: string;
      readonly isLogX: boolean;
      readonly ticks: readonly { x: number; isMarked: boolean }[];
    }
  | {
      readonly kind: 'bars';
      readonly valueName: string;
      readonly bars: readonly { readonly label: string; readonly value: number }[];
      /** Bars there are in all. */
      readonly count: number;
    }
  | {
      readonly kind: 'tiles';
      readonly side: number;
      readonly isSigned: boolean;
      readonly valueName: string | undefined;
      readonly tiles: readonly TilePicture[];
      readonly count: number;
    };

export interface PlottedResult {
  readonly show: KernelManifest['result']['show'];
  readonly bytes: Uint8Array;
  readonly columns?: Columns | undefined;
}

const POINTS_MAX = 5_000;
export const BARS_MAX = 20;
export const TILES_MAX = 100;
const PIXELS_MAX = 1_000_000;

/** Throws an SdkError `result-malformed` where the bytes are not what the manifest says. */
export function plotData(material: PlotMaterial, result: PlottedResult): PlotData {
  const { spec, values } = material;
  switch (spec.kind) {
    case 'scatter': {
      const rows = rowsOf(result).slice(0, POINTS_MAX);
      const points = rows.map((row) => ({
        x: numberIn(row, spec.x),
        y: numberIn(row, spec.y),
        size: optionalIn(row, spec.size),
        slope: optionalIn(row, spec.slope),
      }));
      const usable = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
      return { kind: 'scatter', xName: spec.x, yName: spec.y, isLogX: false, points: usable, reference: undefined };
    }
    case 'line':
      return lineData(spec, material, result);
    case 'ticks': {
      const rows = rowsOf(result);
      const ticks = rows.map((row) => ({ x: numberIn(row, spec.x), isMarked: numberIn(row, spec.marked) !== 0 }));
      const isLogX = spec.logX === true && ticks.every(({ x }) => x > 0);
      return { kind: 'ticks', xName: spec.x, isLogX, ticks };
    }
    case 'bars': {
      const all = rowsOf(result).map((row) => ({ label: String(row[spec.label]), value: numberIn(row, spec.value) }));
      const bars = all.toSorted((a, b) => b.value - a.value).slice(0, BARS_MAX);
      return { kind: 'bars', valueName: spec.value, bars, count: all.length };
    }
    case 'tiles':
      return tileData(spec, values, rowsOf(result));
  }
}

type Row = Readonly<Record<string, number | string | Uint8Array>>;

function lineData(
  spec: Extract<PlotSpec, { kind: 'line' }>,
  { values, samples }: PlotMaterial,
  result: PlottedResult,
): PlotData {
  const rows =
    spec.of === 'rows'
      ? rowsOf(result)
      : (samples ?? []).flatMap(({ output, from, to, tasks }) => {
          const place = from === undefined || to === undefined ? {} : { from, to, middle: (from + to) / 2 };
          return rowsOf({ ...result, bytes: fromHex(output) }).map((row) => ({ tasks, ...place, ...row }) as Row);
        });
  const points = rows.slice(0, POINTS_MAX).map((row) => {
    const y = numberIn(row, spec.y);
    return {
      x: numberIn(row, spec.x),
      y: spec.per === 'number' ? y / (numberIn(row, 'to') - numberIn(row, 'from')) : y,
      error: optionalIn(row, spec.error),
    };
  });
  const usable = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)).sort((a, b) => a.x - b.x);
  const xs = usable.map(({ x }) => x);
  const isLogX = spec.logX === true && xs.every((x) => x > 0);
  return {
    kind: 'line',
    xName: spec.xName ?? spec.x,
    yName: spec.yName ?? spec.y,
    isLogX,
    points: usable,
    reference: spec.reference && referenceOf(spec.reference, values, xs),
  };
}

/** Each row of a result by its columns; those without a name by their number. */
function rowsOf({ show, bytes, columns }: PlottedResult): readonly Row[] {
  if (show === 'u64') return [{ value: Number(decodeU64(bytes)) }];
  if (show === 'counts') return decodeCounts(bytes).map(({ key, count }) => ({ entry: key, count: Number(count) }));
  if (columns === undefined) return [];
  return decodeRows(bytes, columns).map((cells) =>
    Object.fromEntries(
      cells.map((cell, index) => {
        const name = columns[index]!.name;
        if (typeof cell === 'bigint') return [name ?? index, Number(cell)];
        // A text without a name is for programs: its bytes, whatever they are.
        if (cell instanceof Uint8Array && name !== undefined) return [name, decodeText(cell)];
        return [name ?? index, cell];
      }),
    ),
  );
}

function numberIn(row: Row, column: string): number {
  const value = row[column];
  return typeof value === 'number' ? value : Number.NaN;
}

function optionalIn(row: Row, column: string | undefined): number | undefined {
  return column === undefined ? undefined : numberIn(row, column);
}

const BYTES = { u8: 1, u16: 2, u64: 8, i64: 8, f32: 4 } as const;

function tileData(
  spec: Extract<PlotSpec, { kind: 'tiles' }>,
  values: PlotMaterial['values'],
  rows: readonly Row[],
): PlotData {
  const each = rows.map((row) => numbersIn(row[String(spec.values)], spec.type));
  const side = spec.side ?? Math.sqrt(each[0]?.length ?? 0);
  const isSigned = spec.type === 'i64' || spec.type === 'f32';
  const perRow = spec.count === undefined ? Number.POSITIVE_INFINITY : (values[spec.count] ?? Number.POSITIVE_INFINITY);
  const tiles: TilePicture[] = [];
  let count = 0;
  rows.forEach((row, index) => {
    const numbers = each[index] as Float64Array;
    const pictures = Number.isInteger(side) && side > 1 ? Math.min(perRow, Math.floor(numbers.length / side ** 2)) : 1;
    for (let i = 0; i < pictures; i++) {
      count++;
      if (tiles.length >= TILES_MAX || tiles.length * side ** 2 > PIXELS_MAX) continue;
      tiles.push({
        label: spec.label === undefined ? (pictures > 1 ? String(i) : undefined) : String(row[spec.label]),
        value: optionalIn(row, spec.value),
        pixels: numbers.subarray(i * side ** 2, (i + 1) * side ** 2),
      });
    }
  });
  const isPicture = Number.isInteger(side) && side > 1;
  if (!isPicture && spec.label !== undefined && spec.value !== undefined) {
    // Values that make no square are no picture: what is left is how large each of them is.
    const bars = tiles.map(({ label = '', value = 0 }) => ({ label, value })).slice(0, TILES_MAX);
    return { kind: 'bars', valueName: spec.value, bars, count };
  }
  return {
    kind: 'tiles',
    side: isPicture ? side : 0,
    isSigned,
    valueName: spec.value,
    tiles: isPicture ? tiles : [],
    count,
  };
}

function numbersIn(part: Row[string] | undefined, type: keyof typeof BYTES): Float64Array {
  if (!(part instanceof Uint8Array)) return new Float64Array(0);
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  const size = BYTES[type];
  return Float64Array.from({ length: Math.floor(part.length / size) }, (_, i) => {
    const at = i * size;
    if (type === 'u8') return view.getUint8(at);
    if (type === 'u16') return view.getUint16(at, true);
    if (type === 'f32') return view.getFloat32(at, true);
    return Number(type === 'u64' ? view.getBigUint64(at, true) : view.getBigInt64(at, true));
  });
}
