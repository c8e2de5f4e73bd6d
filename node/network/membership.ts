/**
 * A second proof that the other side has the swarm key, on a stream of ours. The connection protector guards tcp and
 * websockets only; whatever else may carry a connection some day is caught here. The proof names both peers, whose
 * keys the encrypted connection has authenticated, so it cannot be passed on or sent back.
 */
import type { Stream } from '@libp2p/interface';
import { byteStream } from '@libp2p/utils';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, concatBytes, equalBytes, fromHex } from '../protocol/bytes.ts';
import type { PeerKey } from '../protocol/ids.ts';
import type { SwarmKey } from './swarm-key.ts';

const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const LABEL = asciiBytes('shoal/membership');

/** The other side completed the handshake and still could not prove that it has the swarm key. */
export class MembershipError extends Error {
  override readonly name = 'MembershipError';
}

/** Asks the other side for its proof. Resolves to whether it has the key; rejects if the stream breaks. */
export async function challengeMember(
  stream: Stream,
  key: SwarmKey,
  self: PeerKey,
  peer: PeerKey,
  signal: AbortSignal,
): Promise<boolean> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const bytes = byteStream(stream, { maxBufferSize: PROOF_BYTES });
  await bytes.write(nonce, { signal });
  const proof = (await bytes.read({ bytes: PROOF_BYTES, signal })).subarray();
  await stream.close({ signal });
  return equalBytes(proof, prove(key, nonce, peer, self));
}

/** Answers a challenge. */
export async function answerChallenge(
  stream: Stream,
  key: SwarmKey,
  self: PeerKey,
  peer: PeerKey,
  signal: AbortSignal,
): Promise<void> {
  const bytes = byteStream(stream, { maxBufferSize: NONCE_BYTES });
  const nonce = (await bytes.read({ bytes: NONCE_BYTES, signal })).subarray();
  await bytes.write(prove(key, nonce, self, peer), { signal });
  await stream.close({ signal });
}

function prove(key: SwarmKey, nonce: Uint8Array, prover: PeerKey, challenger: PeerKey): Uint8Array {
  return hmac(sha256, key.secret, concatBytes(LABEL, nonce, fromHex(prover), fromHex(challenger)));
}
