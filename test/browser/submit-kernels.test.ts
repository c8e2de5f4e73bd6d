/** The kernels that come with a page, from hosts that have them, have none, or answer with something else. */
import { describe, expect, it } from 'vitest';
import { kernelsAt } from '../../browser/peer/kernels.ts';
import { VALID } from '../unit/sdk/fixtures.ts';

const BASE = new URL('https://example.org/volunteer/kernels/');

/** A host with these files below `kernels/`. */
function host(files: Readonly<Record<string, string>>): { fetchFile: typeof fetch; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async fetchFile(input) {
      const url = String(input);
      asked.push(url);
      const content = files[url.slice(BASE.href.length)];
      return content === undefined ? new Response('', { status: 404 }) : new Response(content);
    },
  };
}

describe('the kernels of a page', () => {
  it('are fetched from beside it, each when it is asked for', async () => {
    const { fetchFile, asked } = host({
      'index.json': '["echo", "other"]',
      'echo/kernel.json': JSON.stringify(VALID),
      'echo/kernel.wasm': '\0asm',
    });
    const library = kernelsAt(BASE, fetchFile);
    expect(asked).toEqual([]);
    expect(await library.names()).toEqual(['echo', 'other']);
    const { wasm, manifest } = await library.load('echo');
    expect(manifest.title).toBe('Echo');
    expect(wasm).toEqual(new TextEncoder().encode('\0asm'));
    expect(asked.some((url) => url.includes('other'))).toBe(false);
    await expect(library.load('third')).rejects.toMatchObject({
      code: 'kernel-unknown',
      message: 'no kernel named third; this page has echo, other',
    });
    await expect(library.load('other')).rejects.toThrow(
      'other/kernel.json is missing where this page comes from (404)',
    );
  });

  it('are none where the host has no such folder', async () => {
    expect(await kernelsAt(BASE, host({}).fetchFile).names()).toEqual([]);
  });

  it.each(['<!doctype html>', '{"echo": 1}', '["../secret"]', '[1]'])('are not guessed from %s', async (list) => {
    const library = kernelsAt(BASE, host({ 'index.json': list }).fetchFile);
    await expect(library.names()).rejects.toThrow('https://example.org/volunteer/kernels/index.json) cannot be read');
  });

  it('are checked as a stranger’s would be', async () => {
    const files = { 'index.json': '["echo"]', 'echo/kernel.wasm': '\0asm' };
    const bad = JSON.stringify({ ...VALID, abi: 9 });
    const library = kernelsAt(BASE, host({ ...files, 'echo/kernel.json': bad }).fetchFile);
    await expect(library.load('echo')).rejects.toMatchObject({
      code: 'manifest-invalid',
      message: expect.stringContaining('echo/kernel.json: abi'),
    });
  });

  it('say so when the host does not answer', async () => {
    const library = kernelsAt(BASE, () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(library.names()).rejects.toThrow('index.json could not be loaded from where this page comes from');
  });
});
