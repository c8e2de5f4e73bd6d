/**
 * The kernels that come with the page: `kernels/index.json`, a list of names, and for each name a folder with
 * `kernel.wasm` and `kernel.json`, beside the document. Fetched when somebody asks, and checked like a stranger's.
 */
import { SdkError } from '../../node/sdk/error.ts';
import type { KernelLibrary } from '../../node/sdk/jobs/catalogue.ts';

/** `base` ends in a slash. A page without such a folder has no kernels of its own. */
export function kernelsAt(base: URL, fetchFile: typeof fetch = (...request) => fetch(...request)): KernelLibrary {
  const get = (path: string): Promise<Response> =>
    fetchFile(new URL(path, base), { credentials: 'omit' }).catch((error: unknown) => {
      throw new SdkError('kernel-unknown', `${path} could not be loaded from where this page comes from: ${error}`);
    });
  const names = async (): Promise<readonly string[]> => {
    const response = await get('index.json');
    if (response.status === 404) return [];
    const list: unknown = response.ok ? await response.json().catch(() => undefined) : undefined;
    if (Array.isArray(list) && list.every((name) => typeof name === 'string' && NAME.test(name))) return list;
    throw new SdkError('kernel-unknown', `the list of kernels (${new URL('index.json', base)}) cannot be read`);
  };
  const file = async (path: string): Promise<ArrayBuffer> => {
    const response = await get(path);
    if (response.ok) return response.arrayBuffer();
    throw new SdkError('kernel-unknown', `${path} is missing where this page comes from (${response.status})`);
  };
  return {
    names,
    async load(name) {
      const known = await names();
      if (!known.includes(name)) {
        throw new SdkError('kernel-unknown', `no kernel named ${name}; this page has ${known.join(', ') || 'none'}`);
      }
      const [{ parseManifest }, manifest, wasm] = await Promise.all([
        import('../../node/sdk/manifest.ts'),
        file(`${name}/kernel.json`),
        file(`${name}/kernel.wasm`),
      ]);
      const text = new TextDecoder().decode(manifest);
      return { wasm: new Uint8Array(wasm), manifest: parseManifest(text, `${name}/kernel.json`) };
    },
  };
}

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
