/** Where an axis has its marks, and how numbers are written there. */

export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** From numbers to places between `from` and `to`; about `wanted` marks. */
export function linearScale(values: readonly number[], from: number, to: number, wanted: number, room = 0.05): Scale {
  let [least, most] = [Math.min(...values), Math.max(...values)];
  if (!(most > least)) [least, most] = [least - (Math.abs(least) * 0.05 || 1), most + (Math.abs(most) * 0.05 || 1)];
  const margin = (most - least) * room;
  [least, most] = [least - margin, most + margin];
  const raw = (most - least) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(least / step); i * step <= most + step * 1e-9; i++) ticks.push(i * step);
  return {
    at: (value) => from + ((value - least) / (most - least)) * (to - from),
    ticks: ticks.map((value) => ({ value, text: numberText(value, step) })),
  };
}

/** For positive numbers. */
export function logScale(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const span = most - least || 1;
  const factors = span < 1 ? [1, 2, 5] : span < 2.5 ? [1, 3] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(least); power <= Math.ceil(most); power++) {
    for (const factor of factors) ticks.push(factor * 10 ** power);
  }
  return {
    at: (value) => from + ((Math.log10(value) - least + span * 0.03) / (span * 1.06)) * (to - from),
    ticks: ticks
      .filter((value) => Math.log10(value) >= least - 1e-9 && Math.log10(value) <= most + 1e-9)
      .map((value) => ({ value, text: numberText(value, value) })),
  };
}

const UNITS = ['', ' k', ' M', ' G', ' T', ' P'];

/** As many digits as tell neighbours apart. */
export function numberText(value: number, step: number): string {
  if (value === 0) return '0';
  const size = Math.max(Math.abs(value), step);
  if (size < 0.001) return value.toExponential(1);
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(size) / 3 + 1e-9)));
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step / 1000 ** unit) + 1e-9)));
  return `${(value / 1000 ** unit).toFixed(digits)}${UNITS[unit]}`;
}
