/** A kernel without the sandbox around it: the step ABI and nothing else, in a fresh instance. */
import { taskInput } from '../../../node/sandbox/abi.ts';

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  _start?(): void;
  shoal_alloc(n: number): number;
  shoal_init(): number;
  shoal_step(n: number): number;
  shoal_out_ptr(): number;
  shoal_out_len(): number;
}

/** As the compiler made it. Throws where the kernel refuses the task. */
export function runUnmetered(
  module: WebAssembly.Module,
  parameters: Uint8Array,
  input: Uint8Array,
  stepQuantum: number,
): Uint8Array {
  return runSteps(new WebAssembly.Instance(module, {}), taskInput(parameters, input), stepQuantum);
}

/** `given` is all that a task is given, as the kernel gets it. Throws where the kernel refuses it. */
export function runSteps({ exports }: WebAssembly.Instance, given: Uint8Array, stepQuantum: number): Uint8Array {
  const kernel = exports as unknown as KernelExports;
  kernel._start?.();
  const at = kernel.shoal_alloc(given.length);
  new Uint8Array(kernel.memory.buffer, at, given.length).set(given);
  let left = kernel.shoal_init();
  while (left > 0) left = kernel.shoal_step(stepQuantum);
  if (left < 0) throw new Error(`the kernel ended with error ${left}`);
  return new Uint8Array(kernel.memory.buffer, kernel.shoal_out_ptr(), kernel.shoal_out_len()).slice();
}
