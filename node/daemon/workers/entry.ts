/** What a worker thread of the pool runs. It answers one request at a time until it is terminated. */
import '../../runtime/polyfills.ts';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from '../../sandbox/messages.ts';
import { answerRequest, type WorkerHost } from '../../sandbox/worker.ts';
import { whatIsOpen } from './permissions.ts';
import type { ThreadData } from './pool.ts';
import { nativeSha256 } from './sha256.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

const { interrupted, confined } = workerData as ThreadData;
const open = confined ? whatIsOpen('thread') : undefined;
if (open !== undefined) throw new Error(open);
const host: WorkerHost = {
  sha256: nativeSha256,
  now: () => performance.now(),
  isInterrupted: (run) => Atomics.load(interrupted, 0) === run,
  tell: (news, transfer) => port.postMessage(news, [...transfer]),
};

yieldToOtherPrograms();
port.on('message', (request: WorkerRequest) => {
  void answerRequest(request, host).then(({ reply, transfer }) => port.postMessage(reply, [...transfer]));
});
port.postMessage({ type: 'ready' } satisfies WorkerReply);

/** On Linux a priority belongs to a thread, 0 means this one; elsewhere it would slow the whole peer down. */
function yieldToOtherPrograms(): void {
  if (process.platform === 'linux') setPriority(0, 19);
}
