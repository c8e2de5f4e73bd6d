/**
 * Web Workers for the sandbox: one for each allowed core, started when there is work, ended to stop a kernel that
 * does not want to stop.
 */
import type { Logger } from '../../node/runtime/log.ts';
import type { WorkerReply } from '../../node/sandbox/messages.ts';
import type { SpawnWorker } from '../../node/sandbox/worker-queue.ts';

export function createSpawn(logger: Logger): SpawnWorker {
  return (listener) => {
    const worker = new Worker(new URL('./worker-entry.ts', import.meta.url), { type: 'module', name: 'shoal-kernel' });
    let ended = false;
    const crashed = (detail: string): void => {
      if (ended) return;
      ended = true;
      worker.terminate();
      logger.log('error', 'worker crashed', { detail });
      listener.crashed('worker-crashed', `the worker ended: ${detail}`);
    };
    worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
      if (!ended) listener.reply(data);
    };
    worker.onmessageerror = () => crashed('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault();
      crashed(event.message ?? 'its script could not be loaded');
    };
    return {
      post: (request) => worker.postMessage(request),
      terminate: async () => {
        ended = true;
        worker.terminate();
      },
    };
  };
}
