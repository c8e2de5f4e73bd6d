/**
 * What `shoal kernel <command> <kernel>` can mean: a folder with kernel.json and index.ts (built when it has changed) or
 * kernel.wasm, a .wasm file with its manifest beside it, or the name of a built-in kernel.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { KERNEL_BYTES_MAX } from '../../../sandbox/limits.ts';
import { type KernelManifest, parseManifest } from '../../../sdk/manifest.ts';
import { ShoalError } from '../../errors.ts';
import { KERNEL_FOLDER, KERNEL_SOURCES } from '../../installation.ts';
import { builtInKernels } from '../../jobs/kernels.ts';
import { besides, exists } from '../kernel-argument.ts';
import { type BuiltKernel, buildFolder } from './build.ts';

export interface FoundKernel {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly wasmPath: string;
  /** Undefined only where it may be missing and is. */
  readonly manifest: KernelManifest | undefined;
  /** Where its vectors belong; the first that exists, else the first. */
  readonly vectorsPath: string;
  /** Present if it was made from source just now, or found to be up to date. */
  readonly build: BuiltKernel | undefined;
}

export interface FindOptions {
  /** Only a folder with index.ts will do. */
  readonly mustHaveSource?: boolean;
  /** A module alone will do. */
  readonly needsManifest?: boolean;
}

/** Rejects with a ShoalError `missing-file` or `kernel-refused`, or an SdkError `manifest-invalid`. */
export async function findKernel(given: string, options: FindOptions = {}): Promise<FoundKernel> {
  const { mustHaveSource = false } = options;
  const isPath = /[/\\]|\.wasm$/.test(given);
  const path = resolve(given);
  const found = await stat(path).catch(() => undefined);
  const builtIn = await builtInKernels(KERNEL_FOLDER);
  if (!isPath && !mustHaveSource && builtIn.includes(given)) {
    const vectors = join(KERNEL_SOURCES, given, 'vectors.json');
    return read(
      join(KERNEL_FOLDER, given, 'kernel.wasm'),
      [join(KERNEL_FOLDER, given, 'kernel.json')],
      [vectors],
      options,
    );
  }
  if (found === undefined) {
    const or = mustHaveSource || isPath ? '' : `, and no built-in kernel has this name (${builtIn.join(', ')})`;
    throw new ShoalError(
      'missing-file',
      `${given}: no such file or folder${or}. "shoal kernel new ${given}" makes one.`,
    );
  }
  if (!found.isDirectory()) {
    if (mustHaveSource)
      throw new ShoalError('usage', `${given} is a file: give the folder with its kernel.json and index.ts.`);
    const name = path.replace(/\.wasm$/, '');
    return read(path, besides(path), [`${name}.vectors.json`, join(dirname(path), 'vectors.json')], options);
  }
  const hasSource = await exists(join(path, 'index.ts'));
  const build = hasSource || mustHaveSource ? await buildFolder(path, given) : undefined;
  const vectors = [join(path, 'vectors.json')];
  return { ...(await read(join(path, 'kernel.wasm'), [join(path, 'kernel.json')], vectors, options)), build };
}

async function read(
  wasmPath: string,
  manifestPaths: readonly string[],
  vectorsPaths: readonly string[],
  { needsManifest = true }: FindOptions,
): Promise<FoundKernel> {
  const found = await stat(wasmPath).catch(() => undefined);
  if (found === undefined) throw new ShoalError('missing-file', `${wasmPath}: no such file.`);
  if (found.size > KERNEL_BYTES_MAX) {
    throw new ShoalError(
      'kernel-refused',
      `${wasmPath} has ${found.size} bytes; a kernel may have ${KERNEL_BYTES_MAX}.`,
    );
  }
  const wasm = new Uint8Array(await readFile(wasmPath));
  const manifest = await readManifest(manifestPaths);
  if (manifest === undefined && needsManifest) {
    throw new ShoalError(
      'missing-file',
      `${wasmPath} has no manifest: expected ${manifestPaths.join(' or ')}. It says which parameters the kernel takes and its limits.`,
    );
  }
  return { wasm, wasmPath, manifest, vectorsPath: await firstOf(vectorsPaths), build: undefined };
}

async function readManifest(paths: readonly string[]): Promise<KernelManifest | undefined> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return parseManifest(text, path);
  }
  return undefined;
}

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) if (await exists(path)) return path;
  return paths[0] as string;
}
