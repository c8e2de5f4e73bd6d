/** What the network adapter refuses, with a code. Raised at creation, at start or by `dial`; never by traffic. */
import { CodedError } from '../runtime/coded-error.ts';

export type NetworkErrorCode =
  /** Not a multiaddr. */
  | 'address-malformed'
  /** A link that invites to a network, but does not say what is needed to join. */
  | 'invitation-malformed'
  /** A multiaddr, but one this peer must not or cannot use. */
  | 'address-refused'
  /** Not a key file of libp2p's private networks. */
  | 'swarm-key-malformed'
  /** The peer's own key is not Ed25519. */
  | 'key-unsupported'
  /** A listen address could not be opened, e.g. because its port is taken. */
  | 'listen-failed'
  /** `dial` did not reach a peer. */
  | 'dial-failed'
  | 'not-started';

export class NetworkError extends CodedError<NetworkErrorCode> {
  override readonly name = 'NetworkError';
}

/** Also of what is thrown without being an Error, such as the event of a websocket that did not open. */
export function messageOf(error: unknown): string {
  const { message, type } = (error ?? {}) as { readonly message?: unknown; readonly type?: unknown };
  if (typeof message === 'string') return message;
  // A browser does not tell a page why a websocket failed, lest it spies on its network.
  return type === 'error' ? 'the browser could not connect, and does not say why' : String(error);
}
