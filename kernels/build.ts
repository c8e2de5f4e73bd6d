/**
 * Builds kernels: every folder beside this file with an `index.ts` and a `kernel.json` becomes
 * `dist/kernels/<name>/kernel.wasm`, with its `kernel.json` next to it. `buildKernel` does the same for a folder
 * anywhere, such as a user's own kernel, and so does `node dist/kernels/build.js <folder>`, in place.
 *
 * The compiler runs in this process with the one set of flags that leaves no imports. `shoal/kernel` resolves to
 * the kernel SDK in this package, wherever the kernel lies. A stamp lists the hash of every file the compiler read,
 * so that a second build of the same sources costs nothing.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Goes up whenever the flags below change, so that old stamps no longer match. */
const BUILD_VERSION = 1;
const STAMP = 'build.json';
const SDK_PREFIX = '/node_modules/shoal/';

export class KernelBuildError extends Error {
  override readonly name = 'KernelBuildError';
  readonly code: 'no-source' | 'bad-manifest' | 'no-compiler' | 'compile-failed' | 'has-imports' | 'no-export';
  constructor(code: KernelBuildError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface BuiltKernel {
  readonly name: string;
  /** Path of the compiled module. */
  readonly wasm: string;
  readonly bytes: number;
  /** False if nothing had changed since the last build. */
  readonly compiled: boolean;
  /** Files whose contents differ from those of the last build, by their names in the folder; empty for a first one. */
  readonly changed: readonly string[];
  /** Size of the module there was before, if there was one. */
  readonly bytesBefore: number | undefined;
}

interface Stamp {
  readonly build: number;
  readonly compiler: string;
  /** Path of each file read, relative to the kernel's folder (or `sdk:` and its name), to its SHA-256. */
  readonly inputs: Record<string, string>;
  readonly wasm: string;
}

const here = path.dirname(fileURLToPath(import.meta.url));
/** The package: this file runs compiled, as `dist/kernels/build.js`, or as a source in `kernels/`. */
const root = path.basename(path.dirname(here)) === 'dist' ? path.resolve(here, '../..') : path.resolve(here, '..');
const sdkFolder = path.join(root, 'kernels/sdk');

/**
 * Compiles the kernel in `folder` into `outFolder`. Throws a KernelBuildError that names the file and, for source
 * errors, holds the compiler's own messages.
 */
export async function buildKernel(folder: string, outFolder: string): Promise<BuiltKernel> {
  const source = path.resolve(folder);
  const out = path.resolve(outFolder);
  const { name, initialPages, maximumPages } = await readMemory(source);
  const wasmFile = path.join(out, 'kernel.wasm');
  const compiler = await compilerVersion();
  const before = await lookBack(source, out, compiler);
  const { bytesBefore, changed } = before;
  if (before.isCurrent && bytesBefore !== undefined) {
    return { name, wasm: wasmFile, bytes: bytesBefore, compiled: false, changed, bytesBefore };
  }

  const inputs: Record<string, string> = { 'kernel.json': sha256(await readFile(path.join(source, 'kernel.json'))) };
  const wasm = await compile(source, { initialPages, maximumPages, name }, inputs);
  checkModule(name, await WebAssembly.compile(wasm));
  await mkdir(out, { recursive: true });
  await writeFile(wasmFile, wasm);
  if (out !== source) await copyFile(path.join(source, 'kernel.json'), path.join(out, 'kernel.json'));
  const stamp: Stamp = { build: BUILD_VERSION, compiler, inputs, wasm: sha256(wasm) };
  await writeFile(path.join(out, STAMP), `${JSON.stringify(stamp, null, 2)}\n`);
  return { name, wasm: wasmFile, bytes: wasm.length, compiled: true, changed, bytesBefore };
}

/** Only what the compiler needs; the whole schema is checked by whoever submits the kernel. */
async function readMemory(source: string): Promise<{ name: string; initialPages: number; maximumPages: number }> {
  const file = path.join(source, 'kernel.json');
  for (const needed of [file, path.join(source, 'index.ts')]) {
    if (!(await exists(needed))) throw new KernelBuildError('no-source', `${needed}: no such file`);
  }
  let manifest: { name?: unknown; limits?: Record<string, unknown> };
  try {
    manifest = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new KernelBuildError('bad-manifest', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const limits = manifest.limits ?? {};
  const reduce = (limits.reduce ?? {}) as Record<string, unknown>;
  const pages = (value: unknown, key: string): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_536) return value;
    throw new KernelBuildError('bad-manifest', `${file}: limits.${key} must be a whole number of 64 KiB pages`);
  };
  return {
    name: typeof manifest.name === 'string' ? manifest.name : path.basename(source),
    initialPages: pages(limits.memoryPagesInitial ?? 0, 'memoryPagesInitial'),
    maximumPages: Math.max(
      pages(limits.memoryPagesMax, 'memoryPagesMax'),
      pages(reduce.memoryPagesMax ?? 0, 'reduce.memoryPagesMax'),
    ),
  };
}

interface Memory {
  readonly name: string;
  readonly initialPages: number;
  readonly maximumPages: number;
}

/** Runs the compiler on `index.ts`; `inputs` collects the hash of every file it read. */
async function compile(
  source: string,
  memory: Memory,
  inputs: Record<string, string>,
): Promise<Uint8Array<ArrayBuffer>> {
  const asc = await loadCompiler();
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [
      ...['index.ts', '--outFile', 'kernel.wasm', '--baseDir', source, '--noColors'],
      ...['-O3', '--runtime', 'stub', '--enable', 'simd', '--use', 'abort=', '--exportStart', '_start'],
      ...['--initialMemory', String(memory.initialPages), '--maximumMemory', String(memory.maximumPages)],
    ],
    {
      async readFile(file, baseDir) {
        const wanted = path.resolve(baseDir, file);
        const sdk = wanted.split(path.sep).join('/').split(SDK_PREFIX)[1];
        const actual = sdk === undefined ? wanted : path.join(sdkFolder, sdk);
        const text = await readFile(actual, 'utf8').catch(() => null);
        if (text !== null) inputs[sdk === undefined ? path.relative(source, actual) : `sdk:${sdk}`] = sha256(text);
        return text;
      },
      writeFile(_file, contents) {
        if (typeof contents !== 'string') wasm = Uint8Array.from(contents);
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) {
    const messages = stderr.toString().trim() || (error?.message ?? 'the compiler wrote no module');
    throw new KernelBuildError('compile-failed', `${memory.name}: ${path.join(source, 'index.ts')}:\n${messages}`);
  }
  return wasm;
}

type Compiler = typeof import('assemblyscript/asc');

async function loadCompiler(): Promise<Compiler> {
  try {
    return await import('assemblyscript/asc');
  } catch {
    throw new KernelBuildError(
      'no-compiler',
      'AssemblyScript is not installed: run `npm install assemblyscript@0.28.20`, or give a folder with a kernel.wasm',
    );
  }
}

async function compilerVersion(): Promise<string> {
  return (await loadCompiler()).version;
}

/** What every kernel must have, said here rather than by a volunteer. */
function checkModule(name: string, module: WebAssembly.Module): void {
  const imports = WebAssembly.Module.imports(module).map((item) => `${item.module}.${item.name}`);
  if (imports.length > 0) {
    throw new KernelBuildError(
      'has-imports',
      `${name}: a kernel must import nothing, but this one imports ${imports.join(', ')}` +
        (imports.includes('env.seed') ? ' (Math.random needs a seed: use a generator of your own)' : ''),
    );
  }
  const exported = new Set(WebAssembly.Module.exports(module).map((item) => item.name));
  const needed = ['memory', 'shoal_abi', 'shoal_alloc', 'shoal_init', 'shoal_step', 'shoal_out_ptr', 'shoal_out_len'];
  const missing = needed.filter((item) => !exported.has(item));
  if (missing.length > 0) {
    throw new KernelBuildError('no-export', `${name}: index.ts does not export ${missing.join(', ')}`);
  }
}

interface EarlierBuild {
  /** Nothing the module was made from has changed, nor the module itself. */
  readonly isCurrent: boolean;
  readonly changed: readonly string[];
  readonly bytesBefore: number | undefined;
}

/** What has become of an earlier build and of the files it was made from. */
async function lookBack(source: string, out: string, compiler: string): Promise<EarlierBuild> {
  const wasm = await readFile(path.join(out, 'kernel.wasm')).catch(() => undefined);
  const bytesBefore = wasm?.length;
  let stamp: Stamp;
  try {
    stamp = JSON.parse(await readFile(path.join(out, STAMP), 'utf8')) as Stamp;
  } catch {
    return { isCurrent: false, changed: [], bytesBefore };
  }
  const changed: string[] = [];
  for (const [name, hash] of Object.entries(stamp.inputs)) {
    const file = name.startsWith('sdk:') ? path.join(sdkFolder, name.slice(4)) : path.join(source, name);
    const text = await readFile(file).catch(() => undefined);
    if (text === undefined || sha256(text) !== hash) changed.push(name);
  }
  const isSameBuild = stamp.build === BUILD_VERSION && stamp.compiler === compiler;
  const isWhole = wasm !== undefined && sha256(wasm) === stamp.wasm && (await exists(path.join(out, 'kernel.json')));
  return { isCurrent: isSameBuild && isWhole && changed.length === 0, changed, bytesBefore };
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

/** Folders given are built in place; without any, all kernels of this package into `dist/kernels`. */
async function buildAll(given: readonly string[]): Promise<void> {
  for (const [folder, out] of given.length > 0 ? given.map((name) => [name, name] as const) : await ownKernels()) {
    const kernel = await buildKernel(folder, out);
    console.log(`kernel ${kernel.name}: ${kernel.bytes} bytes${kernel.compiled ? '' : ' (unchanged)'}`);
  }
}

async function ownKernels(): Promise<(readonly [folder: string, out: string])[]> {
  const from = path.join(root, 'kernels');
  const found: (readonly [string, string])[] = [];
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const folder = path.join(from, entry.name);
    const isKernel = entry.isDirectory() && (await exists(path.join(folder, 'kernel.json')));
    if (isKernel) found.push([folder, path.join(root, 'dist/kernels', entry.name)]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(path.resolve(process.argv[1])).href) {
  try {
    await buildAll(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof KernelBuildError)) throw error;
    console.error(`kernel build failed: ${error.message}`);
    process.exitCode = 1;
  }
}
