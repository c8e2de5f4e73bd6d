/**
 * Runs metered programs and takes their time. It is also what runs inside a browser, so it uses nothing but the language
 * and WebAssembly: programs and clock are handed in.
 */
import { taskInput } from '../../../node/sandbox/abi.ts';
import { FUEL_EXPORT } from '../../../node/sandbox/meter.ts';

export interface KernelTask {
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
  readonly stepQuantum: number;
}

/** One task of a kernel, or one call of the export `run`. */
export type Work = KernelTask | { readonly argument: number };

export interface Subject {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly work: Work;
}

export interface Timing {
  readonly name: string;
  /** Of one run: the fastest of all rounds, and the one in the middle. */
  readonly leastMs: number;
  readonly medianMs: number;
}

const FUEL = 2n ** 62n;

/** Runs it once in a fresh instance and returns the fuel it took. Throws where the kernel refuses the task. */
export function fuelOf(module: WebAssembly.Module, work: Work): number {
  const { exports } = new WebAssembly.Instance(module, {});
  const fuel = exports[FUEL_EXPORT] as WebAssembly.Global;
  fuel.value = FUEL;
  if ('argument' in work) (exports.run as (argument: number) => number)(work.argument);
  else runTask(exports as unknown as KernelExports, work);
  return Number(FUEL - (fuel.value as bigint));
}

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  _start?(): void;
  shoal_abi(): number;
  shoal_alloc(n: number): number;
  shoal_init(): number;
  shoal_step(n: number): number;
}

function runTask(kernel: KernelExports, { parameters, input, stepQuantum }: KernelTask): void {
  const bytes = taskInput(parameters, input);
  kernel._start?.();
  kernel.shoal_abi();
  // The memory may grow meanwhile, and its buffer with it.
  const address = kernel.shoal_alloc(bytes.length);
  new Uint8Array(kernel.memory.buffer, address, bytes.length).set(bytes);
  let left = kernel.shoal_init();
  while (left > 0) left = kernel.shoal_step(stepQuantum);
  if (left < 0) throw new Error(`the kernel failed: ${left}`);
}

/** The subjects take turns; in each turn one runs for at least `turnMs`. `now` gives milliseconds. */
export function timesOf(
  subjects: readonly Subject[],
  rounds: number,
  turnMs: number,
  now: () => number,
): readonly Timing[] {
  const times = subjects.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, { module, work }] of subjects.entries()) {
      const start = now();
      let runs = 0;
      let elapsed = 0;
      do {
        fuelOf(module, work);
        runs++;
        elapsed = now() - start;
      } while (elapsed < turnMs);
      // The first turn is for the compiler and the caches.
      if (round >= 0) times[index]!.push(elapsed / runs);
    }
  }
  return subjects.map(({ name }, index) => {
    const sorted = times[index]!.sort((a, b) => a - b);
    return { name, leastMs: sorted[0]!, medianMs: sorted[sorted.length >> 1]! };
  });
}
