/**
 * Starts the sandbox process: Node.js with nothing in its environment, the permission model on, no standard input, its
 * output in the log, the lowest priority, and first in line where the system runs out of memory. It is a process of its
 * own so that keys, tokens and blocks are in no memory a kernel could get at, and so that what crashes it crashes
 * nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Logger } from '../../runtime/log.ts';
import { processFlags } from './permissions.ts';
import { type ToSandbox, withOwnBytes } from './process-messages.ts';

export interface ProcessHandle {
  readonly pid: number | undefined;
  post(message: ToSandbox): void;
  /** Ends it at once. Resolves when it is gone; nothing is reported any more. */
  kill(): Promise<void>;
}

export interface ProcessListener {
  /** As it came: nothing of it has been checked. */
  message(message: unknown): void;
  /** It is gone, or never came up, and not because `kill` was called. */
  ended(detail: string): void;
}

export type StartProcess = (cores: number, listener: ProcessListener) => ProcessHandle;

export interface ProcessOptions {
  /** Folder of the bundled code, `process.mjs` and what it needs. */
  readonly folder: string;
  readonly logger: Logger;
}

const ENTRY = 'process.mjs';
/** JavaScript heap of its main thread, which holds messages; blocks in transit lie outside of the heap. */
const HEAP_MAX_MB = 128;
/** Text on stdout and stderr that goes to the log, of one process in all: a runaway must not fill a disk. */
const OUTPUT_CHARACTERS_MAX = 64 * 1024;
const PRIORITY_LOWEST = 19;
/** From -1000 to 1000. */
const FIRST_TO_GO = '900';

export function startProcesses({ folder, logger }: ProcessOptions): StartProcess {
  // The permission model compares real paths.
  const code = realpathSync(folder);
  const flags = [
    ...processFlags(code, process.versions.node),
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${HEAP_MAX_MB}`,
  ];
  return (cores, listener) => {
    const child = spawn(process.execPath, [...flags, join(code, ENTRY), String(cores)], {
      cwd: code,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      windowsHide: true,
    });
    const said = capture(child, logger);
    let isOver = false;
    const gone = new Promise<void>((resolve) => {
      const over = (detail: string): void => {
        resolve();
        if (isOver) return;
        isOver = true;
        listener.ended(said() === '' ? detail : `${detail}: ${said()}`);
      };
      child.on('error', (error) => over(`it could not be started: ${error.message}`));
      child.on('close', (code, signal) =>
        over(signal === null ? `it ended with exit code ${code}` : `it got ${signal}`),
      );
    });
    goFirst(child.pid);
    // It is up: the engine has started its threads.
    child.once('message', () => yieldToOtherPrograms(child.pid));
    child.on('message', (message: unknown) => {
      if (!isOver) listener.message(withOwnBytes(message));
    });
    return {
      pid: child.pid,
      post: (message) => {
        // Where the channel is broken the process has ended, and that is reported.
        if (child.connected) child.send(message, () => undefined);
      },
      kill: () => {
        isOver = true;
        child.kill('SIGKILL');
        return gone;
      },
    };
  };
}

/** Logs what the process writes, and returns what gives its last words. */
function capture({ stdout, stderr }: ChildProcess, logger: Logger): () => string {
  let left = OUTPUT_CHARACTERS_MAX;
  let last = '';
  const log = (stream: Readable | null, name: string): void => {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      if (left === 0) return;
      const shown = text.slice(0, left);
      left -= shown.length;
      last = `${last}${shown}`.slice(-1_000);
      logger.log('warn', `the sandbox process wrote to ${name}`, {
        text: shown,
        more: left === 0 ? 'left out' : undefined,
      });
    });
  };
  log(stdout, 'stdout');
  log(stderr, 'stderr');
  return () => last.trim();
}

/**
 * On Linux a priority belongs to a thread: those the engine has started, which compile kernels, get the lowest here,
 * and threads that run kernels give it to themselves once they are up. The main thread only hands on messages and is
 * left as it is: nothing would begin on a busy machine otherwise. Elsewhere there is one priority for all of them.
 */
function yieldToOtherPrograms(pid: number | undefined): void {
  if (pid === undefined) return;
  attempt(() => {
    if (process.platform !== 'linux') return setPriority(pid, PRIORITY_LOWEST);
    for (const name of readdirSync(`/proc/${pid}/task`)) {
      const thread = Number(name);
      if (thread !== pid) setPriority(thread, PRIORITY_LOWEST);
    }
  });
}

/** Where memory runs out, the work of others goes before what the owner of the machine uses. */
function goFirst(pid: number | undefined): void {
  if (process.platform === 'linux') attempt(() => writeFileSync(`/proc/${pid}/oom_score_adj`, FIRST_TO_GO));
}

/** Gone already, which is reported; or a system that does not allow it, where it runs like any other program. */
function attempt(manners: () => void): void {
  try {
    manners();
  } catch {}
}
