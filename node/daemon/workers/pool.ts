/**
 * An Executor of worker threads: what the sandbox process holds. Threads get an empty environment, no standard input,
 * a bounded JavaScript heap and the lowest priority the system gives, so that the owner of the machine does not notice
 * them. What a kernel itself may use is bounded by its rewritten memory maximum, not by the thread.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { BlockStore } from '../../runtime/environment.ts';
import type { Logger } from '../../runtime/log.ts';
import { type KeptRuns, SandboxExecutor } from '../../sandbox/executor.ts';
import type { FromWorker } from '../../sandbox/messages.ts';
import type { SpawnWorker, WorkerListener } from '../../sandbox/worker-queue.ts';
import { threadFlags } from './permissions.ts';
import { nativeSha256 } from './sha256.ts';

/** JavaScript heap of one worker: it holds messages and small objects; kernels and blocks live outside of it. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

export interface WorkerPoolOptions {
  /** Units that run at the same time, each on a thread of its own. At least 1. */
  readonly cores: number;
  readonly blocks: Pick<BlockStore, 'get'>;
  readonly checkpoints?: KeptRuns | undefined;
  readonly logger: Logger;
  /** The bundled file that threads run: Node.js 20 starts no thread from TypeScript. */
  readonly entry: URL;
  /** False only in measurements that compare threads in this process with the sandbox process. */
  readonly confined: boolean;
}

/** What a thread is given when it starts. */
export interface ThreadData {
  /** The number of the run that is to stop at its next step boundary. */
  readonly interrupted: Int32Array;
  /** It ends itself unless it finds everything shut. */
  readonly confined: boolean;
}

/** Throws a RangeError for `cores` below 1. */
export function createWorkerPool({ entry, confined, logger, ...parts }: WorkerPoolOptions): SandboxExecutor {
  const execArgv = confined ? [...threadFlags(dirname(fileURLToPath(entry)), process.versions.node)] : [];
  const spawn = spawnFrom(entry, execArgv, confined, logger);
  return new SandboxExecutor({ spawn, schedule, sha256: nativeSha256, logger, ...parts });
}

function spawnFrom(entry: URL, execArgv: string[], confined: boolean, logger: Logger): SpawnWorker {
  return (listener: WorkerListener) => {
    // A kernel in the middle of a unit takes no messages.
    const interrupted = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(entry, {
      workerData: { interrupted, confined } satisfies ThreadData,
      env: {},
      argv: [],
      execArgv,
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
