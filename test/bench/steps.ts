/**
 * What happens between tasks and between steps: an instance that is reset against one that is made anew, and a checkpoint
 * against the run it interrupts. Processor time of this process; the two sides of a comparison take turns.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KERNEL_FOLDER } from '../../node/daemon/installation.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { encodeCheckpoint } from '../../node/sandbox/checkpoint.ts';
import { KernelInstance } from '../../node/sandbox/instance.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { UnitRun } from '../../node/sandbox/unit.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { parseManifest } from '../../node/sdk/manifest.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import type { Interruption } from '../demonstration/interruption.ts';
import type { Screen } from '../demonstration/screen.ts';

const ROUNDS = 15;
const INSTANCES = 100;
/** From one page of memory to 64. */
const KERNELS = ['mandelbrot', 'prime-count', 'k-means', 'mlp-train', 'spectrum'];
const SAVED_BYTES_MAX = 64 * 1024 * 1024;

export interface StepsReport {
  readonly instances: readonly {
    readonly kernel: string;
    readonly pages: number;
    readonly freshUs: number;
    readonly resetUs: number;
  }[];
  readonly checkpoint: { readonly bytes: number; readonly saveMs: number };
}

export async function measureSteps(_interruption: Interruption, screen: Screen): Promise<StepsReport> {
  const instances = [];
  for (const kernel of KERNELS) {
    screen.line(`instances of ${kernel}: ${ROUNDS} rounds`);
    instances.push({ kernel, ...(await measureInstances(kernel)) });
  }
  screen.line('a checkpoint of prime-count');
  return { instances, checkpoint: await measureCheckpoint() };
}

export function describeSteps({ instances, checkpoint }: StepsReport): readonly string[] {
  return [
    ...instances.map(
      ({ kernel, pages, freshUs, resetUs }) =>
        `${kernel}, ${pages} pages: a fresh instance ${freshUs.toFixed(1)} µs, a reset ${resetUs.toFixed(1)} µs`,
    ),
    `a checkpoint of prime-count: ${checkpoint.bytes} bytes, ${checkpoint.saveMs.toFixed(2)} ms`,
  ];
}

async function measureInstances(name: string): Promise<{ pages: number; freshUs: number; resetUs: number }> {
  const module = await compiled(name);
  const kernel = new KernelInstance(module);
  const initial = kernel.save(SAVED_BYTES_MAX);
  if (initial === undefined) throw new Error(`${name} cannot be reset`);
  const fresh: number[] = [];
  const reset: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    fresh.push(cpuMs(INSTANCES, () => new KernelInstance(module).start()));
    reset.push(
      cpuMs(INSTANCES, () => {
        kernel.reset(initial);
        kernel.start();
      }),
    );
  }
  return { pages: initial.memory.pages, freshUs: 1_000 * median(fresh), resetUs: 1_000 * median(reset) };
}

/** In the middle of a task that sieves a hundred million numbers. */
async function measureCheckpoint(): Promise<StepsReport['checkpoint']> {
  const manifest = parseManifest(await readFile(join(KERNEL_FOLDER, 'prime-count', 'kernel.json'), 'utf8'));
  const values = resolveArguments(manifest, { to: 100_000_000 });
  const { inputs } = splitTasks(manifest, values, { taskSize: 100_000_000 });
  const { fuelPerTaskMax, outputBytesPerTaskMax, stepQuantum } = manifest.limits;
  const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
  const work = {
    ...{ task: undefined, taskCount: 1, stepQuantum, fuelPerTaskMax, outputBytesPerTaskMax },
    ...{ parameters: encodeParameters(manifest, values), unitInput: encodeUnitInput([...inputs]) },
  };
  const unit = new UnitRun(await compiled('prime-count'), work, sha256, () => performance.now());
  for (let step = 0; step < 8; step++) unit.advance();
  let bytes = 0;
  const times = Array.from({ length: ROUNDS }, () =>
    cpuMs(10, () => {
      bytes = encodeCheckpoint('measured', unit.save(SAVED_BYTES_MAX), sha256).length;
    }),
  );
  return { bytes, saveMs: median(times) };
}

async function compiled(name: string): Promise<WebAssembly.Module> {
  const wasm = await readFile(join(KERNEL_FOLDER, name, 'kernel.wasm'));
  return new WebAssembly.Module(
    meter(new Uint8Array(wasm), { memoryPagesMax: 512, mode: 'merged' }) as Uint8Array<ArrayBuffer>,
  );
}

/** Milliseconds for one of `count` calls. */
function cpuMs(count: number, call: () => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / count;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
