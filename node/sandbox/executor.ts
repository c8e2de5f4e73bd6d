/**
 * The Executor over real WebAssembly: reads kernel and input from the block store, has the kernel inspected, metered
 * and compiled once in a worker, keeps it warm, and runs whole units in workers. Nothing here knows which kind of
 * worker it is: the Node.js daemon hands in worker threads, a tab hands in Web Workers.
 */
import { toHex } from '../protocol/bytes.ts';
import type { ExecutionFailureCode, ExecutionRequest } from '../protocol/effect.ts';
import type { Cid, Digest, Millis, Ticket } from '../protocol/ids.ts';
import { MEMORY_PAGES_MAX } from '../protocol/limits.ts';
import { ABI_VERSION } from '../protocol/parameters.ts';
import { TRAP } from '../protocol/trust/commitment.ts';
import { cidFromDigest } from '../protocol/wire/block.ts';
import type { Metering } from '../protocol/work/job.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import type { MeterMode } from './function-rewriter.ts';
import type { KernelReport } from './inspect.ts';
import { WEIGHTS_VERSION } from './instructions.ts';
import type { WorkerReply } from './messages.ts';
import { REWRITER_VERSION } from './meter.ts';
import { KernelRefusedError } from './refusal.ts';
import { SandboxFailure, type TaskResult } from './task.ts';
import type { Sha256 } from './unit.ts';
import { type Lease, type Schedule, type SpawnWorker, WorkerQueue } from './worker-queue.ts';

/** The metering of new jobs, and of merges. */
export const METERING: Metering = { rewriter: REWRITER_VERSION, mode: 'merged', weights: WEIGHTS_VERSION };
/** A job that names another rewriter, other weights or another mode is not run here. */
const MODES: readonly string[] = ['simple', 'merged'] satisfies MeterMode[];

/** Compiled kernels kept warm; the one used longest ago goes first. */
const MODULES_MAX = 16;
/** Inspecting, metering and compiling the largest kernel takes a few seconds on a slow machine. */
const PREPARE_MAX_MS = 60_000;

export interface SandboxExecutorParts {
  readonly spawn: SpawnWorker;
  readonly schedule: Schedule;
  readonly sha256: Sha256;
  readonly blocks: Pick<BlockStore, 'get'>;
  readonly logger: Logger;
  /** Units that run at the same time. */
  readonly cores: number;
}

export interface ReduceLimits {
  readonly fuelMax: number;
  /** Pages of 64 KiB. */
  readonly memoryPagesMax: number;
  readonly outputBytesMax: number;
  readonly wallClockMaxMs: Millis;
}

export interface ReduceRequest {
  /** A block's CID, or the kernel itself. */
  readonly kernel: Cid | Uint8Array;
  readonly parameters: Uint8Array;
  /** What is to be merged, in order. */
  readonly outputs: readonly Uint8Array[];
  readonly limits: ReduceLimits;
}

export type ReduceFailureCode =
  | ExecutionFailureCode
  | 'no-reduce'
  | 'trap'
  | 'out-of-fuel'
  | 'kernel-error'
  | 'output-too-large';

/** A merge that gave no output. */
export class ReduceError extends Error {
  override readonly name = 'ReduceError';
  readonly code: ReduceFailureCode;
  constructor(code: ReduceFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

interface Prepared {
  readonly module: WebAssembly.Module;
  readonly report: KernelReport;
}

export class SandboxExecutor implements Executor {
  readonly #queue: WorkerQueue;
  readonly #blocks: Pick<BlockStore, 'get'>;
  readonly #sha256: Sha256;
  readonly #logger: Logger;
  readonly #running = new Map<Ticket, () => void>();
  /** By kernel, memory limit and mode, least recently used first. */
  readonly #modules = new Map<string, Prepared>();

  constructor(parts: SandboxExecutorParts) {
    this.#queue = new WorkerQueue(parts.spawn, parts.schedule, parts.cores);
    this.#blocks = parts.blocks;
    this.#sha256 = parts.sha256;
    this.#logger = parts.logger;
  }

  execute(ticket: Ticket, request: ExecutionRequest, done: (outcome: ExecutionOutcome) => void): void {
    const finish = (outcome: ExecutionOutcome): void => {
      this.#running.delete(ticket);
      if (!outcome.ok) {
        const { job, unit } = request;
        // Cancelling is everyday business: somebody else was first.
        const level = outcome.code === 'cancelled' ? 'debug' : 'warn';
        this.#logger.log(level, 'unit not executed', { job, unit, code: outcome.code, detail: outcome.detail });
      }
      done(outcome);
    };
    const cancel = this.#queue.run(
      async (lease) => finish(await outcomeOf(() => this.#runUnit(lease, request))),
      (failure) => finish(failureOf(failure)),
    );
    this.#running.set(ticket, cancel);
  }

  cancel(ticket: Ticket): void {
    this.#running.get(ticket)?.();
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** Throws a RangeError unless `cores` is a whole number of at least 1. */
  resize(cores: number): void {
    this.#queue.resize(cores);
  }

  /** Rejects with a KernelRefusedError, or with a SandboxFailure when this machine could not look at it. */
  inspect(bytes: Uint8Array): Promise<KernelReport> {
    return this.#lease(async (lease) => {
      const reply = await lease.ask({ type: 'inspect', bytes }, PREPARE_MAX_MS);
      if (reply.type !== 'inspected') throw errorOf(reply);
      return reply.report;
    });
  }

  /** Merges outputs with the kernel's own `shoal_reduce`. Rejects with a ReduceError or a KernelRefusedError. */
  async reduce(request: ReduceRequest): Promise<Uint8Array> {
    try {
      return reducedOutput(await this.#lease((lease) => this.#runReduce(lease, request)));
    } catch (error) {
      if (error instanceof SandboxFailure) throw new ReduceError(error.code, error.message);
      throw error;
    }
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    this.#modules.clear();
  }

  async #runUnit(lease: Lease, request: ExecutionRequest): Promise<ExecutionOutcome> {
    checkVersions(request);
    const { module } = await this.#prepare(lease, request.kernel, request.memoryPagesMax, request.metering.mode);
    const unitInput = await this.#blocks.get(request.unitInput);
    if (unitInput === undefined) {
      throw new SandboxFailure('input-malformed', `the unit's input block ${request.unitInput} is not kept here`);
    }
    const { task, taskCount, stepQuantum, parameters, fuelPerTaskMax, outputBytesPerTaskMax } = request;
    const limits = { fuelPerTaskMax, outputBytesPerTaskMax };
    const work = { task, taskCount, stepQuantum, parameters, unitInput, ...limits };
    const reply = await lease.ask({ type: 'unit', module, work }, request.wallClockMaxMs);
    if (reply.type !== 'unit-done') throw errorOf(reply);
    return { ok: true, execution: reply.execution };
  }

  async #runReduce(lease: Lease, request: ReduceRequest): Promise<TaskResult> {
    const { kernel, parameters, outputs, limits } = request;
    const { module, report } = await this.#prepare(lease, kernel, limits.memoryPagesMax, METERING.mode);
    if (!report.hasReduce) throw new ReduceError('no-reduce', 'the kernel does not export shoal_reduce');
    const reply = await lease.ask({ type: 'reduce', module, parameters, outputs, limits }, limits.wallClockMaxMs);
    if (reply.type !== 'reduce-done') throw errorOf(reply);
    return reply.result;
  }

  async #prepare(lease: Lease, kernel: Cid | Uint8Array, memoryPagesMax: number, mode: MeterMode): Promise<Prepared> {
    if (!Number.isInteger(memoryPagesMax) || memoryPagesMax < 0 || memoryPagesMax > MEMORY_PAGES_MAX) {
      throw new SandboxFailure(
        'kernel-refused',
        `memoryPagesMax is ${memoryPagesMax}, it must be 0 to ${MEMORY_PAGES_MAX}`,
      );
    }
    const cid = typeof kernel === 'string' ? kernel : cidFromDigest(toHex(this.#sha256(kernel)) as Digest, 'raw');
    const key = `${cid}/${memoryPagesMax}/${mode}`;
    const warm = this.#modules.get(key);
    if (warm !== undefined) return this.#keep(key, warm);
    const bytes = typeof kernel === 'string' ? await this.#blocks.get(kernel) : kernel;
    if (bytes === undefined) throw new SandboxFailure('kernel-missing', `the kernel ${cid} is not kept here`);
    const reply = await lease.ask({ type: 'prepare', bytes, memoryPagesMax, mode }, PREPARE_MAX_MS);
    if (reply.type !== 'prepared') throw errorOf(reply);
    this.#logger.log('debug', 'kernel prepared', { kernel: cid, bytes: bytes.length, memoryPagesMax, mode });
    return this.#keep(key, { module: reply.module, report: reply.report });
  }

  #keep(key: string, prepared: Prepared): Prepared {
    this.#modules.delete(key);
    this.#modules.set(key, prepared);
    for (const oldest of this.#modules.keys()) {
      if (this.#modules.size <= MODULES_MAX) break;
      this.#modules.delete(oldest);
    }
    return prepared;
  }

  #lease<T>(use: (lease: Lease) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queue.run(
        (lease) => use(lease).then(resolve, reject),
        (failure) => reject(errorOf(failure)),
      );
    });
  }
}

function checkVersions(request: ExecutionRequest): void {
  const { rewriter, mode, weights } = request.metering;
  if (rewriter !== METERING.rewriter || !MODES.includes(mode) || weights !== METERING.weights) {
    const wanted = `rewriter ${rewriter}, mode ${mode}, weights ${weights}`;
    throw new SandboxFailure('kernel-refused', `the job wants a metering this version does not have: ${wanted}`);
  }
  if (request.abi !== ABI_VERSION) {
    throw new SandboxFailure('kernel-refused', `the job wants ABI ${request.abi}, this version has ${ABI_VERSION}`);
  }
}

async function outcomeOf(run: () => Promise<ExecutionOutcome>): Promise<ExecutionOutcome> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SandboxFailure) return { ok: false, code: error.code, detail: error.message };
    if (error instanceof KernelRefusedError) {
      return { ok: false, code: 'kernel-refused', detail: `${error.code}: ${error.message}` };
    }
    return { ok: false, code: 'worker-crashed', detail: error instanceof Error ? error.message : String(error) };
  }
}

function failureOf(reply: WorkerReply): ExecutionOutcome {
  const error = errorOf(reply);
  return { ok: false, code: error instanceof SandboxFailure ? error.code : 'kernel-refused', detail: error.message };
}

function errorOf(reply: WorkerReply): SandboxFailure | KernelRefusedError {
  if (reply.type === 'refused') return new KernelRefusedError(reply.code, reply.message);
  if (reply.type === 'failed') return new SandboxFailure(reply.code, reply.message);
  return new SandboxFailure('worker-crashed', `a worker answered with ${reply.type}`);
}

function reducedOutput(result: TaskResult): Uint8Array {
  switch (result.trap) {
    case TRAP.none:
      return result.output;
    case TRAP.outOfFuel:
      throw new ReduceError('out-of-fuel', `merging took more than the allowed fuel (${result.fuel})`);
    case TRAP.outputTooLarge:
      throw new ReduceError('output-too-large', 'the merged output is larger than allowed');
    case TRAP.kernelError:
      throw new ReduceError('kernel-error', 'the kernel reported an error while merging');
    case TRAP.trap:
      throw new ReduceError('trap', 'the kernel trapped while merging');
  }
}
