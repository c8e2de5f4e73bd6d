/** Files let fall on the page at once, sorted by what they are to a job. */

export interface Dropped<F> {
  readonly wasm?: F;
  readonly manifest?: F;
  /** What the kernel reads. */
  readonly data?: F;
}

/**
 * A `.wasm` file is a module; `kernel.json`, or a `.json` file beside a module, is its manifest; anything else is
 * data. Throws an Error in words where that leaves open which file is meant.
 */
export function sortDropped<F extends { readonly name: string }>(files: readonly F[]): Dropped<F> {
  const modules = files.filter(({ name }) => /\.wasm$/i.test(name));
  const named = files.filter(({ name }) => /^kernel\.json$/i.test(name));
  const beside = files.filter((file) => !named.includes(file) && /\.json$/i.test(file.name));
  const manifests = named.length > 0 || modules.length === 0 ? named : beside;
  const data = files.filter((file) => !modules.includes(file) && !manifests.includes(file));
  const [wasm, manifest, read] = [
    onlyOne(modules, 'modules (.wasm)'),
    onlyOne(manifests, 'manifests (.json)'),
    onlyOne(data, 'files to compute on'),
  ];
  return {
    ...(wasm === undefined ? {} : { wasm }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(read === undefined ? {} : { data: read }),
  };
}

function onlyOne<F extends { readonly name: string }>(files: readonly F[], what: string): F | undefined {
  if (files.length <= 1) return files[0];
  throw new Error(`${files.length} ${what} at once: ${files.map(({ name }) => name).join(', ')}. A job takes one.`);
}
