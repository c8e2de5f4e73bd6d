/** What a kernel may touch, as plain facts: shown before anybody runs it and while it runs. */
import type { JobSpec } from '../../../node/protocol/work/job.ts';
import type { KernelEntry } from '../peer-source.ts';
import { amount, bytes } from './words.ts';

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  /** An identifier or a path. */
  readonly isCode?: boolean;
}

const PAGE_BYTES = 65_536;
const NOTHING: Fact = {
  name: 'Reaches',
  value: 'nothing outside',
  note: 'It imports no function: no files, no network, no clock, no randomness.',
};

export function touchOfKernel({
  manifest,
  report,
  cid,
}: Pick<KernelEntry, 'manifest' | 'report' | 'cid'>): readonly Fact[] {
  const { limits } = manifest;
  return [
    report.imports.length === 0 ? NOTHING : { name: 'Reaches', value: report.imports.join(', ') },
    { name: 'Reads', value: `up to ${bytes(limits.inputBytesPerTaskMax)} a task` },
    { name: 'Writes', value: `up to ${bytes(limits.outputBytesPerTaskMax)} a task` },
    { name: 'Memory', value: `up to ${bytes(limits.memoryPagesMax * PAGE_BYTES)}` },
    {
      name: 'Fuel',
      value: `up to ${amount(limits.fuelPerTaskMax)} a task`,
      note: 'Fuel counts the instructions it executes; where it runs out, the task ends.',
    },
    { name: 'WebAssembly', value: report.features.length === 0 ? 'MVP' : `MVP and ${report.features.join(', ')}` },
    { name: 'Size', value: `${bytes(report.byteLength)}, ${report.functionCount} functions` },
    { name: 'Content id', value: cid, isCode: true },
  ];
}

export function touchOfJob(spec: JobSpec): readonly Fact[] {
  return [
    NOTHING,
    { name: 'Writes', value: `up to ${bytes(spec.outputBytesPerTaskMax)} a task` },
    { name: 'Memory', value: `up to ${bytes(spec.memoryPagesMax * PAGE_BYTES)}` },
    { name: 'Fuel', value: `up to ${amount(spec.fuelPerTaskMax)} a task` },
    { name: 'Content id', value: spec.kernel, isCode: true },
  ];
}
