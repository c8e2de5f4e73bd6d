/**
 * Which Ed25519 keys and signatures are refused before any verifier sees them. Native verifiers differ on edge
 * cases: Firefox refuses two non-canonical key encodings that Node.js and Chromium accept, and all accept keys of
 * small order, whose signatures fit almost any message. A statement that one peer admits and another does not would
 * split the set, so the edges are cut off here by comparing bytes, the same everywhere.
 */
import { fromHex, toHex } from '../bytes.ts';
import type { PeerKey } from '../ids.ts';

/** p = 2^255 − 19, little-endian: encodings of y at or above it are not canonical. */
const P = fromHex(`ed${'ff'.repeat(30)}7f`);

/** y coordinates of the eight points of small order, canonical, without the sign bit. */
const SMALL_ORDER_Y = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** True when this author key must not be used: non-canonical, or of small order. */
export function isWeakKey(author: PeerKey): boolean {
  const y = withoutSign(fromHex(author));
  return isAtLeastP(y) || SMALL_ORDER_Y.has(toHex(y));
}

/** True when R, the first half of the signature, is no canonical encoding. */
export function isNonCanonicalSignature(signature: Uint8Array): boolean {
  return isAtLeastP(withoutSign(signature.slice(0, 32)));
}

function withoutSign(point: Uint8Array): Uint8Array {
  // Not `slice`: a Buffer's would share the caller's memory.
  const y = new Uint8Array(point);
  y[31] = y[31]! & 0x7f;
  return y;
}

function isAtLeastP(y: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    if (y[i]! !== P[i]!) return y[i]! > P[i]!;
  }
  return true;
}
