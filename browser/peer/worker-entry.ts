/**
 * What a Web Worker of the tab runs: the sandbox, and nothing that could reach the network or storage. It answers one
 * request at a time until it is terminated. WebAssembly is compiled and run here only, never on the page's thread.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { WorkerReply, WorkerRequest } from '../../node/sandbox/messages.ts';
import { answerRequest } from '../../node/sandbox/worker.ts';

/** `DedicatedWorkerGlobalScope`, as far as it is used; the DOM library types `self` as a window. */
interface Scope {
  onmessage: ((message: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(reply: WorkerReply, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data: request }) => {
  const { reply, transfer } = answerRequest(request, sha256, () => performance.now());
  scope.postMessage(reply, [...transfer]);
};
scope.postMessage({ type: 'ready' }, []);
