/**
 * What `shoal run <kernel>` can mean: the name of a built-in kernel, a folder with kernel.json and either index.ts
 * (built when it has changed) or kernel.wasm, or a .wasm file with its manifest beside it (same name with .json, or kernel.json). And the kernel's own flags.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BLOCK_BYTES_MAX } from '../../protocol/limits.ts';
import { type KernelManifest, parseManifest } from '../../sdk/manifest.ts';
import { ShoalError } from '../errors.ts';
import { KERNEL_FOLDER } from '../installation.ts';
import { builtInKernels } from '../jobs/kernels.ts';

export type KernelChoice =
  | { readonly manifest: KernelManifest; readonly builtIn: string }
  | { readonly manifest: KernelManifest; readonly wasm: Uint8Array<ArrayBuffer> };

/** Rejects with a ShoalError `missing-file` or an SdkError `manifest-invalid`. */
export async function chooseKernel(given: string): Promise<KernelChoice> {
  const isPath = /[/\\]|\.wasm$/.test(given);
  if (!isPath && (await builtInKernels(KERNEL_FOLDER)).includes(given)) {
    const file = join(KERNEL_FOLDER, given, 'kernel.json');
    return { manifest: parseManifest(await readFile(file, 'utf8'), file), builtIn: given };
  }
  const path = resolve(given);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const known = (await builtInKernels(KERNEL_FOLDER)).join(', ') || 'none: run "npm run build"';
    throw new ShoalError(
      'missing-file',
      isPath
        ? `kernel ${given}: no such file or folder.`
        : `no kernel named ${given}. Built in: ${known}. For your own give a folder with kernel.json and index.ts or kernel.wasm, or a .wasm file.`,
    );
  }
  if (!found.isDirectory()) return fromFiles(path, besides(path));
  const wasm = join(path, 'kernel.wasm');
  if (await exists(join(path, 'index.ts'))) {
    const { buildFolder } = await import('./kernel/build.ts');
    await buildFolder(path, given);
  }
  return fromFiles(wasm, [join(path, 'kernel.json')]);
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

export function besides(wasm: string): readonly string[] {
  return [join(dirname(wasm), `${basename(wasm, '.wasm')}.json`), join(dirname(wasm), 'kernel.json')];
}

async function fromFiles(wasmPath: string, manifestPaths: readonly string[]): Promise<KernelChoice> {
  const wasm = await readInput(wasmPath, 'kernel', BLOCK_BYTES_MAX);
  for (const path of manifestPaths) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return { manifest: parseManifest(text, path), wasm };
  }
  throw new ShoalError(
    'missing-file',
    `kernel ${wasmPath} has no manifest: expected ${manifestPaths.join(' or ')}. It says which parameters the kernel takes and its limits.`,
  );
}

/**
 * Rejects with a ShoalError: `missing-file`, which names what the file was for, or `kernel-refused` for a module of more
 * than `bytesMax` bytes, of which none is read.
 */
export async function readInput(path: string, what: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax) {
      throw new ShoalError(
        'kernel-refused',
        `${what} ${path}: it has ${size} bytes, and at most ${bytesMax} are sent.`,
      );
    }
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'not a file' : message;
    throw new ShoalError('missing-file', `${what} ${path}: ${why}.`);
  }
}

/** A file to upload, and the flag that named it. */
export interface InputFile {
  readonly flag: string;
  readonly path: string;
}

/** Its size in bytes. Rejects with a ShoalError `missing-file` that names the flag. */
export async function checkFile({ flag, path }: InputFile): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new ShoalError('missing-file', `${flag} ${path}: no such file.`);
  if (!found.isFile()) throw new ShoalError('missing-file', `${flag} ${path}: not a file.`);
  return found.size;
}

/** `--from 0 --to=100` as arguments of the kernel. `--centre-x` is the same as `--centreX`. */
export function kernelArguments(words: readonly string[], manifest: KernelManifest): Record<string, string> {
  const declared = [...manifest.parameters, ...(manifest.arguments ?? [])].map(({ name }) => name);
  const given: Record<string, string> = {};
  for (let i = 0; i < words.length; i++) {
    const match = /^--([a-zA-Z][a-zA-Z0-9-]*)(?:=(.*))?$/.exec(words[i]!);
    if (match === null) throw new ShoalError('usage', `unexpected "${words[i]}": ${usage(manifest.name, declared)}`);
    const name = camelCase(match[1]!);
    if (!declared.includes(name))
      throw new ShoalError('usage', `unknown option --${match[1]}: ${usage(manifest.name, declared)}`);
    if (Object.hasOwn(given, name)) throw new ShoalError('usage', `--${match[1]} is given twice.`);
    const value = match[2] ?? words[++i];
    if (value === undefined) throw new ShoalError('usage', `--${match[1]} needs a value.`);
    given[name] = value;
  }
  return given;
}

function usage(kernel: string, declared: readonly string[]): string {
  const flags = declared.map((name) => `--${name}`).join(', ');
  return `kernel ${kernel} takes ${flags || 'no arguments'}. "shoal run --help" shows the other options.`;
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
