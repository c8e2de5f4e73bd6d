/** Requests to run a kernel on two small tasks, and their outcomes as promises. */
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import { cidOf, encodeUnitInput } from '../../node/protocol/wire/block.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import { METERING } from '../../node/sandbox/index.ts';

/** Puts the kernel and its input into the store. */
export async function keepRequest(
  blocks: Pick<BlockStore, 'put'>,
  kernel: Uint8Array,
  changes: Partial<ExecutionRequest> = {},
): Promise<ExecutionRequest> {
  const input = encodeUnitInput([Uint8Array.of(1, 2), Uint8Array.of(3)]);
  const [kernelCid, unitInput] = [cidOf(kernel, 'raw'), cidOf(input, 'dag-cbor')];
  await blocks.put(kernelCid, kernel, undefined);
  await blocks.put(unitInput, input, undefined);
  return {
    job: 'cd'.repeat(32) as JobId,
    unit: 3,
    task: undefined,
    taskCount: 2,
    kernel: kernelCid,
    abi: 1,
    metering: METERING,
    stepQuantum: 1,
    parameters: new Uint8Array(0),
    unitInput,
    fuelPerTaskMax: 1_000_000,
    memoryPagesMax: 16,
    outputBytesPerTaskMax: 64,
    wallClockMaxMs: 60_000,
    ...changes,
  };
}

export function outcomeOf(executor: Executor, ticket: number, request: ExecutionRequest): Promise<ExecutionOutcome> {
  return new Promise((resolve) => executor.execute(ticket, request, resolve));
}
