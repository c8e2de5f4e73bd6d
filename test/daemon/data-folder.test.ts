import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataFolder, openDataFolder, SCHEMA_VERSION } from '../../node/daemon/data-folder.ts';

let parent: string;
let path: string;

const open = (): Promise<DataFolder> => openDataFolder({ path, blockBytesMax: 2 ** 20, nowMs: Date.now });

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'shoal-folder-'));
  path = join(parent, 'data');
});
afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

describe('data folder', () => {
  it('is made with secrets that only the owner can read, and kept', async () => {
    const first = await open();
    const { seed, actToken, watchToken } = first;
    expect(await readFile(first.file('daemon.pid'), 'utf8')).toBe(`${process.pid}\n`);
    await first.close();
    for (const name of ['identity.key', 'token', 'watch-token']) {
      expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await readdir(path)).not.toContain('daemon.pid');
    const second = await open();
    expect({ seed: second.seed, act: second.actToken, watch: second.watchToken }).toEqual({
      seed,
      act: actToken,
      watch: watchToken,
    });
    expect(actToken).not.toBe(watchToken);
    await second.close();
  });

  it('names the process that holds it', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'data-folder-in-use',
      message: expect.stringContaining(`(pid ${process.pid})`),
    });
    await first.close();
    await (await open()).close();
  });

  it('refuses a newer one and touches nothing', async () => {
    await mkdir(path);
    await writeFile(join(path, 'schema.json'), JSON.stringify({ schema: SCHEMA_VERSION + 1 }));
    await expect(open()).rejects.toMatchObject({
      code: 'data-folder-newer',
      message: expect.stringContaining(`schema ${SCHEMA_VERSION + 1}`),
    });
    expect(await readdir(path)).toEqual(['schema.json']);
  });

  it('refuses damaged files by name instead of replacing them', async () => {
    await (await open()).close();
    await writeFile(join(path, 'identity.key'), 'half a ke');
    await expect(open()).rejects.toMatchObject({
      code: 'data-folder',
      message: expect.stringContaining('identity.key'),
    });
    expect(await readFile(join(path, 'identity.key'), 'utf8')).toBe('half a ke');
    await writeFile(join(path, 'schema.json'), '?');
    await expect(open()).rejects.toMatchObject({
      code: 'data-folder',
      message: expect.stringContaining('schema.json'),
    });
  });

  it('says when its path is a file', async () => {
    await writeFile(path, '');
    await expect(open()).rejects.toMatchObject({ code: 'data-folder', message: expect.stringContaining(path) });
  });

  it('empties uploads at start', async () => {
    await (await open()).close();
    await writeFile(join(path, 'uploads', 'left-over'), 'x');
    const again = await open();
    expect(await readdir(join(path, 'uploads'))).toEqual([]);
    await again.close();
  });
});
