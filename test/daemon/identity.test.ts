import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../node/daemon/identity.ts';
import { peerKeyOf } from '../../node/network/peer-key.ts';
import { fromHex, toHex } from '../../node/protocol/bytes.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';

const message = new TextEncoder().encode('something to sign');

describe('identity', () => {
  it('gives the key of RFC 8032 for its first seed', async () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    const identity = await createIdentity(seed);
    expect(identity.publicKey).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    expect(toHex(await identity.sign(new Uint8Array(0)))).toMatch(/^e5564300c360ac729086e2cc806e828a/);
  });

  it('has one name for statements and for libp2p', async () => {
    const identity = await createIdentity(new Uint8Array(32).fill(7));
    expect(peerKeyOf(peerIdFromPrivateKey(identity.privateKey))).toBe(identity.publicKey);
  });

  it('derives everything from the seed, and different things from another', async () => {
    const [one, again, other] = await Promise.all(
      [1, 1, 2].map((fill) => createIdentity(new Uint8Array(32).fill(fill))),
    );
    expect(again!.saltSecret).toEqual(one!.saltSecret);
    expect(again!.publicKey).toBe(one!.publicKey);
    expect(other!.saltSecret).not.toEqual(one!.saltSecret);
    expect(toHex(one!.saltSecret)).not.toBe('01'.repeat(32));
  });

  it('verifies in order, and never rejects', async () => {
    const one = await createIdentity(new Uint8Array(32).fill(1));
    const other = await createIdentity(new Uint8Array(32).fill(2));
    const signature = await one.sign(message);
    const answers = await one.verify([
      { author: one.publicKey, bytes: message, signature },
      { author: other.publicKey, bytes: message, signature },
      { author: one.publicKey, bytes: message.subarray(1), signature },
      { author: one.publicKey, bytes: message, signature: signature.subarray(1) },
      { author: 'ff'.repeat(32) as PeerKey, bytes: message, signature },
      { author: 'short' as PeerKey, bytes: message, signature },
    ]);
    expect(answers).toEqual([true, false, false, false, false, false]);
  });

  it('verifies a large batch in several turns', async () => {
    const identity = await createIdentity(new Uint8Array(32).fill(1));
    const signature = await identity.sign(message);
    const items = Array.from({ length: 200 }, () => ({ author: identity.publicKey, bytes: message, signature }));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const answers = await identity.verify(items);
    clearInterval(counting);
    expect(answers).toEqual(items.map(() => true));
    expect(turns).toBeGreaterThan(0);
  });

  it('refuses a seed of another length', async () => {
    await expect(createIdentity(new Uint8Array(31))).rejects.toThrow(/32 bytes, not 31/);
  });
});
