/**
 * What every `Store` must do, run against each implementation. `create` makes an empty store with room for about
 * `blockBytesMax` bytes of blocks; `reopen`, where there is something to reopen, closes it and opens the same again.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import type { Store } from '../../node/runtime/environment.ts';

export interface StoreUnderTest {
  readonly store: Store;
  readonly reopen?: () => Promise<Store>;
  dispose(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const JOB = 'job-a' as JobId;
const OTHER_JOB = 'job-b' as JobId;

/** A block of one KiB that differs by its number. */
function block(number: number): { cid: Cid; bytes: Uint8Array } {
  const content = new Uint8Array(1024).fill(number);
  return { cid: cidOf(content, 'raw'), bytes: content };
}

export function describeStore(
  name: string,
  create: (options: { blockBytesMax: number }) => Promise<StoreUnderTest>,
): void {
  describe(`store: ${name}`, () => {
    let tested: StoreUnderTest;
    let store: Store;
    const makeWith = async (blockBytesMax: number): Promise<void> => {
      await tested?.dispose();
      tested = await create({ blockBytesMax });
      store = tested.store;
    };

    beforeEach(async () => {
      tested = await create({ blockBytesMax: 1024 * 1024 });
      store = tested.store;
    });
    afterEach(async () => {
      await tested.dispose();
    });

    it('gives back every record, keys ascending', async () => {
      await store.write([{ key: 'b/2', value: bytes('two') }], false);
      await store.write(
        [
          { key: 'b/10', value: bytes('ten') },
          { key: 'a', value: new Uint8Array(0) },
        ],
        true,
      );
      expect(await store.load()).toEqual([
        { key: 'a', value: new Uint8Array(0) },
        { key: 'b/10', value: bytes('ten') },
        { key: 'b/2', value: bytes('two') },
      ]);
    });

    it('replaces and deletes in the order of the batch', async () => {
      await store.write(
        [
          { key: 'kept', value: bytes('first') },
          { key: 'gone', value: bytes('x') },
        ],
        false,
      );
      await store.write(
        [
          { key: 'kept', value: bytes('second') },
          { key: 'gone', value: undefined },
          { key: 'never-there', value: undefined },
        ],
        false,
      );
      expect(await store.load()).toEqual([{ key: 'kept', value: bytes('second') }]);
    });

    it('shares no memory with its callers', async () => {
      const value = bytes('mine');
      await store.write([{ key: 'k', value }], false);
      value.fill(0);
      const [first] = await store.load();
      expect(first?.value).toEqual(bytes('mine'));
      first?.value.fill(0);
      expect((await store.load())[0]?.value).toEqual(bytes('mine'));
    });

    it('hands out plain byte arrays', async () => {
      await store.write([{ key: 'k', value: bytes('v') }], false);
      const { cid, bytes: content } = block(1);
      await store.blocks.put(cid, content, undefined);
      expect(Object.getPrototypeOf((await store.load())[0]?.value)).toBe(Uint8Array.prototype);
      expect(Object.getPrototypeOf(await store.blocks.get(cid))).toBe(Uint8Array.prototype);
    });

    it('keeps blocks by CID and knows which it has', async () => {
      const { cid, bytes: content } = block(1);
      expect(await store.blocks.has(cid)).toBe(false);
      expect(await store.blocks.get(cid)).toBeUndefined();
      await store.blocks.put(cid, content, undefined);
      await store.blocks.put(cid, content, JOB);
      expect(await store.blocks.has(cid)).toBe(true);
      expect(await store.blocks.get(cid)).toEqual(content);
    });

    it('evicts unpinned blocks when room is needed, and never pinned ones', async () => {
      await makeWith(8 * 1024);
      const pinned = block(1);
      await store.blocks.put(pinned.cid, pinned.bytes, JOB);
      for (let number = 2; number < 40; number++) {
        const { cid, bytes: content } = block(number);
        await store.blocks.put(cid, content, undefined);
        expect(await store.blocks.has(cid)).toBe(true);
      }
      expect(await store.blocks.get(pinned.cid)).toEqual(pinned.bytes);
      expect(await store.blocks.has(block(2).cid)).toBe(false);
    });

    it('refuses with code quota when everything is pinned, and takes more after a release', async () => {
      await makeWith(4 * 1024);
      const full = async (job: JobId): Promise<unknown> => {
        for (let number = 1; number < 10; number++) {
          const { cid, bytes: content } = block(number);
          await store.blocks.put(cid, content, job);
        }
        return undefined;
      };
      await expect(full(JOB)).rejects.toMatchObject({ name: 'StorageError', code: 'quota' });
      const { cid, bytes: content } = block(100);
      await expect(store.blocks.put(cid, content, OTHER_JOB)).rejects.toMatchObject({ code: 'quota' });
      await store.blocks.release(JOB);
      await store.blocks.put(cid, content, OTHER_JOB);
      expect(await store.blocks.get(cid)).toEqual(content);
    });

    it('keeps a block that two jobs pin until both have released it', async () => {
      await makeWith(4 * 1024);
      const shared = block(1);
      await store.blocks.put(shared.cid, shared.bytes, JOB);
      await store.blocks.put(shared.cid, shared.bytes, OTHER_JOB);
      await store.blocks.release(JOB);
      const fill = async (from: number): Promise<void> => {
        for (let number = from; number < from + 10; number++) {
          const { cid, bytes: content } = block(number);
          await store.blocks.put(cid, content, undefined);
        }
      };
      await fill(10);
      expect(await store.blocks.has(shared.cid)).toBe(true);
      await store.blocks.release(OTHER_JOB);
      await fill(30);
      expect(await store.blocks.has(shared.cid)).toBe(false);
    });

    it('has everything again after it was closed and opened, where it can be', async () => {
      if (tested.reopen === undefined) return expect(tested.reopen).toBeUndefined();
      const { cid, bytes: content } = block(1);
      await store.write([{ key: 'k', value: bytes('v') }], true);
      await store.blocks.put(cid, content, JOB);
      store = await tested.reopen();
      expect(await store.load()).toEqual([{ key: 'k', value: bytes('v') }]);
      expect(await store.blocks.get(cid)).toEqual(content);
    });
  });
}
