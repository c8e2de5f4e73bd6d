/**
 * What a Web Worker of the tab runs: the sandbox, and nothing that could reach the network. It answers one request at a
 * time until it is terminated. WebAssembly is compiled and run here only, never on the page's thread.
 *
 * It keeps checkpoints itself, without its page: a page that is being closed hears no answer any more, while what a
 * worker has handed to the browser's storage by then stays. Kernels have no imports through which to reach any of it.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { FromWorker, WorkerRequest } from '../../node/sandbox/messages.ts';
import { answerRequest, type WorkerHost } from '../../node/sandbox/worker.ts';
import { CHECKPOINTS_BYTES_MAX, IndexedDbCheckpoints } from './indexed-db-checkpoints.ts';
import type { WorkerOrder } from './workers.ts';

/** `DedicatedWorkerGlobalScope`, as far as it is used; the DOM library types `self` as a window. */
interface Scope {
  onmessage: ((message: MessageEvent<WorkerRequest | WorkerOrder>) => void) | null;
  postMessage(message: FromWorker, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;

let interrupted = 0;
let checkpoints: IndexedDbCheckpoints | undefined;

/** A turn of the event loop that no browser throttles. */
const turns = new MessageChannel();
let onTurn: () => void = () => undefined;
turns.port1.onmessage = () => onTurn();

const host: WorkerHost = {
  sha256,
  now: () => performance.now(),
  isInterrupted: (run) => interrupted === run,
  breathe: () =>
    new Promise((resolve) => {
      onTurn = resolve;
      turns.port2.postMessage(undefined);
    }),
  tell: (news, transfer) => scope.postMessage(news, [...transfer]),
  keep: async (key, bytes) => checkpoints?.put(key, bytes),
};

scope.onmessage = ({ data }) => {
  if (data.type === 'interrupt') interrupted = data.run;
  else if (data.type === 'keep-in') {
    checkpoints = new IndexedDbCheckpoints({
      name: data.database,
      bytesMax: CHECKPOINTS_BYTES_MAX,
      nowMs: Date.now,
    });
  } else void answerRequest(data, host).then(({ reply, transfer }) => scope.postMessage(reply, [...transfer]));
};
scope.postMessage({ type: 'ready' }, []);
