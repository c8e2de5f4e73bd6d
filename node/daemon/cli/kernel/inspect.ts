/**
 * `shoal kernel inspect`: exactly what a kernel may touch. Of a file, a folder or a built-in kernel by looking at it; of a
 * content id or a job by asking the daemon of the data folder, which knows who announced it, and what it is if it is
 * kept there. Nothing is fetched.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KernelReport } from '../../../sandbox/inspect.ts';
import type { Inspection } from '../../../sandbox/inspection.ts';
import type { KernelRecord, KernelUse } from '../../../sdk/jobs/kernel-records.ts';
import type { KernelManifest } from '../../../sdk/manifest.ts';
import { isContentId } from '../../api/dashboard.ts';
import type { ConfigSources } from '../../config.ts';
import { dataFolderOf } from '../../data-folder.ts';
import { ShoalError } from '../../errors.ts';
import { KERNEL_FOLDER } from '../../installation.ts';
import { builtInKernels } from '../../jobs/kernels.ts';
import { shortName } from '../../short-name.ts';
import { Client } from '../client.ts';
import { bytes, print, printJson, short, table } from '../output.ts';
import { cidOfKernel } from './build.ts';
import { findKernel } from './find.ts';
import { withSandbox } from './sandbox.ts';

/** As the daemon tells it. */
export type KernelAnswer = Omit<KernelRecord<Inspection>, 'uses'> & { readonly uses: readonly NamedUse[] };
export type NamedUse = KernelUse & { readonly submitterName: string };

export interface InspectOptions {
  readonly sources: ConfigSources;
  readonly json: boolean;
}

const PAGE_BYTES = 65_536;
/** A CIDv1 in base 32; or a job's id, or its beginning. */
const KNOWN_TO_A_DAEMON = /^(?:b[a-z2-7]{58}|[0-9a-f]{4,64})$/;

export async function inspectCommand(given: string, options: InspectOptions): Promise<void> {
  if (await isLocal(given)) return inspectLocal(given, options);
  if (!KNOWN_TO_A_DAEMON.test(given)) {
    const known = (await builtInKernels(KERNEL_FOLDER)).join(', ') || 'none: run "npm run build"';
    throw new ShoalError(
      'missing-file',
      `${given}: no such file or folder, no content id, no job and no built-in kernel (${known}).`,
    );
  }
  return inspectKnown(given, options);
}

async function isLocal(given: string): Promise<boolean> {
  if (/[/\\]|\.wasm$/.test(given)) return true;
  const found = await stat(resolve(given)).catch(() => undefined);
  return found !== undefined || (await builtInKernels(KERNEL_FOLDER)).includes(given);
}

async function inspectLocal(given: string, { sources, json }: InspectOptions): Promise<void> {
  const { wasm, wasmPath, manifest } = await findKernel(given, { needsManifest: false });
  const report = await withSandbox((sandbox) => sandbox.inspect(wasm));
  const cid = cidOfKernel(wasm);
  const client = await Client.find(dataFolderOf(sources));
  const uses = (await client?.kernel(cid))?.uses;
  if (json) {
    const { limits, name, version, title, purpose } = manifest ?? {};
    return printJson({ cid, file: wasmPath, name, version, title, purpose, ...factsOf(report), limits, uses });
  }
  print(manifest === undefined ? wasmPath : `${manifest.name} ${manifest.version}: ${manifest.title}`);
  printRows([
    ...(manifest === undefined ? [] : [['purpose', manifest.purpose] as const]),
    ...moduleRows(report, manifest?.limits.memoryPagesMax),
    ...limitRows(manifest?.limits),
    ['content id', cid],
    ['file', wasmPath],
    ['announced by', uses === undefined ? 'not known: no daemon runs on this data folder' : announcers(uses)],
  ]);
  if (uses !== undefined) printUses(uses);
}

async function inspectKnown(given: string, { sources, json }: InspectOptions): Promise<void> {
  const client = await Client.connect(dataFolderOf(sources));
  const { cid, uses, inspection } = await client.kernel(given);
  if (uses.length === 0 && inspection === undefined) {
    throw new ShoalError(
      'not-found',
      isContentId(given)
        ? `no job known here uses the kernel ${given}, and its module is not kept here.`
        : `the kernel of job ${given} is not known here any more.`,
    );
  }
  if (inspection !== undefined && 'refusal' in inspection) {
    const { code, message } = inspection.refusal;
    if (!json) printUses(uses);
    throw new ShoalError('kernel-refused', `kernel ${cid}: ${message} (${code})`);
  }
  if (json) {
    return printJson({ cid, isKept: inspection !== undefined, ...(inspection && factsOf(inspection.report)), uses });
  }
  print(`kernel ${cid}`);
  const most = uses.reduce<number | undefined>((pages, use) => Math.max(pages ?? 0, use.memoryPagesMax), undefined);
  printRows([
    ...(inspection === undefined ? [NOT_KEPT] : moduleRows(inspection.report, most)),
    ...(inspection === undefined && most !== undefined ? [['memory', `at most ${pages(most)}`] as const] : []),
    ...usedLimits(uses),
    ['announced by', announcers(uses)],
  ]);
  printUses(uses);
}

type Row = readonly [name: string, value: string];

const NOT_KEPT: Row = [
  'module',
  'not kept here, so nobody has looked at it yet; nothing is fetched for this. A peer looks at it before it runs any of it',
];

function factsOf(report: KernelReport): object {
  const { byteLength, imports, exports, memory, features, functionCount, hasReduce, notResumable } = report;
  return { bytes: byteLength, imports, exports, memory, features, functions: functionCount, hasReduce, notResumable };
}

function moduleRows(report: KernelReport, memoryPagesMax: number | undefined): readonly Row[] {
  const { imports, memory, features, byteLength, functionCount, notResumable } = report;
  const limit = Math.min(memoryPagesMax ?? Number.POSITIVE_INFINITY, memory.maximumPages ?? Number.POSITIVE_INFINITY);
  const most = Number.isFinite(limit) ? `at most ${pages(limit)}` : 'as much as a job allows';
  return [
    ['imports', imports.length === 0 ? 'none: no files, no network, no clock, no randomness' : imports.join(', ')],
    ['memory', `begins with ${pages(memory.initialPages)}, ${most}`],
    ['features', features.length === 0 ? 'WebAssembly MVP' : `WebAssembly MVP and ${features.join(', ')}`],
    ['size', `${byteLength} bytes, ${functionCount} functions`],
    ['interrupted', notResumable === undefined ? 'goes on at its last step' : `begins its task again: ${notResumable}`],
  ];
}

function limitRows(limits: KernelManifest['limits'] | undefined): readonly Row[] {
  if (limits === undefined) return [['fuel', 'as much as a job allows: there is no kernel.json beside it']];
  const { fuelPerTaskMax, tasksPerUnit, inputBytesPerTaskMax, outputBytesPerTaskMax, reduce } = limits;
  return [
    ['fuel', `at most ${short(fuelPerTaskMax)} a task, ${tasksPerUnit} tasks a unit`],
    ['reads', `at most ${bytes(inputBytesPerTaskMax)} a task`],
    ['writes', `at most ${bytes(outputBytesPerTaskMax)} a task`],
    ...(reduce === undefined
      ? []
      : [
          [
            'merging',
            `on the submitter's machine: ${pages(reduce.memoryPagesMax)}, ${short(reduce.fuelMax)} fuel`,
          ] as const,
        ]),
  ];
}

/** The most that any of its jobs allows. */
function usedLimits(uses: readonly KernelUse[]): readonly Row[] {
  if (uses.length === 0) return [];
  const most = (of: (use: KernelUse) => number): number => Math.max(...uses.map(of));
  return [
    ['fuel', `at most ${short(most((use) => use.fuelPerTaskMax))} a task`],
    ['writes', `at most ${bytes(most((use) => use.outputBytesPerTaskMax))} a task`],
  ];
}

function announcers(uses: readonly NamedUse[]): string {
  if (uses.length === 0) return 'nobody, in any job known here';
  const names = new Set(uses.map((use) => (use.own ? 'this peer' : shortName(use.submitterName))));
  return [...names].join(', ');
}

function printUses(uses: readonly NamedUse[]): void {
  if (uses.length === 0) return;
  print('');
  print(
    table(
      ['job', 'state', 'announced by', 'memory', 'fuel a task', 'writes a task', 'tasks', 'title'],
      uses.map((use) => [
        use.job.slice(0, 10),
        use.state,
        use.own ? 'this peer' : shortName(use.submitterName),
        bytes(use.memoryPagesMax * PAGE_BYTES),
        short(use.fuelPerTaskMax),
        bytes(use.outputBytesPerTaskMax),
        use.tasks,
        use.title,
      ]),
    ),
  );
}

function printRows(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) print(`  ${name.padEnd(width)}  ${value}`);
}

function pages(count: number): string {
  return bytes(count * PAGE_BYTES);
}
