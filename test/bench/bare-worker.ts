/** A bare worker thread: a fresh instance for each task, as the ABI wants, and nothing else. No hashes, no blocks. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { taskInput } from '../../node/sandbox/abi.ts';
import { FUEL_EXPORT } from '../../node/sandbox/meter.ts';

export interface BareRequest {
  readonly module: WebAssembly.Module;
  readonly parameters: Uint8Array;
  readonly inputs: readonly Uint8Array[];
  readonly stepQuantum: number;
}

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  _start?(): void;
  shoal_abi(): number;
  shoal_alloc(n: number): number;
  shoal_init(): number;
  shoal_step(n: number): number;
  shoal_out_ptr(): number;
  shoal_out_len(): number;
}

const FUEL = 10n ** 15n;

// The same priority as the product's workers, or the comparison would tell about the scheduler.
if (process.platform === 'linux') setPriority(0, 19);

parentPort!.on('message', (request: BareRequest) => {
  let bytes = 0;
  for (const input of request.inputs) bytes += run(request, input).length;
  parentPort!.postMessage(bytes);
});

function run({ module, parameters, stepQuantum }: BareRequest, input: Uint8Array): Uint8Array {
  const { exports } = new WebAssembly.Instance(module, {});
  const kernel = exports as unknown as KernelExports;
  const fuel = exports[FUEL_EXPORT] as WebAssembly.Global | undefined;
  if (fuel !== undefined) fuel.value = FUEL;
  kernel._start?.();
  kernel.shoal_abi();
  const bytes = taskInput(parameters, input);
  new Uint8Array(kernel.memory.buffer, kernel.shoal_alloc(bytes.length), bytes.length).set(bytes);
  let left = kernel.shoal_init();
  while (left > 0) left = kernel.shoal_step(stepQuantum);
  if (left < 0) throw new Error(`the kernel failed: ${left}`);
  return new Uint8Array(kernel.memory.buffer, kernel.shoal_out_ptr(), kernel.shoal_out_len()).slice();
}
