/** `shoal kernel build`: compiles a folder in place, looks at what came out, and says what has changed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { toHex } from '../../../protocol/bytes.ts';
import type { Cid, Digest } from '../../../protocol/ids.ts';
import { cidFromDigest } from '../../../protocol/wire/block.ts';
import { parseManifest } from '../../../sdk/manifest.ts';
import { ShoalError } from '../../errors.ts';
import { KERNEL_FOLDER } from '../../installation.ts';
import { nativeSha256 } from '../../workers/sha256.ts';
import { bytes, print, printJson } from '../output.ts';
import { findKernel } from './find.ts';
import { withSandbox } from './sandbox.ts';

/** As `kernels/build.ts` tells it; the compiler is loaded only where something is to be compiled. */
export interface BuiltKernel {
  readonly name: string;
  readonly wasm: string;
  readonly bytes: number;
  readonly compiled: boolean;
  readonly changed: readonly string[];
  readonly bytesBefore: number | undefined;
}

/**
 * Compiles a folder with source in place, if it has changed since the last time. Rejects with an SdkError
 * `manifest-invalid`, or with a ShoalError `kernel-refused` that has the compiler's messages: file, line and what is wrong.
 */
export async function buildFolder(folder: string, given: string): Promise<BuiltKernel> {
  const manifestFile = join(folder, 'kernel.json');
  const text = await readFile(manifestFile, 'utf8').catch(() => undefined);
  // Before the compiler runs: what it would say about a broken manifest is less.
  if (text !== undefined) parseManifest(text, manifestFile);
  const compiler = pathToFileURL(join(KERNEL_FOLDER, 'build.js')).href;
  const { buildKernel } = (await import(compiler)) as {
    buildKernel: (folder: string, outFolder: string) => Promise<BuiltKernel>;
  };
  try {
    return await buildKernel(folder, folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const code = error.code === 'no-source' ? 'missing-file' : 'kernel-refused';
    throw new ShoalError(code, `kernel ${given} cannot be built: ${error.message}`, error);
  }
}

export async function buildCommand(given: string, { json }: { readonly json: boolean }): Promise<void> {
  const kernel = await findKernel(given, { mustHaveSource: true });
  const built = kernel.build!;
  const report = await withSandbox((sandbox) => sandbox.inspect(kernel.wasm));
  checkMerging(kernel.manifest!.result.join, report.hasReduce, kernel.wasmPath);
  const cid = cidOfKernel(kernel.wasm);
  if (json) {
    const { name, compiled, changed, bytesBefore } = built;
    return printJson({ kernel: name, wasm: kernel.wasmPath, bytes: built.bytes, bytesBefore, cid, compiled, changed });
  }
  print(`${built.name}: ${built.compiled ? 'built' : 'up to date'}, ${sizeText(built)}`);
  if (built.changed.length > 0) print(`  changed     ${built.changed.join(', ')}`);
  print(`  module      ${kernel.wasmPath}`);
  print(`  content id  ${cid}`);
}

function sizeText({ bytes: now, bytesBefore, compiled }: BuiltKernel): string {
  const size = now < 1024 ? `${now} bytes` : `${now} bytes (${bytes(now)})`;
  if (!compiled || bytesBefore === undefined || bytesBefore === now) return size;
  const difference = now - bytesBefore;
  return `${size}, ${Math.abs(difference)} ${difference > 0 ? 'more' : 'fewer'} than before`;
}

/** The name of a module by its content, in every job that uses it. */
export function cidOfKernel(wasm: Uint8Array): Cid {
  return cidFromDigest(toHex(nativeSha256(wasm)) as Digest, 'raw');
}

export function checkMerging(join: string, hasReduce: boolean, name: string): void {
  if (join !== 'reduce' || hasReduce) return;
  throw new ShoalError(
    'kernel-refused',
    `${name}: its manifest joins results by "reduce", but it does not export shoal_reduce`,
  );
}
