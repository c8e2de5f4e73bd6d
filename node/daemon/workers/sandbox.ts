/** Puts the sandbox process together as a daemon uses it. */
import { existsSync } from 'node:fs';
import { ProcessExecutor, type ProcessExecutorParts } from './process-executor.ts';
import { type ProcessOptions, startProcesses } from './process-handle.ts';
import { nativeSha256 } from './sha256.ts';

export type SandboxOptions = ProcessOptions &
  Pick<ProcessExecutorParts, 'blocks' | 'checkpoints' | 'cores' | 'onHealth'>;

/** An Executor that also inspects kernels, merges outputs, and can be given more cores and fewer. */
export type Sandbox = ProcessExecutor;

/** Throws a RangeError for `cores` below 1, and an Error when the bundled code is missing. */
export function createSandbox({ folder, logger, ...parts }: SandboxOptions): Sandbox {
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run "npm run build"`);
  return new ProcessExecutor({
    ...parts,
    start: startProcesses({ folder, logger }),
    schedule,
    now: () => performance.now(),
    sha256: nativeSha256,
    logger,
  });
}

function schedule(afterMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(afterMs, 2 ** 31 - 1));
  return () => clearTimeout(timer);
}
