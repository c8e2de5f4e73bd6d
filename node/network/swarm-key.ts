/**
 * The key of a private network, in the text form all libp2p implementations share: three lines, the last one 32
 * bytes in hex. Whoever has it may join; whoever has not cannot even complete a handshake.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, fromHex, toHex } from '../protocol/bytes.ts';
import { NetworkError } from './error.ts';

const HEADER = '/key/swarm/psk/1.0.0/';
const ENCODING = '/base16/';
const KEY_BYTES = 32;

export interface SwarmKey {
  /** The text form, canonical, for libp2p. */
  readonly text: Uint8Array;
  /** The 32 secret bytes. */
  readonly secret: Uint8Array;
}

export function generateSwarmKey(): SwarmKey {
  return swarmKeyOf(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

/** Reads the text form. Throws a NetworkError `swarm-key-malformed` that says what is wrong. */
export function parseSwarmKey(text: Uint8Array | string): SwarmKey {
  const lines = (typeof text === 'string' ? text : new TextDecoder().decode(text))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines[0] !== HEADER) throw malformed(`its first line must be ${HEADER}`);
  if (lines[1] !== ENCODING) throw malformed(`its second line must be ${ENCODING} (other encodings are not supported)`);
  const digits = lines[2]?.toLowerCase();
  if (digits === undefined) throw malformed('its third line, the key itself, is missing');
  if (!/^[0-9a-f]+$/.test(digits)) throw malformed('its third line must be hex digits');
  if (digits.length !== 2 * KEY_BYTES) throw malformed(`its third line has ${digits.length} hex digits, not 64`);
  if (lines.length > 3) throw malformed('there is more after its third line');
  return swarmKeyOf(fromHex(digits));
}

/** A name for the private network that tells nothing about its key: 16 hex digits. Goes into `privateParameters`. */
export function networkNameOf(key: SwarmKey): string {
  return toHex(hmac(sha256, key.secret, asciiBytes('shoal/network'))).slice(0, 16);
}

function swarmKeyOf(secret: Uint8Array): SwarmKey {
  return { secret, text: asciiBytes(`${HEADER}\n${ENCODING}\n${toHex(secret)}`) };
}

function malformed(why: string): NetworkError {
  return new NetworkError('swarm-key-malformed', `not a swarm key: ${why}`);
}
