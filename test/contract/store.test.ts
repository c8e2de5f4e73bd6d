import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '../../node/daemon/level-store.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { describeStore } from './store.ts';

describeStore('in memory', async ({ blockBytesMax }) => {
  const store = createMemoryStore({ blockBytesMax });
  return { store, dispose: () => store.close() };
});

describeStore('LevelDB', async ({ blockBytesMax }) => {
  const path = await mkdtemp(join(tmpdir(), 'shoal-store-'));
  const open = () => openLevelStore({ path, blockBytesMax, nowMs: Date.now });
  let store = await open();
  return {
    store,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    async dispose() {
      await store.close();
      await rm(path, { recursive: true, force: true });
    },
  };
});
