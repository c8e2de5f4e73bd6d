/** The worker's side: one request in, one reply out, no state in between. */
import { inspect } from './inspect.ts';
import type { WorkerReply, WorkerRequest } from './messages.ts';
import { meter } from './meter.ts';
import { KernelRefusedError } from './refusal.ts';
import { runReduce, SandboxFailure } from './task.ts';
import { runUnit, type Sha256 } from './unit.ts';

export interface Answer {
  readonly reply: WorkerReply;
  /** Buffers to be given away with it. */
  readonly transfer: readonly ArrayBuffer[];
}

/** `now` gives milliseconds. Never throws. */
export function answerRequest(request: WorkerRequest, sha256: Sha256, now: () => number): Answer {
  try {
    return answer(request, sha256, now);
  } catch (error) {
    return { reply: describeFailure(error), transfer: [] };
  }
}

function answer(request: WorkerRequest, sha256: Sha256, now: () => number): Answer {
  switch (request.type) {
    case 'inspect':
      return { reply: { type: 'inspected', report: inspect(request.bytes) }, transfer: [] };
    case 'prepare': {
      const report = inspect(request.bytes);
      const { memoryPagesMax, mode } = request;
      const metered = meter(request.bytes, { memoryPagesMax, mode });
      const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
      return { reply: { type: 'prepared', module, report }, transfer: [] };
    }
    case 'unit': {
      const execution = runUnit(request.module, request.work, sha256, now);
      const transfer = execution.output === undefined ? [] : [execution.output.bytes.buffer as ArrayBuffer];
      return { reply: { type: 'unit-done', execution }, transfer };
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
