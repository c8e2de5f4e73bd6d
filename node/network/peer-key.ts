/**
 * Two names of one peer. The protocol knows it by its raw Ed25519 public key in hex; libp2p, multiaddrs and people
 * know it by the peer id, `12D3Koo…`, which embeds the same key.
 */
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId, PrivateKey } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { PeerKey } from '../protocol/ids.ts';
import { NetworkError } from './error.ts';

/** Throws a NetworkError `key-unsupported` unless the peer's key is Ed25519. */
export function peerKeyOf(peer: PeerId): PeerKey {
  if (peer.type !== 'Ed25519') {
    throw new NetworkError('key-unsupported', `peer ${peer.toString()} has a key that is not Ed25519`);
  }
  return toHex(peer.publicKey.raw) as PeerKey;
}

/** Throws a NetworkError `key-unsupported` unless `key` is 64 hex digits. */
export function peerIdOf(key: PeerKey): PeerId {
  try {
    return peerIdFromPublicKey(publicKeyFromRaw(fromHex(key)));
  } catch (error) {
    throw new NetworkError('key-unsupported', `not an Ed25519 public key: ${key.slice(0, 80)}`, { cause: error });
  }
}

/** `12D3Koo…`, as people see it. */
export function peerNameOf(key: PeerKey): string {
  return peerIdOf(key).toString();
}

/** From the text form. Throws a NetworkError `key-unsupported` for anything else. */
export function peerKeyOfName(name: string): PeerKey {
  let peer: PeerId;
  try {
    peer = peerIdFromString(name);
  } catch (error) {
    throw new NetworkError('key-unsupported', `not a peer id: ${name.slice(0, 80)}`, { cause: error });
  }
  return peerKeyOf(peer);
}

/** The libp2p key that belongs to a 32-byte Ed25519 seed. */
export async function privateKeyFromSeed(seed: Uint8Array): Promise<PrivateKey> {
  if (seed.length !== 32) throw new NetworkError('key-unsupported', `a seed has 32 bytes, this one ${seed.length}`);
  return generateKeyPairFromSeed('Ed25519', seed);
}
