/**
 * Web Workers for the sandbox: one for each allowed core, started when there is work, ended to stop a kernel that
 * does not want to stop.
 */
import type { Logger } from '../../node/runtime/log.ts';
import type { FromWorker } from '../../node/sandbox/messages.ts';
import type { SpawnWorker } from '../../node/sandbox/worker-queue.ts';

/** What the page tells a worker of its own beside the sandbox's requests. */
export type WorkerOrder =
  /** Where units are kept that are not finished. First of all, or never. */
  | { readonly type: 'keep-in'; readonly database: string }
  /** The unit of that run is to stop at its next step boundary. */
  | { readonly type: 'interrupt'; readonly run: number };

/** `database` is where the workers keep checkpoints, if they do. */
export function createSpawn(logger: Logger, database?: string): SpawnWorker {
  return (listener) => {
    const worker = new Worker(new URL('./worker-entry.ts', import.meta.url), { type: 'module', name: 'shoal-kernel' });
    const order = (message: WorkerOrder): void => worker.postMessage(message);
    if (database !== undefined) order({ type: 'keep-in', database });
    let ended = false;
    const crashed = (detail: string): void => {
      if (ended) return;
      ended = true;
      worker.terminate();
      logger.log('error', 'worker crashed', { detail });
      listener.crashed('worker-crashed', `the worker ended: ${detail}`);
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (!ended) listener.reply(data);
    };
    worker.onmessageerror = () => crashed('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault();
      crashed(event.message ?? 'its script could not be loaded');
    };
    return {
      post: (request) => worker.postMessage(request),
      interrupt: (run) => order({ type: 'interrupt', run }),
      terminate: async () => {
        ended = true;
        worker.terminate();
      },
    };
  };
}
