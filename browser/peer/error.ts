/**
 * Why a tab cannot be a peer, with a code. Raised by `createTabPeer` only, with words a page can show as they are:
 * what is missing and what to do about it.
 */
import { CodedError } from '../../node/runtime/coded-error.ts';

export type TabPeerErrorCode =
  /** Plain http from another machine: no cryptography, no locks. */
  | 'insecure-context'
  /** The browser's own cryptography lacks Ed25519, and there is no substitute here. */
  | 'no-ed25519'
  /** An interface that a peer needs is missing; the message names it. */
  | 'browser-too-old'
  /** IndexedDB cannot be opened, e.g. in some private windows. */
  | 'storage-refused'
  /** What is stored was written by a newer version of this page. */
  | 'storage-newer'
  /** Every identity slot of this origin is in use by another tab. */
  | 'too-many-tabs'
  /** An address that a tab cannot dial. */
  | 'address-refused'
  | 'configuration';

export class TabPeerError extends CodedError<TabPeerErrorCode> {
  override readonly name = 'TabPeerError';
}
