/**
 * The edges of Ed25519 on which verifiers differ, cut off by bytes before any verifier is asked. The vectors are
 * built here from the curve's constants, by the arithmetic of RFC 8032, after "Taming the many EdDSAs" (2020).
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { isNonCanonicalSignature, isWeakKey } from '../../../../node/protocol/wire/signature.ts';

const P = 2n ** 255n - 19n;
const modP = (a: bigint): bigint => ((a % P) + P) % P;
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = modP(base), e = exponent; e > 0n; e >>= 1n, b = modP(b * b)) if (e & 1n) result = modP(result * b);
  return result;
}
const inverse = (a: bigint): bigint => power(a, P - 2n);
const D = modP(-121_665n * inverse(121_666n));
const SQRT_MINUS_1 = power(2n, (P - 1n) / 4n);

type Point = readonly [x: bigint, y: bigint];
const NEUTRAL: Point = [0n, 1n];

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const t = modP(D * modP(x1 * x2) * modP(y1 * y2));
  return [modP((x1 * y2 + x2 * y1) * inverse(1n + t)), modP((y1 * y2 + x1 * x2) * inverse(1n - t))];
}

function multiply(point: Point, times: bigint): Point {
  let result = NEUTRAL;
  for (let base = point, n = times; n > 0n; n >>= 1n, base = add(base, base)) if (n & 1n) result = add(result, base);
  return result;
}

/** x of a point with this y, or undefined when there is none. */
function xOf(y: bigint): bigint | undefined {
  const u = modP(y * y - 1n);
  const v = modP(D * y * y + 1n);
  let x = modP(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (modP(v * x * x) === modP(-u)) x = modP(x * SQRT_MINUS_1);
  return modP(v * x * x) === u ? x : undefined;
}

/** 32 bytes, y little-endian without reduction, the sign in the top bit. */
function encodePoint(y: bigint, sign: 0 | 1): PeerKey {
  const bytes = Buffer.alloc(32);
  for (let i = 0, rest = y; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  bytes[31] = bytes[31]! | (sign << 7);
  return bytes.toString('hex') as PeerKey;
}

/** The eight points whose order divides the cofactor, found as multiples of a point by the group's prime order. */
function smallOrderPoints(): readonly Point[] {
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  for (let y = 2n; ; y++) {
    const x = xOf(y);
    if (x === undefined) continue;
    const generator = multiply([x, y], order);
    const points = Array.from({ length: 8 }, (_, i) => multiply(generator, BigInt(i)));
    if (new Set(points.map(([, y]) => y).concat(points.map(([x]) => x))).size >= 8) {
      if (new Set(points.map(([px, py]) => `${px} ${py}`)).size === 8) return points;
    }
  }
}

describe('author keys', () => {
  const points = smallOrderPoints();

  it('of small order are refused: all eight points, with either sign bit', () => {
    expect(points).toHaveLength(8);
    for (const [x, y] of points) {
      expect(multiply([x, y], 8n)).toEqual(NEUTRAL);
      for (const sign of [0, 1] as const) expect(isWeakKey(encodePoint(y, sign)), `${y}`).toBe(true);
    }
  });

  it('that are not canonical are refused: all nineteen values of y at or above the prime', () => {
    for (let y = P; y < 2n ** 255n; y++) {
      for (const sign of [0, 1] as const) expect(isWeakKey(encodePoint(y, sign))).toBe(true);
    }
    expect(isWeakKey(encodePoint(P - 2n, 0))).toBe(false);
  });

  it('named in the paper are refused as they stand there', () => {
    const listed = [
      '0100000000000000000000000000000000000000000000000000000000000000',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      '0000000000000000000000000000000000000000000000000000000000000080',
    ];
    for (const key of listed) expect(isWeakKey(key as PeerKey), key).toBe(true);
  });

  it('that people use are taken', () => {
    for (let i = 0; i < 50; i++) {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex') as PeerKey;
      expect(isWeakKey(raw)).toBe(false);
      expect(isNonCanonicalSignature(sign(null, Buffer.from(`message ${i}`), privateKey))).toBe(false);
    }
  });
});

describe('signatures', () => {
  it('with an R at or above the prime are refused, all others left to the verifier', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 255n - 1n }), fc.constantFrom(0 as const, 1 as const), (y, sign) => {
        const signature = Buffer.concat([Buffer.from(encodePoint(y, sign), 'hex'), Buffer.alloc(32)]);
        expect(isNonCanonicalSignature(signature)).toBe(y >= P);
      }),
      {
        examples: [
          [P, 0],
          [P, 1],
          [P - 1n, 1],
          [2n ** 255n - 1n, 1],
          [P + 1n, 0],
        ],
        seed: 31,
      },
    );
  });
});

describe('looking at a key or signature', () => {
  it('leaves it as it was, also when it came as a Buffer', () => {
    const signature = Buffer.alloc(64, 0xff);
    isNonCanonicalSignature(signature);
    expect(signature.every((byte) => byte === 0xff)).toBe(true);
  });
});
