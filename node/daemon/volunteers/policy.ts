/**
 * Content-Security-Policy of the volunteer page, in two halves. The document may run its own scripts and no
 * WebAssembly: kernels come from strangers. Its workers may compile WebAssembly and have nothing else: no
 * connection, no storage by URL, no further worker.
 *
 * The document may open websockets to any peer, not only to those in `/network.json`: a peer takes blocks from the
 * peers that have them, and learns of these while it runs. Under https the plain ones are left out, which the
 * browser would refuse anyway. WebRTC is no matter of this policy.
 */
import type { Offer } from './offer.ts';

const WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'";

/** `path` is the URL's path; a worker's script has "worker" in its name, and its own policy rules the worker. */
export function policyFor(path: string, { tls }: Pick<Offer, 'tls'>): string {
  if (/worker/i.test(path)) return WORKER_POLICY;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${tls === undefined ? 'ws: wss:' : 'wss:'}`,
    "img-src 'self' blob: data:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
