/** Leaves, roots, seals and salts against values computed here with node:crypto, from the text of the specification. */
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest, JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import {
  LEAF_BYTES,
  leafAt,
  merkleRoot,
  packLeaf,
  rootOf,
  rootOfLeaves,
  saltOf,
  sealOf,
  totalFuel,
  unpackLeaves,
} from '../../../../node/protocol/trust/commitment.ts';
import { digest, key, leavesOf } from '../fixtures.ts';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('leaves', () => {
  it('pack trap, fuel and output hash into 41 bytes', () => {
    const outputHash = digest('output');
    const packed = packLeaf({ trap: 3, fuel: 0x0102030405, outputHash });
    expect(Buffer.from(packed).toString('hex')).toBe(`03${'0504030201000000'}${outputHash}`);
    expect(unpackLeaves(packed)).toEqual([{ trap: 3, fuel: 0x0102030405, outputHash }]);
  });

  it('refuse what is no whole number of records, an unknown trap kind and unsafe fuel', () => {
    expect(() => unpackLeaves(new Uint8Array())).toThrow(RangeError);
    expect(() => unpackLeaves(new Uint8Array(LEAF_BYTES + 1))).toThrow(/41 bytes/);
    const unknown = new Uint8Array(LEAF_BYTES);
    unknown[0] = 5;
    expect(() => unpackLeaves(unknown)).toThrow(/trap kind 5/);
    const unsafe = new Uint8Array(LEAF_BYTES).fill(0xff, 1, 9);
    expect(() => unpackLeaves(unsafe)).toThrow(/safe integer/);
    expect(() => merkleRoot(new Uint8Array())).toThrow(RangeError);
  });

  it('can be read from the middle of a larger buffer', () => {
    const leaves = leavesOf(0, 3);
    const shifted = new Uint8Array(leaves.length + 7);
    shifted.set(leaves, 7);
    expect(unpackLeaves(shifted.subarray(7))).toEqual(unpackLeaves(leaves));
    expect(leafAt(leaves, 1)).toEqual(leaves.slice(LEAF_BYTES, 2 * LEAF_BYTES));
  });
});

describe('roots', () => {
  /** The tree as the specification says it, level by level, an odd one moving up unchanged. */
  function tree(hashes: readonly Buffer[]): Buffer {
    if (hashes.length === 1) return hashes[0]!;
    const above: Buffer[] = [];
    for (let i = 0; i < hashes.length; i += 2) {
      const [left, right] = [hashes[i]!, hashes[i + 1]];
      above.push(right === undefined ? left : sha256(Buffer.of(1), left, right));
    }
    return tree(above);
  }

  it.each([1, 2, 3, 4, 5, 7, 8, 13, 64, 65])('of %i leaves', (count) => {
    const leaves = leavesOf(7, count);
    const hashes = Array.from({ length: count }, (_, i) =>
      sha256(Buffer.of(0), u32(i), leaves.slice(i * LEAF_BYTES, (i + 1) * LEAF_BYTES)),
    );
    const merkle = tree(hashes).toString('hex');
    expect(merkleRoot(leaves)).toBe(merkle);
    const fuel = Array.from({ length: count }, (_, task) => 100 + task).reduce((a, b) => a + b);
    expect(totalFuel(leaves)).toBe(fuel);
    expect(rootOfLeaves(leaves)).toBe(sha256(Buffer.of(2), hex(merkle), u64(fuel)).toString('hex'));
  });

  it('change with every byte of every leaf, and with the order of leaves', () => {
    const leaves = leavesOf(0, 3);
    const root = rootOfLeaves(leaves);
    for (let i = 0; i < leaves.length; i++) {
      const tampered = leaves.slice();
      // Trap kinds stay known and fuel stays safe.
      tampered[i] = tampered[i]! ^ 1;
      if (i % LEAF_BYTES === 8) continue;
      expect(rootOfLeaves(tampered), `byte ${i}`).not.toBe(root);
    }
    const swapped = leaves.slice();
    swapped.set(leafAt(leaves, 0), LEAF_BYTES);
    swapped.set(leafAt(leaves, 1), 0);
    expect(rootOfLeaves(swapped)).not.toBe(root);
  });

  it('bind the fuel', () => {
    const merkle = digest('merkle');
    expect(rootOf(merkle, 1)).not.toBe(rootOf(merkle, 2));
  });

  it('of a tree are no roots of its upper part: leaves and nodes hash apart', () => {
    const leaves = leavesOf(0, 4);
    expect(merkleRoot(leaves.slice(0, 2 * LEAF_BYTES))).not.toBe(merkleRoot(leaves));
  });
});

describe('seals and salts', () => {
  const fact = {
    author: key('a') as PeerKey,
    job: digest('job') as string as JobId,
    unit: 258,
    inputDigest: digest('input'),
    root: digest('root'),
    salt: digest('salt'),
  };

  it('are the hashes the specification names', () => {
    const { author, job, inputDigest, root, salt } = fact;
    const expected = sha256(
      Buffer.from('seal'),
      hex(author),
      hex(job),
      Buffer.of(2, 1, 0, 0),
      hex(inputDigest),
      hex(root),
      hex(salt),
    );
    expect(sealOf(fact)).toBe(expected.toString('hex'));
    const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
    const hmac = createHmac('sha256', secret)
      .update(hex(job))
      .update(Buffer.of(2, 1, 0, 0))
      .digest('hex');
    expect(saltOf(secret, fact.job, fact.unit)).toBe(hmac);
  });

  it('change with every field', () => {
    fc.assert(
      fc.property(fc.constantFrom('author', 'job', 'inputDigest', 'root', 'salt'), fc.nat(255), (field, bit) => {
        const bytes = hex(fact[field]);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        return sealOf({ ...fact, [field]: bytes.toString('hex') as Digest }) !== sealOf(fact);
      }),
    );
    fc.assert(fc.property(fc.nat(65_535), (unit) => unit === fact.unit || sealOf({ ...fact, unit }) !== sealOf(fact)));
  });

  it('a salt is the same again for the same unit only', () => {
    const secret = new Uint8Array(32).fill(7);
    expect(saltOf(secret, fact.job, 1)).toBe(saltOf(secret.slice(), fact.job, 1));
    expect(saltOf(secret, fact.job, 1)).not.toBe(saltOf(secret, fact.job, 2));
    expect(saltOf(new Uint8Array(32), fact.job, 1)).not.toBe(saltOf(secret, fact.job, 1));
  });
});
