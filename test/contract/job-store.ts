/** What the owner's side of a peer needs of its storage, run against each implementation of it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import type { JobStore } from '../../node/sdk/jobs/store.ts';

export interface JobStoreUnderTest {
  readonly store: JobStore;
  /** Closes it and opens the same again. */
  reopen(): Promise<JobStore>;
  dispose(): Promise<void>;
}

const JOB = 'a'.repeat(64) as JobId;
const DRAFT = 'draft/7f3a' as JobId;

function block(number: number): { cid: Cid; bytes: Uint8Array } {
  const bytes = new Uint8Array(1024).fill(number);
  return { cid: cidOf(bytes, 'raw'), bytes };
}

export function describeJobStore(
  name: string,
  create: (options: { blockBytesMax: number }) => Promise<JobStoreUnderTest>,
): void {
  describe(`job store: ${name}`, () => {
    let tested: JobStoreUnderTest;
    beforeEach(async () => {
      tested = await create({ blockBytesMax: 8 * 1024 });
    });
    afterEach(() => tested.dispose());

    it('keeps notes by key, also after it was closed and opened', async () => {
      const { notes } = tested.store;
      await notes.put('job/1', { a: [1, 'x'], nested: { b: true } });
      await notes.put('job/2', { gone: 1 });
      await notes.put('job/1', { a: [2] });
      await notes.delete('job/2');
      await notes.delete('never there');
      expect(await notes.all()).toEqual([{ key: 'job/1', value: { a: [2] } }]);
      const again = await tested.reopen();
      expect(await again.notes.all()).toEqual([{ key: 'job/1', value: { a: [2] } }]);
    });

    it('keeps results whole, and hands out no memory of its callers', async () => {
      const bytes = new TextEncoder().encode('result');
      const { results } = tested.store;
      expect(await results.get(JOB)).toBeUndefined();
      const done = results.put(JOB, bytes.subarray(0, 6));
      await done;
      bytes.fill(0);
      expect(new TextDecoder().decode(await results.get(JOB))).toBe('result');
      await results.put(JOB, new Uint8Array(0));
      const again = await tested.reopen();
      expect(await again.results.get(JOB)).toHaveLength(0);
      await again.results.delete(JOB);
      await again.results.delete(JOB);
      expect(await again.results.get(JOB)).toBeUndefined();
    });

    it('moves pins from a draft to its job, and knows after a reopening who holds what', async () => {
      const { cid, bytes } = block(1);
      const { blocks } = tested.store;
      await blocks.put(cid, bytes, DRAFT);
      expect([...blocks.holders()]).toEqual([DRAFT]);
      await blocks.pin([cid, block(2).cid], JOB);
      let again = await tested.reopen();
      expect(new Set(again.blocks.holders())).toEqual(new Set([DRAFT, JOB]));
      await again.blocks.release(DRAFT);
      again = await tested.reopen();
      expect([...again.blocks.holders()]).toEqual([JOB]);
      for (let number = 10; number < 30; number++) {
        const other = block(number);
        await again.blocks.put(other.cid, other.bytes, undefined);
      }
      expect(await again.blocks.get(cid)).toEqual(bytes);
    });
  });
}
