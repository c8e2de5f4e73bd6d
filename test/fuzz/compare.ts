/**
 * One generated module, run four ways: as it is with NaNs canonical by construction, and metered in both placements,
 * with plenty of fuel, with exactly enough, and with less. Any difference that may not be is a sentence.
 */
import type { MeterOptions } from '../../node/sandbox/meter.ts';
import { generateModule } from './generator.ts';
import { Random } from './random.ts';

/** The rewriter, which may be one with a mistake put in. */
export interface Rewriter {
  meter(bytes: Uint8Array, options: MeterOptions): Uint8Array;
}

export interface Comparison {
  readonly ending: 'completed' | 'trap';
  readonly fuel: number;
  /** What differs; undefined if nothing does. */
  readonly difference: string | undefined;
}

const AMPLE = 10 ** 12;
const PAGES = 3;
/** Room for the globals of a module. */
const DUMP_BYTES = 1024;

interface Ending {
  readonly result: bigint | 'trap';
  readonly memory: Uint8Array;
  /** What the module has written of them afterwards. */
  readonly globals: string;
  /** Undefined of what is not metered. */
  readonly fuel: number | undefined;
}

export function compareModule(seed: number, { meter }: Rewriter): Comparison {
  const plain = generateModule({ seed, canonical: false });
  const random = new Random(seed ^ 0x5bd1e995);
  const a = random.pick([0, 1, 2, -1, random.u32() | 0]);
  const b = BigInt(random.pick([0, 1, -1, random.u32()]));
  const reference = runModule(new WebAssembly.Module(generateModule({ seed, canonical: true })), a, b, undefined);
  const [simple, merged] = (['simple', 'merged'] as const).map(
    (mode) => new WebAssembly.Module(Uint8Array.from(meter(plain, { memoryPagesMax: PAGES, mode }))),
  );
  const ending = reference.result === 'trap' ? 'trap' : 'completed';
  const [first, second] = [runModule(simple!, a, b, AMPLE), runModule(merged!, a, b, AMPLE)];
  const fuel = first.fuel!;
  const found = (difference: string | undefined): Comparison => ({ ending, fuel, difference });
  const differs = differenceOf('simple', reference, first) ?? differenceOf('merged', reference, second);
  if (differs !== undefined) return found(differs);
  for (const [name, { fuel: used }] of [
    ['simple', first],
    ['merged', second],
  ] as const) {
    if (used! < 0 || used! > AMPLE) return found(`${name}: ${used} fuel`);
  }
  if (ending === 'trap') return found(undefined);
  if (fuel !== second.fuel) return found(`fuel is ${fuel} in the simple and ${second.fuel} in the merged placement`);
  for (const [name, module] of [
    ['simple', simple!],
    ['merged', merged!],
  ] as const) {
    const exact = runModule(module, a, b, fuel);
    const exactly = differenceOf(`${name} with exactly ${fuel} fuel`, reference, exact);
    if (exactly !== undefined) return found(exactly);
    for (const less of [fuel - 1, random.below(fuel)]) {
      if (runModule(module, a, b, less).fuel! <= less)
        return found(`${name}: it needs ${fuel} and was content with ${less}`);
    }
  }
  return found(undefined);
}

function runModule(module: WebAssembly.Module, a: number, b: bigint, fuelMax: number | undefined): Ending {
  const { exports } = new WebAssembly.Instance(module, {});
  const left = exports['shoal:fuel'] as WebAssembly.Global | undefined;
  if (left !== undefined) left.value = BigInt(fuelMax!);
  let result: Ending['result'];
  try {
    result = (exports.run as (a: number, b: bigint) => bigint)(a, b);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    result = 'trap';
  }
  const fuel = left === undefined ? undefined : fuelMax! - Number(left.value as bigint);
  if (left !== undefined) left.value = BigInt(AMPLE);
  const bytes = new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
  const memory = bytes.slice();
  bytes.fill(0);
  (exports.dump as () => void)();
  return { result, memory, globals: Buffer.from(bytes.subarray(0, DUMP_BYTES)).toString('hex'), fuel };
}

const SHAPES = [
  { bytes: 4, canonical: 0x7fc00000n, infinity: 0x7f800000n, magnitude: 0x7fffffffn },
  {
    bytes: 8,
    canonical: 0x7ff8000000000000n,
    infinity: 0x7ff0000000000000n,
    magnitude: 0x7fffffffffffffffn,
  },
] as const;

/**
 * Whether a byte is part of a NaN that has not been made canonical, where the other memory has the canonical one. Where
 * vectors are stored one after the other, a trap may come before they are looked at: nobody reads that memory any more.
 */
function isHeldNan(index: number, expected: Uint8Array, actual: Uint8Array): boolean {
  return SHAPES.some(({ bytes, canonical, infinity, magnitude }) => {
    for (let at = Math.max(0, index - bytes + 1); at <= index && at + bytes <= actual.length; at++) {
      const isNan = (word(actual, at, bytes) & magnitude) > infinity;
      if (isNan && word(expected, at, bytes) === canonical) return true;
    }
    return false;
  });
}

function word(memory: Uint8Array, at: number, bytes: number): bigint {
  return memory.subarray(at, at + bytes).reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

function differenceOf(name: string, expected: Ending, actual: Ending): string | undefined {
  if (expected.result !== actual.result) return `${name}: ${actual.result} instead of ${expected.result}`;
  if (expected.memory.length !== actual.memory.length) return `${name}: memory has ${actual.memory.length} bytes`;
  if (expected.globals !== actual.globals) return `${name}: globals ${actual.globals} instead of ${expected.globals}`;
  if (Buffer.compare(expected.memory, actual.memory) === 0) return undefined;
  const at = expected.memory.findIndex(
    (byte, index) =>
      byte !== actual.memory[index] &&
      !(expected.result === 'trap' && isHeldNan(index, expected.memory, actual.memory)),
  );
  if (at === -1) return undefined;
  const hex = ({ memory }: Ending): string => Buffer.from(memory.subarray(at & ~7, (at & ~7) + 8)).toString('hex');
  return `${name}: memory at ${at & ~7} is ${hex(actual)} instead of ${hex(expected)}`;
}
