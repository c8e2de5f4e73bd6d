/**
 * The Executor over real WebAssembly: reads kernel and input from the block store, has the kernel inspected, metered
 * and compiled once in a worker, keeps it warm, and runs whole units in workers. Nothing here knows which kind of
 * worker it is: the Node.js daemon hands in worker threads, a tab hands in Web Workers.
 *
 * With a store for checkpoints, a unit that is interrupted goes on where it was when it is executed again.
 */
import { toHex } from '../protocol/bytes.ts';
import type { Execution, ExecutionRequest } from '../protocol/effect.ts';
import type { Cid, Digest, Millis, Ticket } from '../protocol/ids.ts';
import { MEMORY_PAGES_MAX } from '../protocol/limits.ts';
import { ABI_VERSION, ABI_VERSIONS } from '../protocol/parameters.ts';
import { TRAP } from '../protocol/trust/commitment.ts';
import { partDone, type RunProgress } from '../protocol/view.ts';
import { cidFromDigest, decodeUnitOutput } from '../protocol/wire/block.ts';
import type { Metering } from '../protocol/work/job.ts';
import type { CheckpointKey, CheckpointStore } from '../runtime/checkpoint-store.ts';
import type { BlockStore, ExecutionOutcome, Executor } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { encodeCheckpoint, identityOf, type WorkIdentity } from './checkpoint.ts';
import type { MeterMode } from './function-rewriter.ts';
import type { KernelReport } from './inspect.ts';
import type { WorkerNews, WorkerReply } from './messages.ts';
import { REWRITER_VERSION } from './meter.ts';
import { ReduceError } from './reduce-error.ts';
import { KernelRefusedError } from './refusal.ts';
import { SandboxFailure, type TaskResult } from './task.ts';
import type { Sha256, UnitProgress } from './unit.ts';
import { WEIGHTS_VERSION, weightsOf } from './weights.ts';
import { type Lease, type Schedule, type SpawnWorker, WorkerQueue } from './worker-queue.ts';

/** The metering of new jobs, and of merges. */
export const METERING: Metering = { rewriter: REWRITER_VERSION, mode: 'merged', weights: WEIGHTS_VERSION };
/** A job that names another rewriter, another mode or weights that are not known here is not run. */
const MODES: readonly string[] = ['simple', 'merged'] satisfies MeterMode[];

/** Compiled kernels kept warm; the one used longest ago goes first. */
const MODULES_MAX = 16;
/** Inspecting, metering and compiling the largest kernel takes a few seconds on a slow machine. */
const PREPARE_MAX_MS = 60_000;
/** Time for a unit to come to its next step boundary before it is ended where it is. Steps should take milliseconds. */
const STOP_MAX_MS = 3_000;

/** What an executor wants of a CheckpointStore. */
export type KeptRuns = Pick<CheckpointStore, 'put' | 'get' | 'drop'>;

export interface SandboxExecutorParts {
  readonly spawn: SpawnWorker;
  readonly schedule: Schedule;
  readonly sha256: Sha256;
  readonly blocks: Pick<BlockStore, 'get'>;
  /** Where units are kept that are not finished; undefined: they begin again. */
  readonly checkpoints?: KeptRuns | undefined;
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

/** What a compiled kernel depends on. */
interface Wanted {
  readonly kernel: Cid | Uint8Array;
  readonly abi: number;
  readonly memoryPagesMax: number;
  readonly metering: Metering;
}

interface Prepared {
  readonly module: WebAssembly.Module;
  readonly report: KernelReport;
}

/** One run, from `execute` to its outcome. */
interface Run {
  readonly request: ExecutionRequest;
  /** Names it to its worker. */
  readonly number: number;
  readonly key: CheckpointKey;
  readonly progress: (progress: RunProgress) => void;
  /** Takes it off its worker, or out of the queue. */
  cancel: () => void;
  /** Set while the unit itself runs. */
  lease: Lease | undefined;
  /** It is on its way to its next step boundary. */
  stopping: boolean;
  /** What it does next time is worth keeping. */
  keep: boolean;
  /** There is, or may be, a checkpoint of it. */
  isKept: boolean;
  resumedAt: number;
  /** Writes of checkpoints, one after the other. */
  writes: Promise<void>;
  ended: Promise<void>;
}

export class SandboxExecutor implements Executor {
  readonly #queue: WorkerQueue;
  readonly #blocks: Pick<BlockStore, 'get'>;
  readonly #sha256: Sha256;
  readonly #logger: Logger;
  readonly #checkpoints: KeptRuns | undefined;
  readonly #schedule: Schedule;
  readonly #running = new Map<Ticket, Run>();
  #runs = 0;
  /** By kernel, ABI, memory limit, mode and weights, least recently used first. */
  readonly #modules = new Map<string, Prepared>();

  constructor(parts: SandboxExecutorParts) {
    this.#queue = new WorkerQueue(parts.spawn, parts.schedule, parts.cores);
    this.#blocks = parts.blocks;
    this.#sha256 = parts.sha256;
    this.#logger = parts.logger;
    this.#checkpoints = parts.checkpoints;
    this.#schedule = parts.schedule;
  }

  execute(
    ticket: Ticket,
    request: ExecutionRequest,
    done: (outcome: ExecutionOutcome) => void,
    progress: (progress: RunProgress) => void = () => undefined,
  ): void {
    const { job, unit, task } = request;
    let end: () => void = () => undefined;
    const run: Run = {
      ...{
        request,
        number: ++this.#runs,
        key: { job, unit, task },
        progress,
        cancel: () => undefined,
        lease: undefined,
      },
      ...{ stopping: false, keep: true, isKept: false, resumedAt: 0, writes: Promise.resolve() },
      ended: new Promise<void>((resolve) => {
        end = resolve;
      }),
    };
    const finish = async (outcome: ExecutionOutcome): Promise<void> => {
      await this.#settle(run, outcome);
      this.#running.delete(ticket);
      end();
      if (!outcome.ok) {
        // Cancelling is everyday business: somebody else was first.
        const level = outcome.code === 'cancelled' ? 'debug' : 'warn';
        this.#logger.log(level, 'unit not executed', { job, unit, code: outcome.code, detail: outcome.detail });
      }
      done(outcome);
    };
    run.cancel = this.#queue.run(
      async (lease) => finish(await outcomeOf(() => this.#runUnit(lease, run))),
      (failure) => void finish(failureOf(failure)),
    );
    this.#running.set(ticket, run);
  }

  cancel(ticket: Ticket, keep = false): void {
    const run = this.#running.get(ticket);
    if (run === undefined || (run.stopping && keep)) return;
    run.keep = keep;
    if (!keep || run.lease === undefined || this.#checkpoints === undefined) return run.cancel();
    run.stopping = true;
    run.lease.interrupt(run.number);
    const disarm = this.#schedule(STOP_MAX_MS, run.cancel);
    void run.ended.then(disarm);
  }

  async close(): Promise<void> {
    for (const ticket of this.#running.keys()) this.cancel(ticket, true);
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    await this.#queue.close();
    this.#modules.clear();
  }

  /** Throws a RangeError unless `cores` is a whole number of at least 1. */
  resize(cores: number): void {
    this.#queue.resize(cores);
  }

  /** Rejects with a KernelRefusedError, or with a SandboxFailure when this machine could not look at it. */
  inspect(bytes: Uint8Array, abi?: number): Promise<KernelReport> {
    return this.#lease(async (lease) => {
      const reply = await lease.ask({ type: 'inspect', bytes, abi }, PREPARE_MAX_MS);
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

  async #runUnit(lease: Lease, run: Run): Promise<ExecutionOutcome> {
    const { request, number } = run;
    checkVersions(request);
    const { kernel, abi, metering, memoryPagesMax } = request;
    const { module } = await this.#prepare(lease, { kernel, abi, memoryPagesMax, metering });
    const unitInput = await this.#blocks.get(request.unitInput);
    if (unitInput === undefined) {
      throw new SandboxFailure('input-malformed', `the unit's input block ${request.unitInput} is not kept here`);
    }
    const { task, taskCount, stepQuantum, parameters, fuelPerTaskMax, outputBytesPerTaskMax } = request;
    const limits = { fuelPerTaskMax, outputBytesPerTaskMax };
    const work = { task, taskCount, abi, stepQuantum, parameters, unitInput, ...limits };
    const identity = identityOf(request, this.#sha256);
    const saving = this.#checkpoints && { key: run.key, identity, checkpoint: await this.#saved(run) };
    const asked = lease.ask({ type: 'unit', run: number, module, work, saving }, request.wallClockMaxMs, (news) =>
      this.#onNews(run, news),
    );
    run.lease = lease;
    const reply = await asked;
    run.lease = undefined;
    if (reply.type === 'unit-stopped') {
      const { job, unit } = request;
      this.#logger.log('info', 'unit interrupted', { job, unit, ...reply.progress });
      throw new SandboxFailure('cancelled', 'the run was interrupted at a step boundary');
    }
    if (reply.type !== 'unit-done') throw errorOf(reply);
    // It ended before it could be interrupted, and whoever asked for that does not wait for a result any more.
    if (run.stopping) this.#keepWhole(run, identity, reply.execution);
    return { ok: true, execution: reply.execution, note: reply.note };
  }

  async #saved(run: Run): Promise<Uint8Array | undefined> {
    try {
      const checkpoint = await this.#checkpoints?.get(run.key);
      run.isKept = checkpoint !== undefined;
      return checkpoint;
    } catch (error) {
      this.#logger.log('warn', 'a checkpoint cannot be read, so its unit begins again', { error: String(error) });
      return undefined;
    }
  }

  #onNews(run: Run, news: WorkerNews): void {
    const { job, unit } = run.request;
    switch (news.type) {
      case 'unit-resumed':
        if (news.progress === undefined) {
          this.#logger.log('warn', 'a checkpoint is damaged or of other work, so its unit begins again', { job, unit });
          return;
        }
        run.resumedAt = partDone(news.progress);
        this.#logger.log('info', 'unit resumed', { job, unit, ...news.progress });
        this.#tell(run, news.progress);
        return;
      case 'unit-progress':
        this.#tell(run, news.progress);
        return;
      case 'checkpoint':
        this.#put(run, news.bytes);
        return;
      case 'checkpoint-kept':
        run.isKept = true;
        if (news.failure !== undefined) this.#logger.log('warn', 'a checkpoint was not kept', { error: news.failure });
    }
  }

  #tell(run: Run, progress: UnitProgress): void {
    run.progress({ ...progress, resumedAt: run.resumedAt });
  }

  #put(run: Run, bytes: Uint8Array): void {
    run.isKept = true;
    run.writes = run.writes
      .then(() => this.#checkpoints?.put(run.key, bytes))
      .catch((error: unknown) => this.#logger.log('warn', 'a checkpoint was not kept', { error: String(error) }));
  }

  #keepWhole(run: Run, identity: WorkIdentity, { output, wallClockMs }: Execution): void {
    if (output === undefined) return;
    const state = { ...decodeUnitOutput(output.bytes), running: undefined, elapsedMs: wallClockMs };
    this.#put(run, encodeCheckpoint(identity, state, this.#sha256));
  }

  /** A run that came to its end, or that nobody wants any more, leaves nothing behind. */
  async #settle(run: Run, outcome: ExecutionOutcome): Promise<void> {
    await run.writes;
    const isOver = outcome.ok ? !run.stopping : outcome.code === 'cancelled' && !run.keep;
    if (!isOver || !run.isKept) return;
    await this.#checkpoints?.drop(run.key).catch((error: unknown) => {
      this.#logger.log('warn', 'a checkpoint was not dropped', { error: String(error) });
    });
  }

  async #runReduce(lease: Lease, request: ReduceRequest): Promise<TaskResult> {
    const { kernel, parameters, outputs, limits } = request;
    const { memoryPagesMax } = limits;
    const wanted: Wanted = { kernel, abi: ABI_VERSION, memoryPagesMax, metering: METERING };
    const { module, report } = await this.#prepare(lease, wanted);
    if (!report.hasReduce) throw new ReduceError('no-reduce', 'the kernel does not export shoal_reduce');
    const reply = await lease.ask({ type: 'reduce', module, parameters, outputs, limits }, limits.wallClockMaxMs);
    if (reply.type !== 'reduce-done') throw errorOf(reply);
    return reply.result;
  }

  async #prepare(lease: Lease, { kernel, abi, memoryPagesMax, metering }: Wanted): Promise<Prepared> {
    const { mode, weights } = metering;
    if (!Number.isInteger(memoryPagesMax) || memoryPagesMax < 0 || memoryPagesMax > MEMORY_PAGES_MAX) {
      throw new SandboxFailure(
        'kernel-refused',
        `memoryPagesMax is ${memoryPagesMax}, it must be 0 to ${MEMORY_PAGES_MAX}`,
      );
    }
    const cid = typeof kernel === 'string' ? kernel : cidFromDigest(toHex(this.#sha256(kernel)) as Digest, 'raw');
    const key = `${cid}/${abi}/${memoryPagesMax}/${mode}/${weights}`;
    const warm = this.#modules.get(key);
    if (warm !== undefined) return this.#keep(key, warm);
    const bytes = typeof kernel === 'string' ? await this.#blocks.get(kernel) : kernel;
    if (bytes === undefined) throw new SandboxFailure('kernel-missing', `the kernel ${cid} is not kept here`);
    const how = { abi, memoryPagesMax, mode, weights };
    const reply = await lease.ask({ type: 'prepare', bytes, ...how }, PREPARE_MAX_MS);
    if (reply.type !== 'prepared') throw errorOf(reply);
    this.#logger.log('debug', 'kernel prepared', { kernel: cid, bytes: bytes.length, ...how });
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
  if (rewriter !== METERING.rewriter || !MODES.includes(mode) || weightsOf(weights) === undefined) {
    const wanted = `rewriter ${rewriter}, mode ${mode}, weights ${weights}`;
    throw new SandboxFailure('kernel-refused', `the job wants a metering this version does not have: ${wanted}`);
  }
  if (!ABI_VERSIONS.includes(request.abi)) {
    const known = ABI_VERSIONS.join(' and ');
    throw new SandboxFailure('kernel-refused', `the job wants ABI ${request.abi}, this version has ${known}`);
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
