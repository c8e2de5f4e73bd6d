/**
 * Draws what a plot shows, as a tree of SVG elements without colours: classes say what a thing is, and whoever shows the
 * drawing says how that looks, in dark and in light. The same drawing goes into a page and into a file.
 */

import { linearScale, logScale, numberText, type Scale } from './axis.ts';
import { toBase64 } from './base64.ts';
import type { PlotData, Point, TilePicture } from './data.ts';
import { encodePng } from './png.ts';

export interface Shape {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Shape | string)[];
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** In words, for those who do not see it. */
  readonly description: string;
  readonly shapes: readonly Shape[];
}

/** Pixels of one letter of the 12 px font, on average. */
const LETTER = 6.4;
const LINE = 22;

/** `width` in pixels, at least 240; the height follows from what there is to show. */
export function drawPlot(data: PlotData, width: number): Drawing {
  const wide = Math.max(240, Math.floor(width));
  if (data.kind === 'bars') return drawBars(data, wide);
  if (data.kind === 'ticks') return drawTicks(data, wide);
  if (data.kind === 'tiles') return drawTiles(data, wide);
  return drawPoints(data, wide);
}

type Of<K extends PlotData['kind']> = Extract<PlotData, { readonly kind: K }>;

function shape(tag: string, attributes: Shape['attributes'], ...children: (Shape | string)[]): Shape {
  const rounded = Object.entries(attributes).map(([name, value]) => {
    return [name, typeof value === 'number' ? Math.round(value * 100) / 100 : value] as const;
  });
  return { tag, attributes: Object.fromEntries(rounded), children };
}

function words(text: string, x: number, y: number, anchor: 'start' | 'middle' | 'end', kind = 'plot-text'): Shape {
  return shape('text', { class: kind, x, y, 'text-anchor': anchor }, text);
}

function drawPoints(data: Of<'scatter' | 'line'>, width: number): Drawing {
  const { points, reference, isLogX, xName, yName, kind } = data;
  const height = Math.round(Math.min(360, Math.max(240, width * 0.5)));
  if (points.length === 0) return empty(width, 'There is nothing to plot.');
  const xs = points.map(({ x }) => x);
  const ys = points.flatMap(({ y, error = 0 }) => [y - error, y + error]);
  for (const { y } of reference?.points ?? []) ys.push(y);
  const [top, bottom] = [30, height - 44];
  const y = linearScale(ys, bottom, top, Math.floor((bottom - top) / 40));
  const left = 14 + LETTER * Math.max(...y.ticks.map(({ text }) => text.length), 3);
  const right = width - 16;
  const wanted = Math.max(2, Math.floor((right - left) / 90));
  const x = isLogX ? logScale(xs, left, right) : linearScale(xs, left, right, wanted);
  const shapes = [...axes(x, y, { left, right, top, bottom }, xName, yName)];
  if (kind === 'line') {
    const banded = points.filter(({ error }) => error !== undefined);
    if (banded.length > 1) {
      const upper = banded.map((point) => place(x, y, point.x, point.y + (point.error ?? 0)));
      const lower = banded.map((point) => place(x, y, point.x, point.y - (point.error ?? 0))).reverse();
      shapes.push(shape('polygon', { class: 'plot-band', points: [...upper, ...lower].join(' ') }));
    }
    const line = points.map((point) => place(x, y, point.x, point.y)).join(' ');
    shapes.push(shape('polyline', { class: 'plot-line', points: line }));
  }
  if (reference !== undefined && reference.points.length > 1) {
    const line = reference.points.map((point) => place(x, y, point.x, point.y)).join(' ');
    shapes.push(shape('polyline', { class: 'plot-reference', points: line }));
  }
  shapes.push(...marks(data, x, y));
  if (reference !== undefined) {
    shapes.push(words(`- - ${reference.name}`, right, 14, 'end', 'plot-text plot-reference-text'));
  }
  return { width, height, shapes, description: describePoints(data) };
}

function marks({ points, kind }: Of<'scatter' | 'line'>, x: Scale, y: Scale): readonly Shape[] {
  const sizes = points.flatMap(({ size }) => (size !== undefined && size > 0 ? [size] : []));
  const largest = Math.max(...sizes, 1e-300);
  const half = slopeSpan(points) / 2;
  const radius = kind === 'line' ? (points.length > 60 ? 1.6 : 3) : 3.5;
  return points.map((point) => {
    const r = point.size === undefined ? radius : 2 + 6 * Math.sqrt(Math.max(0, point.size) / largest);
    const text = pointText(point);
    const dot = { class: 'plot-mark', cx: x.at(point.x), cy: y.at(point.y), r };
    if (!point.slope || half === 0) return shape('circle', dot, shape('title', {}, text));
    // A signal that moves is drawn as the way it takes.
    const rise = point.slope * half;
    const way = {
      ...{ class: 'plot-way', x1: x.at(point.x - half), y1: y.at(point.y - rise) },
      ...{ x2: x.at(point.x + half), y2: y.at(point.y + rise) },
    };
    return shape('g', {}, shape('title', {}, text), shape('line', way), shape('circle', dot));
  });
}

/** As long as the distance between two neighbours in time, so that ways follow each other; none without a neighbour. */
function slopeSpan(points: readonly Point[]): number {
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const gaps = xs.slice(1).map((x, i) => x - (xs[i] as number));
  return gaps.length === 0 ? 0 : Math.min(...gaps);
}

function pointText({ x, y, error, size, slope }: Point): string {
  const parts = [`${plain(x)}: ${plain(y)}`];
  if (error !== undefined) parts.push(`± ${plain(error)}`);
  if (size !== undefined) parts.push(`strength ${plain(size)}`);
  if (slope) parts.push(`drift ${plain(slope)}`);
  return parts.join(', ').replace(', ±', ' ±');
}

function describePoints({ kind, points, xName, yName, reference }: Of<'scatter' | 'line'>): string {
  const ys = points.map(({ y }) => y);
  const range = `${points.length} points, from ${plain(Math.min(...ys))} to ${plain(Math.max(...ys))}`;
  if (kind === 'scatter') {
    const strongest = points.reduce((most, point) => ((point.size ?? 0) > (most.size ?? 0) ? point : most));
    const largest =
      strongest.size === undefined ? '' : `; the largest is ${plain(strongest.y)} at ${plain(strongest.x)}`;
    return `${yName} against ${xName}: ${range}${largest}.`;
  }
  const last = points.at(-1) as Point;
  const end = last.error === undefined ? plain(last.y) : `${plain(last.y)} ± ${plain(last.error)}`;
  const against =
    reference === undefined ? '' : `; ${reference.name} gives ${plain(reference.points.at(-1)?.y ?? Number.NaN)} there`;
  return `${yName} against ${xName}: ${range}; the last, at ${plain(last.x)}, is ${end}${against}.`;
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function axes(x: Scale, y: Scale, { left, right, top, bottom }: Frame, xName: string, yName: string): readonly Shape[] {
  return [
    ...y.ticks.flatMap(({ value, text }) => [
      shape('line', { class: 'plot-grid', x1: left, x2: right, y1: y.at(value), y2: y.at(value) }),
      words(text, left - 8, y.at(value) + 4, 'end'),
    ]),
    ...x.ticks.flatMap(({ value, text }) => [
      shape('line', { class: 'plot-axis', x1: x.at(value), x2: x.at(value), y1: bottom, y2: bottom + 4 }),
      words(text, x.at(value), bottom + 18, 'middle'),
    ]),
    shape('line', { class: 'plot-axis', x1: left, x2: right, y1: bottom, y2: bottom }),
    words(xName, right, bottom + 36, 'end', 'plot-text plot-name'),
    words(yName, 2, 14, 'start', 'plot-text plot-name'),
  ].filter((item) => !(item.tag === 'line' && Number(item.attributes.y1) < top - 1));
}

function place(x: Scale, y: Scale, atX: number, atY: number): string {
  return `${x.at(atX).toFixed(1)},${y.at(atY).toFixed(1)}`;
}

function drawBars({ bars, valueName, count }: Of<'bars'>, width: number): Drawing {
  if (bars.length === 0) return empty(width, 'There is nothing to plot.');
  const most = Math.max(...bars.map(({ value }) => value), 0);
  const longest = Math.max(...bars.map(({ label }) => label.length));
  const left = Math.min(width * 0.4, 12 + LETTER * longest);
  const numbers = bars.map(({ value }) => plain(value));
  const right = width - 12 - LETTER * Math.max(...numbers.map((text) => text.length));
  const rest = count > bars.length ? ` The largest ${bars.length} of ${count}.` : '';
  const shapes = bars.flatMap(({ label, value }, index) => {
    const y = 26 + index * LINE;
    const length = most > 0 ? Math.max(1, ((right - left) * Math.max(0, value)) / most) : 1;
    return [
      words(shortened(label, left - 10), left - 8, y + 12, 'end'),
      shape(
        'rect',
        { class: 'plot-bar', x: left, y: y + 1, width: length, height: LINE - 7, rx: 2 },
        shape('title', {}, `${label}: ${plain(value)}`),
      ),
      words(numbers[index] as string, left + length + 6, y + 12, 'start'),
    ];
  });
  const [first] = bars;
  return {
    width,
    height: 32 + bars.length * LINE,
    shapes: [words(valueName, 2, 14, 'start', 'plot-text plot-name'), ...shapes],
    description: `${valueName} as bars.${rest} The largest is ${first?.label} with ${numbers[0]}.`,
  };
}

function shortened(text: string, pixels: number): string {
  const letters = Math.max(4, Math.floor(pixels / LETTER));
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

function drawTicks({ ticks, xName, isLogX }: Of<'ticks'>, width: number): Drawing {
  if (ticks.length === 0) return empty(width, 'There is nothing to plot.');
  const [left, right, line] = [16, width - 16, 96];
  const all = ticks.map((tick) => tick.x);
  const wanted = Math.max(2, Math.floor(width / 90));
  const x = isLogX ? logScale(all, left, right) : linearScale(all, left, right, wanted, 0.02);
  const marked = ticks.filter(({ isMarked }) => isMarked);
  const faint = ticks.filter(({ isMarked }) => !isMarked);
  const stroke = (value: number, top: number, kind: string): Shape => {
    const at = x.at(value);
    return shape('line', { class: kind, x1: at, x2: at, y1: top, y2: line }, shape('title', {}, String(value)));
  };
  const shapes: Shape[] = faint.map((tick) => stroke(tick.x, line - 12, 'plot-faint'));
  // Names that would lie over each other take turns in height, and are left out where that is not enough.
  const ends = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const tick of marked) {
    const at = x.at(tick.x);
    const text = String(tick.x);
    const half = (LETTER * text.length) / 2 + 2;
    const middle = Math.min(right - half, Math.max(left + half, at));
    const row = ends.findIndex((end) => middle - half >= end + 4);
    const top = row < 0 ? line - 26 : line - 30 - row * 17;
    shapes.push(stroke(tick.x, top, 'plot-tick'));
    if (row < 0) continue;
    ends[row] = middle + half;
    shapes.push(words(text, middle, top - 5, 'middle', 'plot-text plot-strong'));
  }
  const axis = [
    shape('line', { class: 'plot-axis', x1: left, x2: right, y1: line, y2: line }),
    ...x.ticks
      .filter(({ value }) => x.at(value) >= left && x.at(value) <= right)
      .map(({ value, text }) => words(text, x.at(value), line + 18, 'middle')),
    words(xName, right, line + 36, 'end', 'plot-text plot-name'),
  ];
  const names = marked.slice(0, 40).map((tick) => tick.x);
  const description = `${marked.length} of ${ticks.length} are marked: ${names.join(', ')}${marked.length > 40 ? ' and more' : ''}.`;
  return { width, height: line + 46, shapes: [...axis, ...shapes], description: `${xName}: ${description}` };
}

function drawTiles({ tiles, side, isSigned, valueName, count }: Of<'tiles'>, width: number): Drawing {
  if (tiles.length === 0) return empty(width, 'The values make no pictures.');
  const hasWords = tiles.some(({ label, value }) => label !== undefined || value !== undefined);
  const columns = Math.max(2, Math.min(tiles.length, Math.floor(width / (tiles.length > 40 ? 72 : 92))));
  const size = Math.floor((width - 4 - (columns - 1) * 8) / columns);
  const shown = Math.min(size, 120);
  const step = shown + (hasWords ? 32 : 8);
  const scale = isSigned ? Math.max(...tiles.map(({ pixels }) => largest(pixels)), 1e-300) : 0;
  const shapes = tiles.flatMap((tile, index) => {
    const [x, y] = [2 + (index % columns) * (shown + 8), 2 + Math.floor(index / columns) * step];
    const text = [tile.label, tile.value === undefined ? undefined : `${plain(tile.value)}`];
    const href = `data:image/png;base64,${toBase64(encodePng(side, side, colours(tile, scale)))}`;
    const full = `${tile.label ?? index}${tile.value === undefined ? '' : `: ${plain(tile.value)} ${valueName ?? ''}`}`;
    return [
      shape(
        'image',
        { class: 'plot-tile', x, y, width: shown, height: shown, href, 'image-rendering': 'pixelated' },
        shape('title', {}, full),
      ),
      ...(hasWords && text[0] !== undefined
        ? [words(`#${text[0]}`, x, y + shown + 15, 'start', 'plot-text plot-strong')]
        : []),
      ...(text[1] === undefined ? [] : [words(text[1], x + shown, y + shown + 15, 'end')]),
    ];
  });
  const rest = count > tiles.length ? `, the first ${tiles.length} of ${count}` : '';
  const what = isSigned ? 'blue is below zero, red above' : 'each from its least value, black, to its largest, white';
  const values = valueName === undefined ? '' : `; the number below is ${valueName}`;
  return {
    width,
    height: Math.ceil(tiles.length / columns) * step + 4,
    shapes,
    description: `${tiles.length} pictures of ${side} × ${side} values${rest}; ${what}${values}.`,
  };
}

function largest(pixels: Float64Array): number {
  return pixels.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Grey for numbers from 0 on; blue, white, red around 0 for those that have a sign, by one measure for all tiles. */
function colours({ pixels }: TilePicture, scale: number): Uint8Array {
  const rgb = new Uint8Array(pixels.length * 3);
  const [least, most] = pixels.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  pixels.forEach((value, index) => {
    // The root shows what is small, too.
    const part = Math.sqrt(Math.min(1, Math.abs(value) / (scale || 1)));
    const faded = Math.round(245 * (1 - part));
    const grey = most > least ? Math.round((255 * (value - least)) / (most - least)) : 0;
    const negative = [faded, Math.round(245 - 120 * part), 245];
    const positive = [245, Math.round(245 - 160 * part), faded];
    rgb.set(scale === 0 ? [grey, grey, grey] : value < 0 ? negative : positive, index * 3);
  });
  return rgb;
}

function empty(width: number, text: string): Drawing {
  return { width, height: 48, shapes: [words(text, 2, 28, 'start')], description: text };
}

/** For people: six digits are enough. */
function plain(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Math.abs(value) >= 1e-4 && Math.abs(value) < 1e9
    ? String(Number(value.toPrecision(6)))
    : numberText(value, Math.abs(value) / 1e4);
}
