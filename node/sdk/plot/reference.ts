/** Curves that a plot is held against: known without the network. A manifest names one; its arguments fill it in. */
import type { PlotSpec } from '../manifest.ts';
import type { Reference } from './data.ts';

type ReferenceName = NonNullable<Extract<PlotSpec, { kind: 'line' }>['reference']>;

const POINTS = 64;

/** Undefined where there is none for these arguments, such as for an Asian option. */
export function referenceOf(
  name: ReferenceName,
  values: Readonly<Record<string, number>>,
  xs: readonly number[],
): Reference | undefined {
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  if (xs.length === 0) return undefined;
  const along = (of: (x: number) => number, points: number): Reference['points'] =>
    Array.from({ length: points }, (_, i) => least + ((most - least) * i) / (points - 1)).map((x) => ({ x, y: of(x) }));
  if (name === 'π') return { name: 'π', points: along(() => Math.PI, 2) };
  if (name === '1/ln x')
    return { name: '1 / ln x', points: along((x) => 1 / Math.log(x), POINTS).filter(({ x }) => x > 2) };
  const price = blackScholes(values);
  return price === undefined ? undefined : { name: 'Black and Scholes', points: along(() => price, 2) };
}

/** Price of a European call (kind 0) or put (kind 1); there is no formula for the others. */
export function blackScholes(values: Readonly<Record<string, number>>): number | undefined {
  const { spot = 0, strike = 0, rate = 0, dividends = 0, volatility = 0, years = 0, kind } = values;
  if (kind !== 0 && kind !== 1) return undefined;
  const spread = volatility * Math.sqrt(years);
  const d1 = (Math.log(spot / strike) + (rate - dividends + volatility ** 2 / 2) * years) / spread;
  const [share, cash] = [spot * Math.exp(-dividends * years), strike * Math.exp(-rate * years)];
  const sign = kind === 0 ? 1 : -1;
  return sign * (share * normal(sign * d1) - cash * normal(sign * (d1 - spread)));
}

/** Of the standard normal distribution, right to 10^-7: Abramowitz and Stegun, 26.2.17. */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const below = 1 - (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * tail;
  return x >= 0 ? below : 1 - below;
}
