/** A kernel's file that is too large is refused by its size: this one is longer than any buffer may be. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKernel } from '../../node/daemon/cli/kernel/find.ts';
import { chooseKernel, readInput } from '../../node/daemon/cli/kernel-argument.ts';

/** The file is one hole, and takes no room on a disk. */
const BYTES = 2 ** 40;

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-large-kernel-'));
  path = join(folder, 'large.wasm');
  const file = await open(path, 'w');
  await file.truncate(BYTES);
  await file.close();
  await writeFile(join(folder, 'kernel.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a file of a terabyte', () => {
  const refused = expect.objectContaining({ code: 'kernel-refused', message: expect.stringContaining(String(BYTES)) });

  it('is no kernel to run', async () => {
    await expect(chooseKernel(path)).rejects.toEqual(refused);
  });

  it('is no WASI program', async () => {
    await expect(readInput(path, '--wasi', 100)).rejects.toEqual(refused);
  });

  it('is no kernel to inspect or test', async () => {
    await expect(findKernel(path)).rejects.toEqual(refused);
  });
});
