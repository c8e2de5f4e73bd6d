/** What every CheckpointStore must do, whatever it keeps checkpoints in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../node/protocol/ids.ts';
import type { CheckpointKey, CheckpointStore } from '../../node/runtime/checkpoint-store.ts';
import { StorageError } from '../../node/runtime/environment.ts';

export interface CheckpointStoreUnderTest {
  readonly store: CheckpointStore;
  /** Opens the same again, as after a restart; undefined for one that does not outlive its process. */
  readonly reopen?: () => Promise<CheckpointStore>;
  dispose?(): Promise<void>;
}

const [JOB, OTHER] = ['ab'.repeat(32), 'cd'.repeat(32)] as [JobId, JobId];
const BYTES_MAX = 1_000;

function keyOf(unit: number, job = JOB, task?: number): CheckpointKey {
  return { job, unit, task };
}

function bytesOf(value: number, length = 300): Uint8Array {
  return new Uint8Array(length).fill(value);
}

export function describeCheckpointStore(
  name: string,
  create: (options: { readonly bytesMax: number }) => Promise<CheckpointStoreUnderTest>,
): void {
  describe(`checkpoint store: ${name}`, () => {
    let tested: CheckpointStoreUnderTest;
    beforeEach(async () => {
      tested = await create({ bytesMax: BYTES_MAX });
    });
    afterEach(() => tested.dispose?.());

    const units = async (store = tested.store) => (await store.keys()).map(({ unit }) => unit);

    it('gives back what was put last, by job, unit and task', async () => {
      const { store } = tested;
      expect(await store.get(keyOf(1))).toBeUndefined();
      expect(await store.keys()).toEqual([]);
      await store.put(keyOf(1), bytesOf(1));
      await store.put(keyOf(1, JOB, 0), bytesOf(2, 10));
      await store.put(keyOf(1, OTHER), bytesOf(3, 10));
      await store.put(keyOf(1), bytesOf(4, 20));
      expect(await store.get(keyOf(1))).toEqual(bytesOf(4, 20));
      expect(await store.get(keyOf(1, JOB, 0))).toEqual(bytesOf(2, 10));
      expect(await store.get(keyOf(1, OTHER))).toEqual(bytesOf(3, 10));
      expect(await store.keys()).toHaveLength(3);
      expect(await store.keys()).toContainEqual({ job: JOB, unit: 1, task: 0 });
    });

    it('shares no memory with its callers', async () => {
      const { store } = tested;
      const bytes = bytesOf(7);
      const around = new Uint8Array(900).fill(9);
      around.set(bytes, 100);
      await store.put(keyOf(1), bytes);
      await store.put(keyOf(2), around.subarray(100, 400));
      bytes.fill(0);
      around.fill(0);
      for (const unit of [1, 2]) expect(await store.get(keyOf(unit))).toEqual(bytesOf(7));
    });

    it('lets go of the oldest where room is needed, and of nothing when one is replaced', async () => {
      const { store } = tested;
      for (const unit of [1, 2, 3]) {
        await store.put(keyOf(unit), bytesOf(unit));
        await later();
      }
      await store.put(keyOf(1), bytesOf(1, 400));
      expect(new Set(await units())).toEqual(new Set([1, 2, 3]));
      await later();
      await store.put(keyOf(4), bytesOf(4));
      expect(new Set(await units())).toEqual(new Set([1, 3, 4]));
      await later();
      await store.put(keyOf(5), bytesOf(5, BYTES_MAX));
      expect(await units()).toEqual([5]);
      expect(await store.get(keyOf(1))).toBeUndefined();
    });

    it('refuses one that is larger than everything it may keep, and loses nothing over it', async () => {
      const { store } = tested;
      await store.put(keyOf(1), bytesOf(1));
      const tooLarge = store.put(keyOf(1), bytesOf(2, BYTES_MAX + 1));
      await expect(tooLarge).rejects.toBeInstanceOf(StorageError);
      await expect(tooLarge).rejects.toMatchObject({ code: 'quota' });
      expect(await store.get(keyOf(1))).toEqual(bytesOf(1));
    });

    it('drops one, and all of a job', async () => {
      const { store } = tested;
      for (const unit of [1, 2]) await store.put(keyOf(unit), bytesOf(unit, 10));
      await store.put(keyOf(3, OTHER), bytesOf(3, 10));
      await store.drop(keyOf(1));
      await store.drop(keyOf(1));
      expect(new Set(await units())).toEqual(new Set([2, 3]));
      await store.dropJob(JOB);
      expect(await units()).toEqual([3]);
      expect(await store.get(keyOf(2))).toBeUndefined();
    });

    it('does changes in the order in which they were asked for', async () => {
      const { store } = tested;
      await Promise.all([
        store.put(keyOf(1), bytesOf(1)),
        store.put(keyOf(1), bytesOf(2)),
        store.drop(keyOf(1)),
        store.put(keyOf(2), bytesOf(1)),
        store.put(keyOf(2), bytesOf(2)),
      ]);
      expect(await units()).toEqual([2]);
      expect(await store.get(keyOf(2))).toEqual(bytesOf(2));
    });

    it('still has them after a restart, oldest first', async () => {
      const { store, reopen } = tested;
      for (const unit of [3, 1, 2]) {
        await store.put(keyOf(unit), bytesOf(unit, 10));
        await later();
      }
      if (reopen === undefined) return;
      const again = await reopen();
      expect(await units(again)).toEqual([3, 1, 2]);
      expect(await again.get(keyOf(1))).toEqual(bytesOf(1, 10));
      await again.put(keyOf(9), bytesOf(9, BYTES_MAX - 20));
      expect(await units(again)).toEqual([1, 2, 9]);
    });
  });
}

/** Order is kept in milliseconds. */
function later(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
