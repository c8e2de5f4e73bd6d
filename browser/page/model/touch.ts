/** What a kernel may touch, as plain facts: shown before anybody runs it and while it runs. */
import { WASI_ABI_VERSION } from '../../../node/protocol/parameters.ts';
import type { JobView } from '../../../node/protocol/view.ts';
import type { Inspection } from '../../../node/sandbox/inspection.ts';
import type { KernelEntry } from '../peer-source.ts';
import { amount, bytes, peerName } from './words.ts';

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
  /** An identifier or a path. */
  readonly isCode?: boolean;
}

const PAGE_BYTES = 65_536;

export function touchOfKernel({
  manifest,
  report,
  cid,
}: Pick<KernelEntry, 'manifest' | 'report' | 'cid'>): readonly Fact[] {
  const { limits } = manifest;
  return [
    reaches(report.abi, report),
    { name: 'Reads', value: `up to ${bytes(limits.inputBytesPerTaskMax)} a task` },
    { name: 'Writes', value: `up to ${bytes(limits.outputBytesPerTaskMax)} a task` },
    memory(limits.memoryPagesMax, report),
    fuel(limits.fuelPerTaskMax),
    ...moduleFacts(report),
    { name: 'Content id', value: cid, isCode: true },
  ];
}

/**
 * What the job allows, and what the module is, as far as it is known: `inspection` is undefined before the module has
 * come here, and that is before any of it runs.
 */
export function touchOfJob(
  { spec, submitter, own }: Pick<JobView, 'spec' | 'submitter' | 'own'>,
  inspection: Inspection | undefined,
): readonly Fact[] {
  const report = inspection !== undefined && 'report' in inspection ? inspection.report : undefined;
  return [
    reaches(spec.abi, report),
    { name: 'Writes', value: `up to ${bytes(spec.outputBytesPerTaskMax)} a task` },
    memory(spec.memoryPagesMax, report),
    fuel(spec.fuelPerTaskMax),
    ...(inspection === undefined ? [own ? BEING_READ : NOT_HERE] : []),
    ...(inspection !== undefined && 'refusal' in inspection
      ? [{ name: 'Refused', value: inspection.refusal.message, note: 'None of it runs here.' }]
      : []),
    ...(report === undefined ? [] : moduleFacts(report)),
    { name: 'Content id', value: spec.kernel, isCode: true },
    { name: 'Announced by', value: own ? 'you' : peerName(submitter), isCode: !own },
  ];
}

const NOT_HERE: Fact = {
  name: 'Module',
  value: 'not here yet',
  note: 'It comes with the first unit, and is looked at before any of it runs.',
};

/** Whoever announced the job has its module: only the answer about it is on its way. */
const BEING_READ: Fact = { name: 'Module', value: 'being looked at' };

type Report = KernelEntry['report'];

/** What a WASI program can ask of its host, whatever it imports. */
const WASI: Fact = {
  name: 'Reaches',
  value: 'its input and its output',
  note: 'A WASI program: no files, no network, a clock that stands still, randomness made of its input.',
};

/** A module with other imports than the network gives is refused: before it is here, this much is certain. */
function reaches(abi: number, report: Report | undefined): Fact {
  if (abi === WASI_ABI_VERSION) return WASI;
  return {
    name: 'Reaches',
    value: 'nothing outside',
    note:
      report === undefined
        ? 'A kernel that imports a function is refused: no files, no network, no clock, no randomness.'
        : 'It imports no function: no files, no network, no clock, no randomness.',
  };
}

function memory(pagesMax: number, report: Report | undefined): Fact {
  const pages = Math.min(pagesMax, report?.memory.maximumPages ?? pagesMax);
  const value = `up to ${bytes(pages * PAGE_BYTES)}`;
  if (report === undefined) return { name: 'Memory', value };
  return { name: 'Memory', value, note: `It begins with ${bytes(report.memory.initialPages * PAGE_BYTES)}.` };
}

function fuel(perTaskMax: number): Fact {
  return {
    name: 'Fuel',
    value: `up to ${amount(perTaskMax)} a task`,
    note: 'Fuel counts the instructions it executes; where it runs out, the task ends.',
  };
}

function moduleFacts({ features, byteLength, functionCount }: Report): readonly Fact[] {
  return [
    { name: 'WebAssembly', value: features.length === 0 ? 'MVP' : `MVP and ${features.join(', ')}` },
    { name: 'Size', value: `${bytes(byteLength)}, ${functionCount} functions` },
  ];
}
