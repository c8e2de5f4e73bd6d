/** Throughput of this machine over the last minutes. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type Pace, paces } from '../model/history.ts';
import { amount } from '../model/words.ts';
import type { ViewProps } from './app.tsx';
import { Panel } from './parts.tsx';

const HEIGHT = 220;
/** The axis is never shorter than this, so that the first minute does not race across the chart. */
const SPAN_SECONDS = 90;

type Quantity = 'fuelPerSecond' | 'unitsPerMinute';
const QUANTITIES: readonly {
  readonly quantity: Quantity;
  readonly name: string;
  readonly unit: string;
  readonly leastTop: number;
}[] = [
  { quantity: 'fuelPerSecond', name: 'Fuel', unit: 'fuel a second', leastTop: 1_000_000 },
  { quantity: 'unitsPerMinute', name: 'Units', unit: 'units a minute', leastTop: 5 },
];

export function PaceChart({ state }: ViewProps): JSX.Element {
  const chosen = useSignal<Quantity>('fuelPerSecond');
  const all = paces(state.history.value);
  const { unit } = QUANTITIES.find(({ quantity }) => quantity === chosen.value)!;
  const latest = all.at(-1)?.[chosen.value] ?? 0;
  const choice = (
    <fieldset class="choice" aria-label="Throughput in">
      {QUANTITIES.map(({ quantity, name }) => (
        <label key={quantity}>
          <input
            type="radio"
            name="quantity"
            checked={chosen.value === quantity}
            onChange={() => {
              chosen.value = quantity;
            }}
          />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
  return (
    <Panel title="Throughput" aside={choice} class="throughput">
      <p class="pace">
        <span class="figure">{amount(latest)}</span> <span class="note">{unit}, this machine</span>
      </p>
      {all.length < 2 ? (
        <p class="empty plot">The chart begins when this page was opened.</p>
      ) : (
        <Plot all={all} quantity={chosen.value} label={`Throughput over time, now ${amount(latest)} ${unit}`} />
      )}
    </Panel>
  );
}

function Plot(props: { readonly all: readonly Pace[]; readonly quantity: Quantity; readonly label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const scheme = useSignal(0);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => {
      scheme.value++;
    };
    dark.addEventListener('change', changed);
    return () => dark.removeEventListener('change', changed);
  }, [scheme]);
  const { all, quantity } = props;
  const drawn = scheme.value;
  const { leastTop } = QUANTITIES.find((known) => known.quantity === quantity)!;
  // Colours of a canvas do not follow the style sheet: a new scheme draws a new chart.
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(optionsFor(element, leastTop), [[], []], element);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
  }, [scheme.value, leastTop]);
  useEffect(() => {
    plot.current?.setData([all.map(({ atMs }) => atMs / 1_000), all.map((pace) => pace[quantity])]);
  }, [all, quantity, drawn, leastTop]);
  return <div ref={place} class="plot" role="img" aria-label={props.label} />;
}

function optionsFor(element: HTMLElement, leastTop: number): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [8, 24, 0, 0],
    scales: {
      x: { range: (_, min, max) => [Math.min(min ?? 0, (max ?? 0) - SPAN_SECONDS), max ?? 0] },
      y: { range: (_, _min, max) => [0, Math.max(leastTop, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 80, size: 34, gap: 12, values: (_, ticks) => ticks.map(clockTime) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map(amount) },
    ],
    series: [{}, { stroke: colour('--accent'), width: 2, fill: colour('--accent-wash'), points: { show: false } }],
  };
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1_000).toTimeString().slice(0, 8);
}
