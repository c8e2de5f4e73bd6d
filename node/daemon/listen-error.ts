/**
 * Which listen addresses could not be had, in one sentence: libp2p's own message is a page of advice and stack traces.
 */
import { messageOf, NetworkError } from '../network/error.ts';
import { ShoalError } from './errors.ts';

/** `added` are those of `listen` that the owner did not write. Gives back what is no failure to listen. */
export function explainListening(error: unknown, listen: readonly string[], added: readonly string[]): unknown {
  if (!(error instanceof NetworkError) || error.code !== 'listen-failed') return error;
  const failed = failuresIn(messageOf(error.cause), listen);
  if (failed.length === 0) return error;
  const what = failed.map(({ address, why }) => `${address} (${why})`).join(', ');
  const advice = failed.some(({ address }) => added.includes(address))
    ? 'It was added so that browser tabs can connect, on the port after that of the page: choose another one with --serve-volunteers=host:port, or listen for tabs with --listen.'
    : 'Choose another address with --listen, or end what holds this one.';
  return new ShoalError('address', `listen: cannot listen on ${what}. ${advice}`, error);
}

interface Failure {
  readonly address: string;
  readonly why: string;
}

function failuresIn(message: string, listen: readonly string[]): readonly Failure[] {
  // WebRTC's native part does not say which address it means, and fails for one reason only.
  if (message.includes('ICE UDP mux')) {
    const why = `its UDP port is taken: ${message}`;
    return listen.filter((address) => address.includes('/webrtc-direct')).map((address) => ({ address, why }));
  }
  const lines = message.matchAll(/^ *(\/\S+): (?:\w*Error: )?(.*)$/gm);
  return [...lines].map(([, address = '', why = '']) => ({ address, why }));
}
