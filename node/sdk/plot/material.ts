/**
 * What a plot needs beside the result itself, taken while a job's outputs are joined: the arguments, and, where the plot
 * shows how a result came about, a few of the outputs on the way. It is kept with the outcome of the job, so it is small.
 */
import { toHex } from '../../protocol/bytes.ts';
import { type Arguments, argument } from '../arguments.ts';
import type { KernelManifest, PlotSpec } from '../manifest.ts';

export interface PlotMaterial {
  readonly spec: PlotSpec;
  /** The job's arguments, as numbers. */
  readonly values: Readonly<Record<string, number>>;
  /** For a line of tasks, or of merged results: in order. */
  readonly samples?: readonly PlotSample[];
}

export interface PlotSample {
  /** Tasks whose output this is. */
  readonly tasks: number;
  /** The part of a range they cover; absent where tasks are not parts of a range. */
  readonly from?: number;
  readonly to?: number;
  /** In hex. */
  readonly output: string;
}

/** More points than a chart has room for say nothing more. */
const SAMPLES_MAX = 200;
/** Notes are read whole at every start of a peer. */
const SAMPLE_BYTES_MAX = 64 * 1024;

/** Undefined where the kernel has no plot. What cannot be sampled is left out: a plot never fails a job. */
export async function plotMaterial(
  manifest: KernelManifest,
  values: Arguments,
  outputs: readonly Uint8Array[],
  taskSize: number | undefined,
  /** Merges any number of outputs. */
  merge: ((outputs: readonly Uint8Array[]) => Promise<Uint8Array>) | undefined,
): Promise<PlotMaterial | undefined> {
  const spec = manifest.result.plot;
  if (spec === undefined) return undefined;
  const numbers = Object.fromEntries(Array.from(values, ([name, value]) => [name, Number(value)]));
  if (spec.kind !== 'line' || spec.of === 'rows') return { spec, values: numbers };
  const rangeOf = rangesOf(manifest, values, taskSize, outputs.length);
  const samples: PlotSample[] = [];
  let byteLength = 0;
  try {
    for (const { first, count } of spec.of === 'merged' ? growing(outputs.length) : spread(outputs.length)) {
      const part = outputs.slice(first, first + count);
      const output = spec.of === 'merged' ? await merge?.(part) : part[0];
      byteLength += output?.length ?? 0;
      if (output === undefined || byteLength > SAMPLE_BYTES_MAX) return { spec, values: numbers };
      samples.push({ tasks: count, ...rangeOf(first, count), output: toHex(output) });
    }
  } catch {
    return { spec, values: numbers };
  }
  return { spec, values: numbers, samples };
}

interface Part {
  readonly first: number;
  readonly count: number;
}

/** The first task, the first two, four, eight, and all. */
function growing(tasks: number): readonly Part[] {
  const parts: Part[] = [];
  for (let count = 1; count < tasks; count *= 2) parts.push({ first: 0, count });
  return [...parts, { first: 0, count: tasks }];
}

/** Single tasks at equal distances. */
function spread(tasks: number): readonly Part[] {
  const wanted = Math.min(tasks, SAMPLES_MAX);
  return Array.from({ length: wanted }, (_, i) => ({ first: Math.floor((i * tasks) / wanted), count: 1 }));
}

function rangesOf({ tasks }: KernelManifest, values: Arguments, taskSize: number | undefined, taskCount: number) {
  if (tasks.from !== 'range') return () => ({});
  const [start, end] = [Number(argument(values, tasks.start)), Number(argument(values, tasks.end))];
  const step = taskSize ?? tasks.step;
  return (first: number, count: number) => ({
    from: start + first * step,
    to: first + count >= taskCount ? end : start + (first + count) * step,
  });
}
