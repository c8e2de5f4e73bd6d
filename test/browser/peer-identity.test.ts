/** The key of a tab: the same as a daemon's from the same seed, one tab a slot, and plain words where none can be. */
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../browser/peer/identity.ts';
import { checkRequirements } from '../../browser/peer/requirements.ts';
import { SLOTS_MAX, takeSlot } from '../../browser/peer/slot.ts';
import { createIdentity as createNodeIdentity } from '../../node/daemon/identity.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';

const SEED = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
const bytes = new TextEncoder().encode('a statement');

describe('identity', () => {
  it('derives from a seed exactly what the daemon derives', async () => {
    const [tab, daemon] = await Promise.all([createIdentity(SEED), createNodeIdentity(SEED)]);
    expect(tab.publicKey).toBe(daemon.publicKey);
    expect(Buffer.from(tab.saltSecret)).toEqual(Buffer.from(daemon.saltSecret));
    expect(tab.privateKey.equals(daemon.privateKey)).toBe(true);
    expect(Buffer.from(await tab.sign(bytes))).toEqual(Buffer.from(await daemon.sign(bytes)));
    tab.hurry();
    expect(Buffer.from(await tab.sign(bytes))).toEqual(Buffer.from(await daemon.sign(bytes)));
  });

  it('answers in order, and says no to other bytes, other keys, and what is no key or signature', async () => {
    const tab = await createIdentity(SEED);
    const author = tab.publicKey;
    const signature = await tab.sign(bytes);
    const other = (await createIdentity(SEED.toReversed())).publicKey;
    const answers = await tab.verify([
      { author, bytes, signature },
      { author, bytes: bytes.slice(1), signature },
      { author: other, bytes, signature },
      { author: 'ff'.repeat(32) as PeerKey, bytes, signature },
      { author: 'not a key' as PeerKey, bytes, signature },
      { author, bytes, signature: signature.slice(1) },
      { author, bytes, signature },
    ]);
    expect(answers).toEqual([true, false, false, false, false, false, true]);
  });

  it('refuses a seed of another length', async () => {
    await expect(createIdentity(new Uint8Array(31))).rejects.toThrow('32 bytes, not 31');
  });
});

/** Web Locks as far as slots use them: exclusive, given back when the callback's promise settles. */
function createLocks(): LockManager {
  const held = new Set<string>();
  const request = async (
    name: string,
    _options: LockOptions,
    use: (lock: Lock | null) => Promise<void> | undefined,
  ): Promise<void> => {
    if (held.has(name)) return use(null);
    held.add(name);
    try {
      await use({ name, mode: 'exclusive' });
    } finally {
      held.delete(name);
    }
  };
  return { request } as unknown as LockManager;
}

describe('slots', () => {
  it('give every tab an own one, the lowest that is free', async () => {
    const locks = createLocks();
    const slots = [await takeSlot(locks, 'n'), await takeSlot(locks, 'n'), await takeSlot(locks, 'n')];
    expect(slots.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(new Set(slots.map(({ name }) => name)).size).toBe(3);
    slots[1]?.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect((await takeSlot(locks, 'n')).number).toBe(1);
    expect((await takeSlot(locks, 'another network')).number).toBe(0);
  });

  it('run out with a word about it', async () => {
    const locks = createLocks();
    for (let i = 0; i < SLOTS_MAX; i++) await takeSlot(locks, 'n');
    await expect(takeSlot(locks, 'n')).rejects.toMatchObject({ name: 'TabPeerError', code: 'too-many-tabs' });
  });
});

describe('requirements', () => {
  const complete = {
    isSecureContext: true,
    crypto: globalThis.crypto,
    indexedDB: {},
    navigator: { locks: {} },
    Worker: {},
    WebSocket: {},
    WebAssembly: {},
  };

  it('are met by a current browser', async () => {
    await checkRequirements(complete);
  });

  it('are refused with a code that says why', async () => {
    const refused = (changes: object) => checkRequirements({ ...complete, ...changes });
    await expect(refused({ isSecureContext: false, crypto: {} })).rejects.toMatchObject({ code: 'insecure-context' });
    await expect(refused({ navigator: {}, indexedDB: undefined })).rejects.toThrow('no IndexedDB, no Web Locks');
    const subtle = { generateKey: () => Promise.reject(new DOMException('no', 'NotSupportedError')) };
    await expect(refused({ crypto: { subtle } })).rejects.toMatchObject({ code: 'no-ed25519' });
  });
});
