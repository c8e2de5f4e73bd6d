/**
 * Finds the weights: whole numbers, so that a millisecond of each program costs as near as may be to the same fuel, and
 * none strays far from what its own instructions were measured to take. Ten kernels say little about forty classes, so
 * the second half matters as much as the first; how much is chosen by leaving out one kernel at a time.
 */
import { COSTS, type Cost, type Counts } from './counts.ts';

/** The unit: a tenth of a nanosecond. With larger ones, what costs next to nothing cannot be told from what costs little. */
export const FUEL_PER_NS = 10;

export interface Sample {
  readonly name: string;
  readonly kind: 'kernel' | 'small';
  readonly ns: number;
  readonly counts: Counts;
}

/** By cost, in fuel: the least and the most a weight may be, and what it is taken to be where nothing else says. */
export interface Plausible {
  readonly least: number;
  readonly most: number;
  readonly likely: number;
}

export type Table = Readonly<Record<Cost, number>>;

/** Small programs are made to be extreme, and nobody is paid for them: they count less than kernels. */
const SMALL_SHARE = 0.5;
const PASSES_MAX = 60;

export function fuelBy(table: Table, counts: Counts): number {
  let fuel = 0;
  for (const cost of COSTS) fuel += table[cost] * (counts[cost] ?? 0);
  return fuel;
}

/** Fuel per nanosecond beside what it should be; 1 is right. */
export function rateBy(table: Table, { counts, ns }: Sample): number {
  return fuelBy(table, counts) / ns / FUEL_PER_NS;
}

export interface Spread {
  /** Largest rate by the smallest. */
  readonly ratio: number;
  /** Geometric standard deviation. */
  readonly deviation: number;
}

export function spreadOf(rates: readonly number[]): Spread {
  const logs = rates.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length;
  return { ratio: Math.max(...rates) / Math.min(...rates), deviation: Math.exp(Math.sqrt(variance)) };
}

/** `trust` weighs the measurements of single classes against those of whole programs. */
export function fitTable(
  samples: readonly Sample[],
  plausible: Readonly<Record<Cost, Plausible>>,
  trust: number,
): Table {
  const table = Object.fromEntries(COSTS.map((cost) => [cost, plausible[cost].likely])) as Record<Cost, number>;
  const fuels = samples.map(({ counts }) => fuelBy(table, counts));
  const shares = samples.map(({ kind }) => (kind === 'kernel' ? 1 : SMALL_SHARE));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  /** Sum of the squares of how far each program is from their mean, in logarithms. */
  const spread = (fuelAt: (index: number) => number): number => {
    let [sum, squares] = [0, 0];
    for (let index = 0; index < samples.length; index++) {
      const log = Math.log(fuelAt(index) / samples[index]!.ns);
      sum += shares[index]! * log;
      squares += shares[index]! * log ** 2;
    }
    return squares - sum ** 2 / whole;
  };
  let spreadNow = spread((index) => fuels[index]!);
  const stray = (cost: Cost, weight: number): number => trust * Math.log(weight / plausible[cost].likely) ** 2;
  /** How much worse it gets when some weights are changed. */
  const change = (moves: readonly (readonly [Cost, number])[]): number => {
    let strays = 0;
    for (const [cost, weight] of moves) strays += stray(cost, weight) - stray(cost, table[cost]);
    const spreadThen = spread((index) => {
      let fuel = fuels[index]!;
      for (const [cost, weight] of moves) fuel += (weight - table[cost]) * (samples[index]!.counts[cost] ?? 0);
      return fuel;
    });
    return strays + spreadThen - spreadNow;
  };
  const apply = (moves: readonly (readonly [Cost, number])[]): void => {
    for (const [cost, weight] of moves) {
      for (const [index, { counts }] of samples.entries()) {
        fuels[index] = fuels[index]! + (weight - table[cost]) * (counts[cost] ?? 0);
      }
      table[cost] = weight;
    }
    spreadNow = spread((index) => fuels[index]!);
  };
  const free = COSTS.filter((cost) => plausible[cost].least < plausible[cost].most);
  const isAllowed = (cost: Cost, weight: number): boolean =>
    weight >= plausible[cost].least && weight <= plausible[cost].most;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    let best: readonly (readonly [Cost, number])[] = [];
    let gain = -1e-9;
    const consider = (moves: readonly (readonly [Cost, number])[]): void => {
      const difference = change(moves);
      if (difference < gain) [best, gain] = [moves, difference];
    };
    for (const cost of free) {
      for (let weight = plausible[cost].least; weight <= plausible[cost].most; weight++) consider([[cost, weight]]);
      // One up and another down gets out of where no single change helps.
      for (const other of free) {
        for (const step of [1, -1]) {
          const moves = [
            [cost, table[cost] + step],
            [other, table[other] - step],
          ] as const;
          if (other !== cost && moves.every(([name, weight]) => isAllowed(name, weight))) consider(moves);
        }
      }
    }
    if (best.length === 0) break;
    apply(best);
  }
  return table;
}

/** By kernel: its rate under the weights that were found without it, beside the mean of the kernels they were found by. */
export function leftOut(
  samples: readonly Sample[],
  plausible: Readonly<Record<Cost, Plausible>>,
  trust: number,
): readonly number[] {
  const kernels = samples.filter(({ kind }) => kind === 'kernel');
  return kernels.map((kernel) => {
    const table = fitTable(
      samples.filter((sample) => sample !== kernel),
      plausible,
      trust,
    );
    const others = kernels.filter((other) => other !== kernel).map((other) => Math.log(rateBy(table, other)));
    const mean = Math.exp(others.reduce((sum, log) => sum + log, 0) / others.length);
    return rateBy(table, kernel) / mean;
  });
}
