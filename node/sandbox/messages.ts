/**
 * What the thread that owns the peer and a worker say to each other, in Node.js and in a tab alike: one request and one
 * reply for a whole work unit, and news in between. Byte arrays that the sender gives up are transferred; a compiled
 * module is shared between threads by the engine, so that posting it costs nothing.
 */
import type { Execution, ExecutionFailureCode } from '../protocol/effect.ts';
import type { CheckpointKey } from '../runtime/checkpoint-store.ts';
import type { WorkIdentity } from './checkpoint.ts';
import type { MeterMode } from './function-rewriter.ts';
import type { KernelReport } from './inspect.ts';
import type { KernelRefusalCode } from './refusal.ts';
import type { TaskLimits, TaskResult } from './task.ts';
import type { UnitProgress, UnitWork } from './unit.ts';

export type WorkerRequest =
  /** Without `abi` the module is looked at as what it seems to be. */
  | { readonly type: 'inspect'; readonly bytes: Uint8Array; readonly abi?: number | undefined }
  | {
      readonly type: 'prepare';
      readonly bytes: Uint8Array;
      readonly abi: number;
      readonly memoryPagesMax: number;
      readonly mode: MeterMode;
      /** Version of the table. */
      readonly weights: number;
    }
  | UnitRequest
  | {
      readonly type: 'reduce';
      readonly module: WebAssembly.Module;
      readonly parameters: Uint8Array;
      readonly outputs: readonly Uint8Array[];
      readonly limits: TaskLimits;
    };

export interface UnitRequest {
  readonly type: 'unit';
  /** Names this run when it is to be interrupted; never 0. */
  readonly run: number;
  readonly module: WebAssembly.Module;
  readonly work: UnitWork;
  /** Undefined where nothing is kept of units that are not finished. */
  readonly saving: UnitSaving | undefined;
}

export interface UnitSaving {
  readonly key: CheckpointKey;
  readonly identity: WorkIdentity;
  /** What was kept of it, if anything. */
  readonly checkpoint: Uint8Array | undefined;
}

export type WorkerReply =
  /** Once, when the worker can take its first request. */
  | { readonly type: 'ready' }
  | { readonly type: 'inspected'; readonly report: KernelReport }
  | { readonly type: 'prepared'; readonly module: WebAssembly.Module; readonly report: KernelReport }
  | { readonly type: 'unit-done'; readonly execution: Execution; readonly note: string | undefined }
  /** Interrupted at a step boundary, and saved before this was said. */
  | { readonly type: 'unit-stopped'; readonly progress: UnitProgress }
  | { readonly type: 'reduce-done'; readonly result: TaskResult }
  | { readonly type: 'refused'; readonly code: KernelRefusalCode; readonly message: string }
  | { readonly type: 'failed'; readonly code: ExecutionFailureCode; readonly message: string };

/** Of the unit that runs. */
export type WorkerNews =
  /** With a checkpoint: how far it had come, or undefined when it was none of this work. */
  | { readonly type: 'unit-resumed'; readonly progress: UnitProgress | undefined }
  | { readonly type: 'unit-progress'; readonly progress: UnitProgress }
  | { readonly type: 'checkpoint'; readonly bytes: Uint8Array }
  /** The worker has kept one itself; or could not, for that reason. */
  | { readonly type: 'checkpoint-kept'; readonly failure: string | undefined };

export type FromWorker = WorkerReply | WorkerNews;

export function isNews(message: FromWorker): message is WorkerNews {
  return (
    message.type === 'unit-resumed' ||
    message.type === 'unit-progress' ||
    message.type === 'checkpoint' ||
    message.type === 'checkpoint-kept'
  );
}
