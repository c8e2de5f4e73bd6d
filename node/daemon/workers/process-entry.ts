/**
 * What the sandbox process runs: the executor with its threads, and the blocks it needs fetched over the channel. It
 * ends when the daemon does. Signals that a terminal or a service manager sends to a whole group are the daemon's to
 * answer: it may want to finish what runs here.
 */
import '../../runtime/polyfills.ts';
import type { ExecutionRequest } from '../../protocol/effect.ts';
import type { ExecutionOutcome } from '../../runtime/environment.ts';
import type { ReduceError } from '../../sandbox/reduce-error.ts';
import type { KernelRefusedError } from '../../sandbox/refusal.ts';
import type { SandboxFailure } from '../../sandbox/task.ts';
import { whatIsOpen } from './permissions.ts';
import { createWorkerPool } from './pool.ts';
import {
  type Answer,
  type FromSandbox,
  type ToSandbox,
  type Wish,
  type Work,
  withOwnBytes,
} from './process-messages.ts';

type Granted = Extract<ToSandbox, { type: 'granted' }>;

/** Lies beside this file once both are bundled. */
const THREAD_FILE = './thread.mjs';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));

const open = whatIsOpen('process');
if (open !== undefined) throw new Error(open);

const wishes = new Map<number, (granted: Granted) => void>();
let nextWish = 0;
const pool = createWorkerPool({
  cores: Number(process.argv[2]),
  entry: new URL(THREAD_FILE, import.meta.url),
  confined: true,
  blocks: { get: (cid) => ask({ type: 'block', cid }) },
  checkpoints: {
    get: (key) => ask({ type: 'get-checkpoint', key }),
    put: async (key, bytes) => void (await ask({ type: 'put-checkpoint', key, bytes })),
    drop: async (key) => void (await ask({ type: 'drop-checkpoint', key })),
  },
  logger: { log: (level, message, fields) => tell({ type: 'log', level, message, fields }) },
});

process.on('message', (message: ToSandbox) => hear(withOwnBytes(message)));
tell({ type: 'ready' });

function hear(message: ToSandbox): void {
  switch (message.type) {
    case 'work':
      void run(message.id, message.work).then((answer) => tell({ type: 'answer', id: message.id, answer }));
      return;
    case 'cancel':
      return pool.cancel(message.id, message.keep);
    case 'resize':
      return pool.resize(message.cores);
    case 'granted':
      wishes.get(message.id)?.(message);
      wishes.delete(message.id);
      return;
    case 'close':
      void pool.close().then(() => tell({ type: 'closed' }));
      return;
    case 'ping':
      return tell({ type: 'pong' });
  }
}

async function run(id: number, work: Work): Promise<Answer> {
  try {
    switch (work.type) {
      case 'execute':
        return { type: 'outcome', outcome: await execute(id, work.request) };
      case 'inspect':
        return { type: 'report', report: await pool.inspect(work.bytes, work.abi) };
      case 'reduce':
        return { type: 'output', output: await pool.reduce(work.request) };
    }
  } catch (error) {
    const { name, code = 'worker-crashed', message } = error as KernelRefusedError | SandboxFailure | ReduceError;
    return { type: 'error', name, code, message };
  }
}

function execute(id: number, request: ExecutionRequest): Promise<ExecutionOutcome> {
  return new Promise((done) => pool.execute(id, request, done, (progress) => tell({ type: 'progress', id, progress })));
}

function ask(wish: Wish): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const id = nextWish++;
    wishes.set(id, ({ bytes, failure }) => (failure === undefined ? resolve(bytes) : reject(new Error(failure))));
    tell({ type: 'wish', id, wish });
  });
}

function tell(message: FromSandbox): void {
  if (process.connected) process.send?.(message);
}
