/**
 * What the daemon and its sandbox process say to each other. The daemon gives work and takes answers; the sandbox asks
 * for the blocks that its work names, and has what it did so far kept. WebAssembly modules cannot pass between processes and stay on their side.
 */
import type { ExecutionRequest } from '../../protocol/effect.ts';
import type { Cid } from '../../protocol/ids.ts';
import type { RunProgress } from '../../protocol/view.ts';
import type { CheckpointKey } from '../../runtime/checkpoint-store.ts';
import type { ExecutionOutcome } from '../../runtime/environment.ts';
import type { LogLevel } from '../../runtime/log.ts';
import type { ReduceRequest } from '../../sandbox/executor.ts';
import type { KernelReport } from '../../sandbox/inspect.ts';

export type Work =
  | { readonly type: 'execute'; readonly request: ExecutionRequest }
  | { readonly type: 'inspect'; readonly bytes: Uint8Array; readonly abi: number | undefined }
  | { readonly type: 'reduce'; readonly request: ReduceRequest };

export type Answer =
  | { readonly type: 'outcome'; readonly outcome: ExecutionOutcome }
  | { readonly type: 'report'; readonly report: KernelReport }
  | { readonly type: 'output'; readonly output: Uint8Array }
  /** Of a KernelRefusedError, SandboxFailure or ReduceError, by `name`. */
  | { readonly type: 'error'; readonly name: string; readonly code: string; readonly message: string };

/** What the sandbox wants of the daemon's stores. */
export type Wish =
  | { readonly type: 'block'; readonly cid: Cid }
  | { readonly type: 'get-checkpoint'; readonly key: CheckpointKey }
  | { readonly type: 'put-checkpoint'; readonly key: CheckpointKey; readonly bytes: Uint8Array }
  | { readonly type: 'drop-checkpoint'; readonly key: CheckpointKey };

export type ToSandbox =
  | { readonly type: 'work'; readonly id: number; readonly work: Work }
  | { readonly type: 'cancel'; readonly id: number; readonly keep: boolean }
  | { readonly type: 'resize'; readonly cores: number }
  /** Answers a wish; `failure` says why it could not be granted. */
  | {
      readonly type: 'granted';
      readonly id: number;
      readonly bytes: Uint8Array | undefined;
      readonly failure: string | undefined;
    }
  /** Cancel everything, and keep what can be kept. Answered by `closed`. */
  | { readonly type: 'close' }
  | { readonly type: 'ping' };

export type FromSandbox =
  /** Once, when it can take work. */
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly type: 'progress'; readonly id: number; readonly progress: RunProgress }
  | { readonly type: 'wish'; readonly id: number; readonly wish: Wish }
  | { readonly type: 'closed' }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>> | undefined;
    }
  | { readonly type: 'pong' };

/**
 * The same message with byte arrays of its own. What arrives over the channel are views into buffers shared with other
 * messages: kept, they would keep those; posted on, they would take them along.
 */
export function withOwnBytes<T>(value: T): T {
  if (value instanceof Uint8Array) return new Uint8Array(value) as T;
  if (Array.isArray(value)) return value.map(withOwnBytes) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withOwnBytes(item)])) as T;
}
