/**
 * A worker for the owner's own work: looking at kernels, trying a job before it is announced, merging results. It does
 * not wait behind units that are computed for others, and it is only there while it has something to do.
 */
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Millis, Ticket } from '../../node/protocol/ids.ts';
import type { ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import type { ReduceRequest, SandboxExecutor } from '../../node/sandbox/executor.ts';
import type { KernelReport } from '../../node/sandbox/inspect.ts';

export interface DeskParts {
  /** Makes a sandbox with one worker. */
  readonly open: () => SandboxExecutor;
  readonly schedule: (afterMs: Millis, callback: () => void) => () => void;
}

/** Kept warm for the next question of the same piece of work. */
const IDLE_MAX_MS = 5_000;

export class Desk implements Pick<Executor, 'execute' | 'cancel'> {
  readonly #parts: DeskParts;
  #sandbox: SandboxExecutor | undefined;
  #busy = 0;
  #keep: () => void = () => undefined;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Rejects with a KernelRefusedError, or with a SandboxFailure when this machine could not look at it. */
  inspect(wasm: Uint8Array, abi?: number): Promise<KernelReport> {
    return this.#use((sandbox) => sandbox.inspect(wasm, abi));
  }

  /** Rejects with a ReduceError or a KernelRefusedError. */
  reduce(request: ReduceRequest): Promise<Uint8Array> {
    return this.#use((sandbox) => sandbox.reduce(request));
  }

  execute(ticket: Ticket, request: ExecutionRequest, done: (outcome: ExecutionOutcome) => void): void {
    const run = (sandbox: SandboxExecutor): Promise<ExecutionOutcome> =>
      new Promise((resolve) => sandbox.execute(ticket, request, resolve));
    void this.#use(run).then(done);
  }

  cancel(ticket: Ticket): void {
    this.#sandbox?.cancel(ticket);
  }

  /** Work under way ends as cancelled. */
  async close(): Promise<void> {
    this.#keep();
    const sandbox = this.#sandbox;
    this.#sandbox = undefined;
    await sandbox?.close();
  }

  async #use<T>(work: (sandbox: SandboxExecutor) => Promise<T>): Promise<T> {
    this.#keep();
    this.#busy++;
    this.#sandbox ??= this.#parts.open();
    try {
      return await work(this.#sandbox);
    } finally {
      if (--this.#busy === 0) this.#keep = this.#parts.schedule(IDLE_MAX_MS, () => void this.close());
    }
  }
}
