/** The worker's side: one request in, one reply out, no state in between. */
import { importsOf, inspect } from './inspect.ts';
import type { WorkerReply, WorkerRequest } from './messages.ts';
import { meter } from './meter.ts';
import { KernelRefusedError } from './refusal.ts';
import { runReduce, SandboxFailure } from './task.ts';
import { runUnitInWorker, type WorkerHost } from './unit-runner.ts';
import { weightsOf } from './weights.ts';

export type { WorkerHost } from './unit-runner.ts';

export interface Answer {
  readonly reply: WorkerReply;
  /** Buffers to be given away with it. */
  readonly transfer: readonly ArrayBuffer[];
}

/** Never rejects. */
export async function answerRequest(request: WorkerRequest, host: WorkerHost): Promise<Answer> {
  try {
    return await answer(request, host);
  } catch (error) {
    return { reply: describeFailure(error), transfer: [] };
  }
}

async function answer(request: WorkerRequest, host: WorkerHost): Promise<Answer> {
  switch (request.type) {
    case 'inspect':
      return { reply: { type: 'inspected', report: inspect(request.bytes, request.abi) }, transfer: [] };
    case 'prepare': {
      const { abi, memoryPagesMax, mode } = request;
      const report = inspect(request.bytes, abi);
      const weights = weightsOf(request.weights);
      if (weights === undefined) throw new SandboxFailure('kernel-refused', `no weights of version ${request.weights}`);
      const metered = meter(request.bytes, { memoryPagesMax, mode, weights, allowImport: importsOf(abi) });
      const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
      return { reply: { type: 'prepared', module, report }, transfer: [] };
    }
    case 'unit': {
      const reply = await runUnitInWorker(request, host);
      const output = reply.type === 'unit-done' ? reply.execution.output : undefined;
      return { reply, transfer: output === undefined ? [] : [output.bytes.buffer as ArrayBuffer] };
    }
    case 'reduce': {
      const result = runReduce(request.module, request.parameters, request.outputs, request.limits);
      return { reply: { type: 'reduce-done', result }, transfer: [result.output.buffer as ArrayBuffer] };
    }
  }
}

function describeFailure(error: unknown): WorkerReply {
  if (error instanceof KernelRefusedError) return { type: 'refused', code: error.code, message: error.message };
  if (error instanceof SandboxFailure) return { type: 'failed', code: error.code, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'failed', code: error instanceof RangeError ? 'out-of-memory' : 'worker-crashed', message };
}
