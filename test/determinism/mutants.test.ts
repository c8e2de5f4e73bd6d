/** The command that puts mistakes into the sandbox: all of them still fit, and none of them can hold it up. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fateInProcess, selected } from './mutants.ts';
import { MUTANTS } from './mutations.ts';
import { sourceWith } from './test-build.ts';

describe('the mistakes', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('fit the sources: %s', (_, { mutation }) => {
    expect(sourceWith(mutation.file, [mutation])).not.toBe(sourceWith(mutation.file, []));
  });

  it('have a name each', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it('can be chosen by their place, their name or their row', () => {
    expect(selected(undefined)).toHaveLength(MUTANTS.length);
    expect(selected('3')).toEqual([3]);
    expect(selected('loops are not checked').map((place) => MUTANTS[place]!.name)).toEqual(['loops are not checked']);
    for (const place of selected('trap texts')) expect(MUTANTS[place]!.row).toBe('trap texts');
    expect(() => selected('no such mistake')).toThrow(RangeError);
  });
});

describe('the gate in a process of its own', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'shoal-mutants-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function fateOf(program: string, bounds: { processorSecondsMax?: number; waitMaxMs?: number } = {}) {
    const file = path.join(folder, 'program.cjs');
    writeFileSync(file, `const { writeSync } = require('node:fs'); writeSync(1, 'a check\\n'); ${program}`);
    return fateInProcess(file, [], { processorSecondsMax: 20, waitMaxMs: 25_000, ...bounds });
  }

  it('tells which check failed', () => {
    const fate = { caughtBy: 'a check', message: 'as it should' };
    expect(fateOf(`writeSync(1, '${JSON.stringify(fate)}\\n')`)).toEqual(fate);
  });

  it('is ended when it runs on, and that is told as caught by the check that ran', () => {
    const fate = fateOf('for (;;);', { processorSecondsMax: 1 });
    expect(fate).toEqual({ caughtBy: 'a check', message: 'it runs on, and was ended after 1 s of processor time' });
  });

  it('is ended when it only waits', () => {
    const fate = fateOf('setInterval(() => undefined, 1_000)', { waitMaxMs: 5_000 });
    expect(fate).toEqual({ caughtBy: 'a check', message: 'it runs on, and was ended after 5 s' });
  });

  it('is no fate when it fails by itself', () => {
    expect(() => fateOf("console.error('out of luck'); process.exit(3)")).toThrow('out of luck');
    expect(() => fateOf('process.exit(3)')).toThrow('ended with 3');
  });
});
