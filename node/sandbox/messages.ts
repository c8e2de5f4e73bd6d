/**
 * What the thread that owns the peer and a worker say to each other, in Node.js and in a tab alike: one message out
 * and one back for a whole work unit. Byte arrays that the sender gives up are transferred; a compiled module is
 * shared between threads by the engine, so that posting it costs nothing.
 */
import type { Execution, ExecutionFailureCode } from '../protocol/effect.ts';
import type { MeterMode } from './function-rewriter.ts';
import type { KernelReport } from './inspect.ts';
import type { KernelRefusalCode } from './refusal.ts';
import type { TaskLimits, TaskResult } from './task.ts';
import type { UnitWork } from './unit.ts';

export type WorkerRequest =
  | { readonly type: 'inspect'; readonly bytes: Uint8Array }
  | {
      readonly type: 'prepare';
      readonly bytes: Uint8Array;
      readonly memoryPagesMax: number;
      readonly mode: MeterMode;
    }
  | { readonly type: 'unit'; readonly module: WebAssembly.Module; readonly work: UnitWork }
  | {
      readonly type: 'reduce';
      readonly module: WebAssembly.Module;
      readonly parameters: Uint8Array;
      readonly outputs: readonly Uint8Array[];
      readonly limits: TaskLimits;
    };

export type WorkerReply =
  /** Once, when the worker can take its first request. */
  | { readonly type: 'ready' }
  | { readonly type: 'inspected'; readonly report: KernelReport }
  | { readonly type: 'prepared'; readonly module: WebAssembly.Module; readonly report: KernelReport }
  | { readonly type: 'unit-done'; readonly execution: Execution }
  | { readonly type: 'reduce-done'; readonly result: TaskResult }
  | { readonly type: 'refused'; readonly code: KernelRefusalCode; readonly message: string }
  | { readonly type: 'failed'; readonly code: ExecutionFailureCode; readonly message: string };
