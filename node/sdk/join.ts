/**
 * How the outputs of all tasks become one result: one after the other, put in their places in a picture, or merged
 * by the kernel's own `shoal_reduce`. A merge runs as a tree, so that no call sees more than a few dozen outputs
 * however large the job is; it gives the same bytes as one call over everything, since merging is associative.
 */
import { concatBytes } from '../protocol/bytes.ts';
import type { Arguments } from './arguments.ts';
import { SdkError } from './error.ts';
import type { BytesPerPixel, Columns, KernelManifest } from './manifest.ts';
import { type PlotMaterial, plotMaterial } from './plot/material.ts';
import { gridTiles } from './split.ts';

/** Outputs merged by one call of shoal_reduce. */
export const REDUCE_FAN_IN = 32;

/** Merges outputs, in order, by shoal_reduce in this peer's own sandbox. */
export type Reduce = (outputs: readonly Uint8Array[]) => Promise<Uint8Array>;

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: BytesPerPixel;
  /** Row by row; a value of 2 bytes is little-endian. */
  readonly pixels: Uint8Array;
}

export interface JobResult {
  readonly show: KernelManifest['result']['show'];
  readonly bytes: Uint8Array;
  /** Present exactly if `show` is `picture`; its pixels are `bytes`. */
  readonly picture?: Picture;
  /** Present exactly if `show` is `table`. */
  readonly columns?: Columns | undefined;
  /** Present where the manifest has a plot: what that needs beside the bytes. */
  readonly plot?: PlotMaterial | undefined;
}

export interface JoinOptions {
  readonly manifest: KernelManifest;
  readonly values: Arguments;
  /** One per task, in order; undefined where the task trapped. */
  readonly outputs: readonly (Uint8Array | undefined)[];
  /** As it was given to `splitTasks`. */
  readonly taskSize?: number | undefined;
  readonly reduce?: Reduce | undefined;
}

/** Throws an SdkError: `task-trapped` names the tasks, `result-malformed` the first output of a wrong size. */
export async function joinOutputs(options: JoinOptions): Promise<JobResult> {
  const { manifest, values, taskSize, reduce } = options;
  const outputs = withoutTraps(manifest, options.outputs);
  const { join, show, columns } = manifest.result;
  const merge = reduce && ((parts: readonly Uint8Array[]) => reduceTree(parts, reduce));
  const plot = await plotMaterial(manifest, values, outputs, taskSize, merge);
  if (join === 'concat') return { show, columns, plot, bytes: concatBytes(...outputs) };
  if (join === 'grid') {
    const picture = joinGrid(manifest, values, outputs, taskSize);
    return { show, bytes: picture.pixels, picture };
  }
  if (reduce === undefined)
    throw new SdkError('reduce-missing', `${manifest.name} needs a sandbox to merge its outputs`);
  return { show, columns, plot, bytes: await reduceTree(outputs, reduce) };
}

function withoutTraps(manifest: KernelManifest, outputs: readonly (Uint8Array | undefined)[]): readonly Uint8Array[] {
  const trapped = outputs.flatMap((output, task) => (output === undefined ? [task] : []));
  if (trapped.length === 0) return outputs as readonly Uint8Array[];
  const named = trapped.slice(0, 5).join(', ') + (trapped.length > 5 ? ', …' : '');
  throw new SdkError(
    'task-trapped',
    `${trapped.length} of ${outputs.length} tasks of ${manifest.name} ended in a trap, on every peer alike (task ${named}): ` +
      'the kernel refuses this input or reaches one of its limits',
  );
}

/** Merges level by level. A single output is merged too: the result is always one that shoal_reduce has written. */
export async function reduceTree(outputs: readonly Uint8Array[], reduce: Reduce): Promise<Uint8Array> {
  let level = outputs;
  do {
    const next: Uint8Array[] = [];
    for (let at = 0; at < level.length || next.length === 0; at += REDUCE_FAN_IN) {
      next.push(await reduce(level.slice(at, at + REDUCE_FAN_IN)));
    }
    level = next;
  } while (level.length > 1);
  return level[0] as Uint8Array;
}

function joinGrid(
  manifest: KernelManifest,
  values: Arguments,
  outputs: readonly Uint8Array[],
  taskSize: number | undefined,
): Picture {
  const grid = gridTiles(manifest, values, taskSize);
  const bytesPerPixel = manifest.result.bytesPerPixel ?? 1;
  if (outputs.length !== grid.count) {
    throw new SdkError(
      'result-malformed',
      `a picture of ${grid.count} tiles cannot be made of ${outputs.length} outputs`,
    );
  }
  const pixels = new Uint8Array(grid.width * grid.height * bytesPerPixel);
  let task = 0;
  for (const tile of grid.all()) {
    const output = outputs[task] as Uint8Array;
    const rowBytes = tile.width * bytesPerPixel;
    if (output.length !== rowBytes * tile.height) {
      throw new SdkError(
        'result-malformed',
        `task ${task}: a tile of ${tile.width}×${tile.height} pixels has ${output.length} bytes, not ${rowBytes * tile.height}`,
      );
    }
    for (let row = 0; row < tile.height; row++) {
      const at = ((tile.y + row) * grid.width + tile.x) * bytesPerPixel;
      pixels.set(output.subarray(row * rowBytes, (row + 1) * rowBytes), at);
    }
    task++;
  }
  return { width: grid.width, height: grid.height, bytesPerPixel, pixels };
}
