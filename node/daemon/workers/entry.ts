/** What a worker thread of the pool runs. It answers one request at a time until it is terminated. */
import '../../runtime/polyfills.ts';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from '../../sandbox/messages.ts';
import { answerRequest } from '../../sandbox/worker.ts';
import { nativeSha256 } from './sha256.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

yieldToOtherPrograms();
port.on('message', (request: WorkerRequest) => {
  const { reply, transfer } = answerRequest(request, nativeSha256, () => performance.now());
  port.postMessage(reply, [...transfer]);
});
port.postMessage({ type: 'ready' } satisfies WorkerReply);

/** On Linux a priority belongs to a thread, 0 means this one; elsewhere it would slow the whole peer down. */
function yieldToOtherPrograms(): void {
  if (process.platform === 'linux') setPriority(0, 19);
}
