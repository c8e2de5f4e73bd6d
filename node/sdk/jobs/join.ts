/**
 * From the agreed outputs of all units to one result that is kept. Outputs are read by CID, so they are what was agreed;
 * a task that ended in a trap fails the job with the trap's name, since no result can be put together without it.
 */
import type { Cid, Digest, JobId } from '../../protocol/ids.ts';
import { TRAP, type TrapKind, unpackLeaves } from '../../protocol/trust/commitment.ts';
import type { JobView } from '../../protocol/view.ts';
import { decodeUnitOutput } from '../../protocol/wire/block.ts';
import { resolveArguments } from '../arguments.ts';
import { SdkError } from '../error.ts';
import { joinOutputs, type Reduce } from '../join.ts';
import type { FinishedOutcome, JobNote } from './note.ts';
import { labelOf } from './progress.ts';
import type { ResultStore } from './store.ts';

export interface JoinParts {
  /** Reads a block that should be kept here, fetching it again from its authors if it is not. */
  readonly block: (cid: Cid, job: JobId, from: JobView['unitRows'][number]) => Promise<Uint8Array | undefined>;
  readonly reduce: Reduce;
  readonly results: Pick<ResultStore, 'put'>;
  readonly sha256: (bytes: Uint8Array) => Digest | Promise<Digest>;
}

/** Rejects with an SdkError, a StorageError, or what `reduce` rejects with. */
export async function joinJob(note: JobNote, view: JobView, parts: JoinParts): Promise<FinishedOutcome> {
  const outputs = await readOutputs(view, parts);
  const result = await joinOutputs({
    manifest: note.manifest,
    values: resolveArguments(note.manifest, note.arguments),
    outputs,
    taskSize: note.taskSize,
    reduce: parts.reduce,
  });
  await parts.results.put(note.job, result.bytes);
  return {
    state: 'finished',
    show: result.show,
    picture: result.picture && {
      width: result.picture.width,
      height: result.picture.height,
      bytesPerPixel: result.picture.bytesPerPixel,
    },
    columns: result.columns,
    plot: result.plot,
    byteLength: result.bytes.length,
    sha256: await parts.sha256(result.bytes),
    ...effortOf(view),
  };
}

export function effortOf(view: JobView): Pick<FinishedOutcome, 'label' | 'fuel' | 'executions' | 'refuted'> {
  return { label: labelOf(view.unitRows), fuel: view.fuel, executions: view.executions, refuted: view.refuted };
}

async function readOutputs(view: JobView, parts: JoinParts): Promise<readonly Uint8Array[]> {
  const outputs: Uint8Array[] = [];
  const traps: Trapped[] = [];
  for (const row of [...view.unitRows].sort((a, b) => a.unit - b.unit)) {
    const bytes = row.output === undefined ? undefined : await parts.block(row.output, view.job, row);
    if (bytes === undefined) {
      throw new SdkError(
        'output-missing',
        `the output of unit ${row.unit} is no longer kept here and no peer that computed it can be reached`,
      );
    }
    const output = decodeUnitOutput(bytes);
    unpackLeaves(output.leaves).forEach((leaf, index) => {
      if (leaf.trap !== TRAP.none) traps.push({ task: outputs.length + index, trap: leaf.trap });
    });
    outputs.push(...output.outputs);
  }
  if (traps.length > 0) throw new SdkError('job-failed', describeTraps(traps, outputs.length, labelOf(view.unitRows)));
  return outputs;
}

interface Trapped {
  readonly task: number;
  readonly trap: TrapKind;
}

function describeTraps(traps: readonly Trapped[], tasks: number, label: string): string {
  const [first] = traps;
  const kinds = [...new Set(traps.map(({ trap }) => trap))].map((trap) => {
    const number = traps.filter((other) => other.trap === trap).length;
    return `${number} ${TRAP_WORDS[trap]}`;
  });
  return `${traps.length} of ${tasks} tasks failed (${label}): ${kinds.join('; ')}. First: task ${first?.task}.`;
}

/** What each kind of trap means to somebody who wrote or called a kernel. */
export const TRAP_WORDS: Readonly<Record<TrapKind, string>> = {
  [TRAP.none]: 'ended normally',
  [TRAP.trap]: 'trapped (unreachable code, memory out of bounds, division by zero, or too deep a recursion)',
  [TRAP.outOfFuel]: 'ran out of fuel (endless loop, or fuelPerTaskMax is too low)',
  [TRAP.kernelError]: 'reported an error (the kernel does not accept this input)',
  [TRAP.outputTooLarge]: 'produced more output than outputBytesPerTaskMax allows',
};
