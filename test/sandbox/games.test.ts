/** Every game of the list, through the real sandbox process: each ends as it must, in bounded time and memory. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SANDBOX_FOLDER } from '../../node/daemon/installation.ts';
import { createSandbox, type Sandbox } from '../../node/daemon/workers/sandbox.ts';
import { unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { peakMemoryMb } from '../support/processes.ts';
import { GAME_PAGES, GAMES } from './games.ts';
import { keepRequest, outcomeOf } from './requests.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Of the process after all games, with engine, code and one kernel of 16 MiB at a time: two to three hundred. */
const MEMORY_MAX_MB = 1_024;

const store = createMemoryStore();
let sandbox: Sandbox;
let pid: number | undefined;

beforeAll(() => {
  sandbox = createSandbox({ folder: SANDBOX_FOLDER, cores: 1, blocks: store.blocks, logger: silentLogger });
  sandbox.warm();
  pid = sandbox.pid;
});
afterAll(() => sandbox.close());

describe('a kernel that tries to take more than it is given', () => {
  it.each(GAMES.map((game) => [game.name, game] as const))('%s', async (_, { kernel, expected, limits }) => {
    const request = await keepRequest(store.blocks, kernel(), { memoryPagesMax: GAME_PAGES, ...limits });
    const outcome = await outcomeOf(sandbox, 1, request);
    if ('refused' in expected) {
      expect(outcome).toMatchObject({ ok: false, code: 'kernel-refused' });
      expect(outcome).toMatchObject({ detail: expect.stringMatching(`^${expected.refused}: `) });
    } else if ('fails' in expected) expect(outcome).toMatchObject({ ok: false, code: expected.fails });
    else {
      if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.detail}`);
      expect(unpackLeaves(outcome.execution.leaves).map(({ trap }) => trap)).toEqual([expected.ends, expected.ends]);
    }
    // Nothing took the process down.
    expect(sandbox.pid).toBe(pid);
  });

  it.runIf(process.platform === 'linux')('leaves the process with the memory it is worth', () => {
    expect(peakMemoryMb(pid!)).toBeLessThan(MEMORY_MAX_MB);
  });
});
