import 'fake-indexeddb/auto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { IndexedDbCheckpoints } from '../../browser/peer/indexed-db-checkpoints.ts';
import { CheckpointFiles } from '../../node/daemon/checkpoint-files.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import { checkpointOfName, nameOfCheckpoint } from '../../node/runtime/checkpoint-store.ts';
import { MemoryCheckpoints } from '../support/memory-checkpoints.ts';
import { describeCheckpointStore } from './checkpoint-store.ts';

describeCheckpointStore('memory', async ({ bytesMax }) => ({ store: new MemoryCheckpoints(bytesMax) }));

describeCheckpointStore('files', async ({ bytesMax }) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-checkpoints-'));
  return {
    store: await CheckpointFiles.open(join(folder, 'checkpoints'), bytesMax),
    reopen: () => CheckpointFiles.open(join(folder, 'checkpoints'), bytesMax),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
});

let names = 0;

describeCheckpointStore('IndexedDB', async ({ bytesMax }) => {
  const name = `checkpoints/${++names}`;
  const open = () => new IndexedDbCheckpoints({ name, bytesMax, nowMs: Date.now });
  const [store, again] = [open(), open()];
  return {
    store,
    reopen: async () => {
      await store.close();
      return again;
    },
    async dispose() {
      await store.close();
      await again.close();
    },
  };
});

it('files: clears away what a crash has left, and what a lower bound leaves no room for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-checkpoints-'));
  const key = (unit: number) => ({ job: 'ab'.repeat(32) as JobId, unit, task: undefined });
  const store = await CheckpointFiles.open(folder, 1_000);
  await store.put(key(1), new Uint8Array(400));
  await store.put(key(2), new Uint8Array(400));
  await writeFile(join(folder, `${nameOfCheckpoint(key(1))}.4711.0a0b0c0d`), 'half of a fi');
  const lower = await CheckpointFiles.open(folder, 500);
  expect(await lower.keys()).toEqual([key(2)]);
  expect(await readdir(folder)).toEqual([nameOfCheckpoint(key(2))]);
  await rm(folder, { recursive: true });
});

it('files: are in their order after a restart, however fast they followed each other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-checkpoints-'));
  const order = [3, 1, 2, 9, 5, 8, 4, 7, 6];
  const key = (unit: number) => ({ job: 'ab'.repeat(32) as JobId, unit, task: undefined });
  const store = await CheckpointFiles.open(folder, 1_000);
  for (const unit of order.slice(0, 5)) await store.put(key(unit), new Uint8Array(10));
  const next = await CheckpointFiles.open(folder, 1_000);
  for (const unit of order.slice(5)) await next.put(key(unit), new Uint8Array(10));
  const again = await CheckpointFiles.open(folder, 1_000);
  expect((await again.keys()).map(({ unit }) => unit)).toEqual(order);
  await rm(folder, { recursive: true });
});

it('IndexedDB: a page and a worker have it open at the same time', async () => {
  const options = { name: 'checkpoints/shared', bytesMax: 1_000, nowMs: Date.now };
  const [page, worker] = [new IndexedDbCheckpoints(options), new IndexedDbCheckpoints(options)];
  const key = { job: 'ab'.repeat(32) as JobId, unit: 7, task: undefined };
  expect(await page.get(key)).toBeUndefined();
  await worker.put(key, Uint8Array.of(1, 2, 3));
  expect(await page.get(key)).toEqual(Uint8Array.of(1, 2, 3));
  await page.drop(key);
  expect(await worker.keys()).toEqual([]);
  await Promise.all([page.close(), worker.close()]);
});

it('names and keys belong together', () => {
  for (const key of [
    { job: 'draft/7f3a-1' as JobId, unit: 3, task: undefined },
    { job: 'ab' as JobId, unit: 0, task: 0 },
  ]) {
    expect(checkpointOfName(nameOfCheckpoint(key))).toEqual(key);
  }
  for (const name of ['', 'x', 'a-b-all', 'a-1-all.7.ff', 'a-1-']) expect(checkpointOfName(name)).toBeUndefined();
});
