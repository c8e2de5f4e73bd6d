/**
 * What runs inside each engine for `npm run bench:metering -- --engines`: one task of a kernel, as its compiler made it
 * and metered, in turns, on the clock. Uses nothing but the language and WebAssembly.
 */
import { toHex } from '../../node/protocol/bytes.ts';
import { FUEL_EXPORT } from '../../node/sandbox/meter.ts';
import { runSteps } from './native/unmetered.ts';

export interface MeteringEntry {
  readonly name: string;
  /** Byte strings in hex. */
  readonly plain: string;
  readonly metered: string;
  readonly input: string;
  readonly stepQuantum: number;
  readonly rounds: number;
}

export interface MeteringTimes {
  /** Median time of one run of the kernel as it was, in milliseconds. */
  readonly plainMs: number;
  /** Geometric mean over compilations of the median of the ratios of the rounds. */
  readonly ratio: number;
  /** The first bytes of both outputs were the same. */
  readonly equal: boolean;
}

/** Browsers give the time in steps of up to a millisecond. */
const TURN_MS = 40;
/** Until the optimising compiler, which works beside the kernel, has its code in place. */
const WARM_UP_MS = 400;
/** Where its code and its memory happen to lie makes a loop up to half as fast again, in either of the two. */
const COMPILATIONS = 3;

/** For each entry its MeteringTimes, as JSON. */
export function runEntries(entries: readonly MeteringEntry[]): string[] {
  return entries.map((entry) => JSON.stringify(measure(entry)));
}

function measure(entry: MeteringEntry): MeteringTimes {
  const all = Array.from({ length: COMPILATIONS }, () => measureOnce(entry));
  return {
    plainMs: median(all.map(({ plainMs }) => plainMs)),
    ratio: Math.exp(all.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / COMPILATIONS),
    equal: all.every(({ equal }) => equal),
  };
}

function measureOnce({ plain, metered, input, stepQuantum, rounds }: MeteringEntry): MeteringTimes {
  const bytes = fromHex(input);
  const [first, second] = [plain, metered].map((hex) => {
    const module = new WebAssembly.Module(fromHex(hex));
    return () => run(module, bytes, stepQuantum);
  }) as [() => Uint8Array, () => Uint8Array];
  const equal = toHex(first()) === toHex(second());
  for (const start = now(); now() - start < WARM_UP_MS; ) {
    first();
    second();
  }
  const start = now();
  let repeats = 0;
  for (; now() - start < TURN_MS || repeats === 0; repeats++) first();
  const ratios: number[] = [];
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // Each goes first in turn, so that whatever grows or wears off hits both.
    const isSwapped = round % 2 === 1;
    const [a, b] = isSwapped ? [second, first] : [first, second];
    const [aMs, bMs] = [timed(a, repeats), timed(b, repeats)];
    times.push((isSwapped ? bMs : aMs) / repeats);
    ratios.push(isSwapped ? aMs / bMs : bMs / aMs);
  }
  return { plainMs: median(times), ratio: median(ratios), equal };
}

function timed(body: () => unknown, repeats: number): number {
  const start = now();
  for (let i = 0; i < repeats; i++) body();
  return now() - start;
}

/** Milliseconds; the shell of JavaScriptCore has a clock of its own. */
function now(): number {
  const { performance, preciseTime } = globalThis as { performance?: Performance; preciseTime?: () => number };
  return preciseTime === undefined ? performance!.now() : preciseTime() * 1_000;
}

function run(module: WebAssembly.Module, input: Uint8Array, stepQuantum: number): Uint8Array {
  const instance = new WebAssembly.Instance(module, {});
  const fuel = instance.exports[FUEL_EXPORT] as WebAssembly.Global | undefined;
  if (fuel !== undefined) fuel.value = 2n ** 60n;
  return runSteps(instance, input, stepQuantum);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
