/**
 * A test build of the sandbox: `node/sandbox` compiled into a folder of its own, with mistakes put into its text on the
 * way. The product has no switch for any of this; a mistake exists only in a build that a test makes and throws away.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { importsOf } from '../../node/sandbox/inspect.ts';
import type { runTask, TaskLimits, TaskResult } from '../../node/sandbox/task.ts';
import type { UnitRun } from '../../node/sandbox/unit.ts';
import type { runProgram } from '../../node/sandbox/wasi/program.ts';
import type { WorkerQueue } from '../../node/sandbox/worker-queue.ts';
import type { Rewriter } from '../fuzz/compare.ts';

/** One change of the sources of `node/sandbox`. */
export interface Mutation {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** What the checks call of the sandbox. */
export interface Sandbox extends Rewriter {
  inspect(bytes: Uint8Array): unknown;
  readonly importsOf: typeof importsOf;
  readonly runTask: typeof runTask;
  readonly runProgram: typeof runProgram;
  readonly UnitRun: typeof UnitRun;
  readonly WorkerQueue: typeof WorkerQueue;
  dispose(): void;
}

export type { TaskLimits, TaskResult };

/** The package: this file runs compiled, below `dist`, or as a source. */
export function packageRoot(): string {
  const here = fileURLToPath(new URL('../../', import.meta.url));
  return path.basename(here) === 'dist' ? path.dirname(path.resolve(here)) : path.resolve(here);
}

/** Throws where a mutation does not fit the sources any more, or gives no JavaScript. `dist` has to be built. */
export async function testBuild(mutations: readonly Mutation[] = []): Promise<Sandbox> {
  const root = packageRoot();
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-test-build-'));
  const sandbox = path.join(folder, 'node/sandbox');
  mkdirSync(path.join(sandbox, 'wasi'), { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of ['protocol', 'runtime']) {
    symlinkSync(path.join(root, 'dist/node', name), path.join(folder, 'node', name));
  }
  const sources = ['', 'wasi/'].flatMap((below) =>
    readdirSync(path.join(root, 'node/sandbox', below))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => below + file),
  );
  for (const { file } of mutations) if (!sources.includes(file)) throw new Error(`node/sandbox has no ${file}`);
  for (const file of sources) {
    const here = mutations.filter((mutation) => mutation.file === file);
    writeFileSync(path.join(sandbox, file.replace(/ts$/, 'js')), transpiled(sourceWith(file, here)));
  }
  const load = async (file: string) => await import(pathToFileURL(path.join(sandbox, file)).href);
  const [meter, inspect, task, unit, queue, program] = await Promise.all(
    ['meter.js', 'inspect.js', 'task.js', 'unit.js', 'worker-queue.js', 'wasi/program.js'].map(load),
  );
  return {
    meter: meter.meter,
    inspect: inspect.inspect,
    importsOf: inspect.importsOf,
    runTask: task.runTask,
    runProgram: program.runProgram,
    UnitRun: unit.UnitRun,
    WorkerQueue: queue.WorkerQueue,
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The text of a file of the sandbox with mistakes in it. Throws where one does not fit. */
export function sourceWith(file: string, mutations: readonly Mutation[]): string {
  return mutations.reduce(mutated, readFileSync(path.join(packageRoot(), 'node/sandbox', file), 'utf8'));
}

/** Most files are the same in every build. */
const outputs = new Map<string, string>();

function transpiled(text: string): string {
  let output = outputs.get(text);
  if (output === undefined) {
    const compilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    };
    const { outputText } = ts.transpileModule(text, { compilerOptions });
    output = outputText.replace(/(from '\.[^']*)\.ts'/g, "$1.js'");
    outputs.set(text, output);
  }
  return output;
}

function mutated(text: string, { file, find, replace }: Mutation): string {
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`${file}: "${find}" stands there ${count} times, it must be once`);
  return text.replace(find, () => replace);
}
