/**
 * The Node.js Executor: worker threads that get an empty environment, no standard input, a bounded JavaScript heap
 * and the lowest priority the system gives, so that the owner of the machine does not notice them. What a kernel
 * itself may use is bounded by its rewritten memory maximum, not by the thread.
 *
 * Node.js 20 starts no thread from TypeScript, so the entry is always the compiled one, also for callers that run
 * from source under vitest.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { CheckpointStore } from '../../runtime/checkpoint-store.ts';
import type { BlockStore } from '../../runtime/environment.ts';
import type { Logger } from '../../runtime/log.ts';
import { SandboxExecutor } from '../../sandbox/executor.ts';
import type { FromWorker } from '../../sandbox/messages.ts';
import type { SpawnWorker, WorkerListener } from '../../sandbox/worker-queue.ts';
import { nativeSha256 } from './sha256.ts';

/** JavaScript heap of one worker: it holds messages and small objects; kernels and blocks live outside of it. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

export interface WorkerPoolOptions {
  /** Units that run at the same time, each on a thread of its own. At least 1. */
  readonly cores: number;
  readonly blocks: Pick<BlockStore, 'get'>;
  readonly checkpoints?: CheckpointStore | undefined;
  readonly logger: Logger;
}

/** What a thread is given when it starts. */
export interface ThreadData {
  /** The number of the run that is to stop at its next step boundary. */
  readonly interrupted: Int32Array;
}

export type WorkerPool = SandboxExecutor;

/** Throws a RangeError for `cores` below 1, and an Error when the compiled tree is missing. */
export function createWorkerPool({ cores, blocks, checkpoints, logger }: WorkerPoolOptions): WorkerPool {
  const spawn = spawnFrom(entryUrl(), logger);
  return new SandboxExecutor({ spawn, schedule, sha256: nativeSha256, blocks, checkpoints, logger, cores });
}

function entryUrl(): URL {
  const here = import.meta.url;
  const compiled = here.endsWith('.ts') ? '../../../dist/node/daemon/workers/entry.js' : './entry.js';
  const url = new URL(compiled, here);
  if (!existsSync(url)) throw new Error(`${fileURLToPath(url)} is missing: run "npm run build"`);
  return url;
}

function spawnFrom(entry: URL, logger: Logger): SpawnWorker {
  return (listener: WorkerListener) => {
    // A kernel in the middle of a unit takes no messages.
    const interrupted = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(entry, {
      workerData: { interrupted } satisfies ThreadData,
      env: {},
      argv: [],
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: HEAP_LIMITS,
      name: 'shoal-kernel',
    });
    let ended = false;
    const crashed = (error: Error & { readonly code?: string }): void => {
      if (ended) return;
      ended = true;
      const code = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'worker-crashed';
      logger.log('error', 'worker crashed', { code, detail: error.message });
      listener.crashed(code, `the worker thread ended: ${error.message}`);
    };
    worker.on('message', (message: FromWorker) => {
      if (!ended) listener.reply(message);
    });
    worker.on('messageerror', crashed);
    worker.on('error', crashed);
    worker.on('exit', (exitCode) => crashed(new Error(`exit code ${exitCode}`)));
    worker.stdout.resume();
    worker.stderr.on('data', (chunk: Buffer) =>
      logger.log('warn', 'worker wrote to stderr', { text: chunk.toString() }),
    );
    return {
      post: (request) => worker.postMessage(request),
      interrupt: (run) => void Atomics.store(interrupted, 0, run),
      terminate: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  };
}

function schedule(afterMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(afterMs, 2 ** 31 - 1));
  return () => clearTimeout(timer);
}
