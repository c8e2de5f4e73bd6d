/**
 * Each source of nondeterminism in the table has its closure, and a check that fails when the closure is taken away.
 * `npm run mutants` prints the same as a table, with the other mistakes the gate has to catch.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { firstFailure } from './checks.ts';
import { fateOf } from './mutants.ts';
import { ROW_MUTANTS } from './mutations.ts';
import { ROWS } from './rows.ts';
import { type Sandbox, testBuild } from './test-build.ts';

// Compiles and runs a sandbox for every mistake, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe('the sandbox', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await testBuild();
  });
  afterAll(() => sandbox.dispose());

  it.each(ROWS.map((check) => [check.name, check] as const))('closes: %s', async (_, check) => {
    expect(await firstFailure(sandbox, [check])).toBeUndefined();
  });
});

describe('a sandbox with a closure taken away', () => {
  it.each(ROW_MUTANTS.map((mutant) => [mutant.name, mutant] as const))('is found out: %s', async (_, mutant) => {
    expect((await fateOf(mutant)).caughtBy).toBe(mutant.row);
  });

  it('is tried for every row', () => {
    expect(new Set(ROW_MUTANTS.map(({ row }) => row))).toEqual(new Set(ROWS.map(({ name }) => name)));
  });

  it('cannot be made where the sources have changed', async () => {
    const mutation = { file: 'meter.ts', find: 'no such text', replace: '' };
    await expect(testBuild([mutation])).rejects.toThrow(/0 times/);
  });
});
