/** What two threads can do without any network: each runs every task once, so that each task runs twice, as in a quorum. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { meter } from '../../node/sandbox/meter.ts';
import { CHECKOUT } from '../support/daemon.ts';
import type { BareRequest } from './bare-worker.ts';
import type { Effort } from './effort.ts';
import type { Kernel, Work } from './work.ts';

export class BareThreads {
  readonly #workers: readonly Worker[];
  readonly #modules: { readonly metered: WebAssembly.Module; readonly unmetered: WebAssembly.Module };

  constructor({ wasm, manifest }: Kernel, threads: number) {
    const { memoryPagesMax } = manifest.limits;
    this.#modules = {
      metered: new WebAssembly.Module(new Uint8Array(meter(wasm, { memoryPagesMax }))),
      unmetered: new WebAssembly.Module(wasm),
    };
    const entry = join(CHECKOUT, 'dist', 'test', 'bench', 'bare-worker.js');
    this.#workers = Array.from({ length: threads }, () => new Worker(entry));
  }

  async run(work: Work, kind: 'metered' | 'unmetered'): Promise<Effort> {
    const { parameters, inputs, kernel } = work;
    const { stepQuantum } = kernel.manifest.limits;
    const request = { module: this.#modules[kind], parameters, inputs, stepQuantum };
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    await Promise.all(this.#workers.map((worker) => answer(worker, request)));
    const elapsedMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { tasks: work.tasks, elapsedMs, cpuMs: (user + system) / 1_000 };
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function answer(worker: Worker, request: BareRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (error?: Error): void => {
      worker.off('message', finished).off('error', ended);
      if (error === undefined) resolve();
      else reject(error);
    };
    const finished = (): void => ended();
    worker.on('message', finished).on('error', ended);
    worker.postMessage(request);
  });
}
