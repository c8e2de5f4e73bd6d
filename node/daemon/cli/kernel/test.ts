/** `shoal kernel test`: a kernel against its vectors, in the sandbox that volunteers have. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { KernelManifest } from '../../../sdk/manifest.ts';
import { parseVectors } from '../../../sdk/vectors.ts';
import { ShoalError } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { bytes, print, printJson, short } from '../output.ts';
import { checkMerging, cidOfKernel } from './build.ts';
import { type CaseResult, checkKernel, type Problem } from './check.ts';
import { differenceOf } from './difference.ts';
import { type FoundKernel, findKernel } from './find.ts';
import { withSandbox } from './sandbox.ts';

/** The four runs of a case, side by side. */
const CORES_MAX = 4;

export async function testCommand(given: string, { json }: { readonly json: boolean }): Promise<void> {
  const kernel = await findKernel(given);
  const manifest = kernel.manifest!;
  const vectors = parseVectors(readVectors(kernel), {
    manifest,
    fileName: kernel.vectorsPath,
    readFile: (name) => new Uint8Array(readFileSync(resolve(dirname(kernel.vectorsPath), name))),
  });
  if (!json) {
    const state = kernel.build === undefined ? '' : kernel.build.compiled ? ', built just now' : ', up to date';
    print(`${manifest.name} ${manifest.version}: ${bytes(kernel.wasm.length)}${state}`);
  }
  const results = await withSandbox(
    async (pool, keep) => {
      const { hasReduce } = await pool.inspect(kernel.wasm);
      checkMerging(manifest.result.join, hasReduce, kernel.wasmPath);
      const onResult = json ? () => undefined : (result: CaseResult) => printResult(result, manifest);
      return checkKernel({ manifest, wasm: kernel.wasm, vectors, pool, keep, onResult });
    },
    Math.min(CORES_MAX, availableParallelism()),
  );
  const failed = results.filter(({ problems }) => problems.length > 0);
  if (json) {
    // The answer says what failed: a second one about an error would make it no JSON any more.
    if (failed.length > 0) process.exitCode = EXIT.testFailed;
    return printJson(answerOf(kernel, results, failed.length));
  }
  if (failed.length === 0) {
    return print(`${results.length} of ${results.length} passed: two placements of metering, three sizes of steps`);
  }
  throw new ShoalError(
    'test-failed',
    `${failed.length} of ${results.length} failed: ${failed.map(({ name }) => name).join('; ')}`,
  );
}

function readVectors({ vectorsPath, manifest }: FoundKernel): string {
  try {
    return readFileSync(vectorsPath, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new ShoalError(
      'missing-file',
      `${vectorsPath}: ${why}. It says what ${manifest!.name} must compute; docs/KERNELS.md has its form.`,
    );
  }
}

function printResult({ name, problems, fuel, wallClockMs, outputBytes }: CaseResult, manifest: KernelManifest): void {
  const effort = [
    fuel === undefined
      ? undefined
      : `${short(fuel)} fuel (${shareOf(fuel, manifest.limits.fuelPerTaskMax)} of its limit)`,
    wallClockMs === undefined ? undefined : `${wallClockMs.toFixed(wallClockMs < 10 ? 1 : 0)} ms`,
    outputBytes === undefined ? undefined : bytes(outputBytes),
  ].filter((part) => part !== undefined);
  print(
    `${problems.length === 0 ? '  ok   ' : '  FAIL '} ${name}${effort.length === 0 ? '' : `  ${effort.join(', ')}`}`,
  );
  for (const problem of problems) for (const line of linesOf(problem, manifest)) print(`         ${line}`);
}

function linesOf({ what, expected, actual }: Problem, { result }: KernelManifest): readonly string[] {
  return [what, ...differenceOf(expected, actual, result)];
}

function shareOf(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  return percent < 0.1 ? 'under 0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

function answerOf(kernel: FoundKernel, results: readonly CaseResult[], failed: number): object {
  const manifest = kernel.manifest!;
  return {
    kernel: manifest.name,
    cid: cidOfKernel(kernel.wasm),
    bytes: kernel.wasm.length,
    compiled: kernel.build?.compiled ?? false,
    passed: results.length - failed,
    failed,
    results: results.map(({ problems, ...rest }) => ({
      ...rest,
      ok: problems.length === 0,
      problems: problems.map(({ what, expected, actual }) => ({
        what,
        difference: differenceOf(expected, actual, manifest.result),
      })),
    })),
  };
}
