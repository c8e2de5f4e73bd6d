/**
 * How the input of a job becomes the inputs of its tasks. The same file, arguments and task size give the same
 * tasks everywhere, so a result can be put together by whoever knows those three.
 *
 *   file    slices of the file: whole, of fixed size, or made of whole lines, paragraphs, records or FASTA records;
 *           in front, if the manifest asks for it, u64 offset of the slice and u32 length | bytes that all tasks get
 *   range   u64 from | u64 to, little-endian, for each step of the range
 *   grid    u32 x | y | width | height, little-endian, for each tile, row by row
 *
 * A line ends with LF. A paragraph ends with a blank line (only spaces, tabs and CR), or with the line by which it
 * reaches 32,768 bytes: that second rule is part of the text's meaning and does not depend on the task size.
 * A FASTA record begins with a line that begins with `>`.
 */
import { concatBytes, uint32Bytes } from '../protocol/bytes.ts';
import { TASKS_PER_UNIT_MAX, UNITS_MAX } from '../protocol/limits.ts';
import { type Arguments, argument } from './arguments.ts';
import { SdkError } from './error.ts';
import type { KernelManifest } from './manifest.ts';

export const PARAGRAPH_BYTES = 32_768;

const LF = 0x0a;
/** `>` */
const FASTA = 0x3e;
const BLANK = new Set([0x20, 0x09, 0x0d]);

export interface Tile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TaskPlan {
  readonly count: number;
  /** Made on demand; slices of the file are views of it. */
  readonly inputs: Iterable<Uint8Array>;
}

export interface SplitOptions {
  readonly file?: Uint8Array | undefined;
  /** Bytes, numbers or pixels to a side in one task, in place of the manifest's. */
  readonly taskSize?: number | undefined;
}

/** Throws an SdkError: file missing, not wanted or empty; no tasks; a task larger than the kernel takes; too many. */
export function splitTasks(manifest: KernelManifest, values: Arguments, options: SplitOptions = {}): TaskPlan {
  const { file, taskSize } = options;
  if (taskSize !== undefined && (!Number.isSafeInteger(taskSize) || taskSize < 1)) {
    throw new SdkError('task-size-invalid', `the task size must be a whole number from 1, not ${taskSize}`);
  }
  if (manifest.tasks.from !== 'file' && file !== undefined) {
    throw new SdkError('file-not-wanted', `${manifest.name} reads no file: its tasks come from its arguments`);
  }
  const plan = planOf(manifest, values, options);
  if (plan.count === 0) throw new SdkError('no-tasks', `${manifest.name}: the arguments describe an empty input`);
  if (plan.count > UNITS_MAX * TASKS_PER_UNIT_MAX) {
    throw new SdkError(
      'too-many-units',
      `${plan.count} tasks are more than one job can hold: use larger tasks or less input`,
    );
  }
  return plan;
}

function planOf(manifest: KernelManifest, values: Arguments, options: SplitOptions): TaskPlan {
  if (manifest.tasks.from === 'range') return rangeTasks(manifest, manifest.tasks, values, options.taskSize);
  if (manifest.tasks.from === 'grid') {
    const tiles = gridTiles(manifest, values, options.taskSize);
    const inputs = mapIterable(tiles.all(), ({ x, y, width, height }) =>
      concatBytes(uint32Bytes(x), uint32Bytes(y), uint32Bytes(width), uint32Bytes(height)),
    );
    return { count: tiles.count, inputs };
  }
  return fileTasks(manifest, manifest.tasks, values, options);
}

type FileTasks = Extract<KernelManifest['tasks'], { from: 'file' }>;

function fileTasks(
  manifest: KernelManifest,
  tasks: FileTasks,
  values: Arguments,
  { file, taskSize }: SplitOptions,
): TaskPlan {
  if (file === undefined) throw new SdkError('file-missing', `${manifest.name} needs a file: add --file <path>`);
  if (file.length === 0) throw new SdkError('file-empty', 'the file is empty: there is nothing to compute');
  const { head, bodyAt } = headOf(manifest, tasks, file);
  const body = file.subarray(bodyAt);
  const most = manifest.limits.inputBytesPerTaskMax - (head?.length ?? 0) - (tasks.offset === true ? 8 : 0);
  const size = taskSize ?? tasks.bytesPerTask ?? body.length;
  if (tasks.split !== 'whole' && size > most) {
    throw new SdkError('task-size-invalid', `a task of ${manifest.name} takes at most ${most} bytes, not ${size}`);
  }
  const ends =
    tasks.split === 'whole' ? [body.length] : packPieces(pieceEnds(manifest, tasks, values, body, size), size);
  let start = 0;
  for (const end of ends) {
    if (end - start > most) {
      const piece = tasks.split === 'whole' ? 'the file' : `the text of ${tasks.split} at byte ${bodyAt + start}`;
      const advice = tasks.split === 'whole' ? 'give a smaller file' : 'break its lines';
      throw new SdkError(
        'task-too-large',
        `${piece} is ${end - start} bytes, and a task of ${manifest.name} takes at most ${most}: ${advice}`,
      );
    }
    start = end;
  }
  return { count: ends.length, inputs: slices(body, ends, head, tasks.offset === true) };
}

/** What stands in front of every task's slice, with its length, and where the rest of the file begins. */
function headOf(
  manifest: KernelManifest,
  tasks: FileTasks,
  file: Uint8Array,
): { readonly head: Uint8Array | undefined; readonly bodyAt: number } {
  if (tasks.head === undefined) return { head: undefined, bodyAt: 0 };
  const first = { lines: 'a line', paragraphs: 'a paragraph', fasta: 'a FASTA record (">name", then its letters)' };
  const what = tasks.head === 'counted' ? 'a u32 length and as many bytes' : first[tasks.split as keyof typeof first];
  const refuse = (): never => {
    throw new SdkError(
      'file-malformed',
      `the file of ${manifest.name} must begin with ${what}, for all tasks, and go on after that with what is to be split`,
    );
  };
  if (tasks.head === 'counted') {
    if (file.length < 4) return refuse();
    const bodyAt = 4 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);
    return bodyAt < file.length ? { head: file.subarray(0, bodyAt), bodyAt } : refuse();
  }
  const bodyAt = textEnds(file, tasks.split)[0] ?? file.length;
  if (bodyAt === file.length) return refuse();
  return { head: concatBytes(uint32Bytes(bodyAt), file.subarray(0, bodyAt)), bodyAt };
}

/** Where each piece that must stay whole ends. */
function pieceEnds(
  manifest: KernelManifest,
  { split, recordBytes = 1 }: FileTasks,
  values: Arguments,
  file: Uint8Array,
  size: number,
): number[] {
  if (split !== 'bytes' && split !== 'records') return textEnds(file, split);
  const record = typeof recordBytes === 'string' ? Number(argument(values, recordBytes)) : recordBytes;
  if (record === 0 || file.length % record !== 0) {
    throw new SdkError(
      'file-malformed',
      `the ${file.length} bytes to be split for ${manifest.name} are not whole records of ${record} bytes`,
    );
  }
  const step = Math.max(record, size - (size % record));
  const ends: number[] = [];
  for (let at = step; at < file.length; at += step) ends.push(at);
  return [...ends, file.length];
}

function textEnds(file: Uint8Array, split: FileTasks['split']): number[] {
  if (split === 'paragraphs') return paragraphEnds(file);
  const ends: number[] = [];
  for (let at = file.indexOf(LF); at !== -1; at = file.indexOf(LF, at + 1)) {
    if (split === 'lines' || file[at + 1] === FASTA) ends.push(at + 1);
  }
  if (ends.at(-1) !== file.length) ends.push(file.length);
  return ends;
}

/** Offsets behind each paragraph; the last is the length of the file. */
export function paragraphEnds(file: Uint8Array): number[] {
  const ends: number[] = [];
  let start = 0;
  let blank = true;
  for (let at = 0; at < file.length; at++) {
    const byte = file[at] as number;
    if (byte === LF) {
      if (blank || at + 1 - start >= PARAGRAPH_BYTES) {
        ends.push(at + 1);
        start = at + 1;
      }
      blank = true;
    } else if (blank && !BLANK.has(byte)) {
      blank = false;
    }
  }
  if (start < file.length) ends.push(file.length);
  return ends;
}

/** As many whole pieces to a task as fit into `size`, at least one. */
function packPieces(pieces: readonly number[], size: number): number[] {
  const ends: number[] = [];
  let start = 0;
  let end = 0;
  for (const next of pieces) {
    if (next - start > size && end > start) {
      ends.push(end);
      start = end;
    }
    end = next;
  }
  ends.push(end);
  return ends;
}

function* slices(
  file: Uint8Array,
  ends: readonly number[],
  head: Uint8Array | undefined,
  hasOffset: boolean,
): Iterable<Uint8Array> {
  let start = 0;
  for (const end of ends) {
    const slice = file.subarray(start, end);
    const offset = hasOffset ? [uint32Bytes(start % 2 ** 32), uint32Bytes(Math.floor(start / 2 ** 32))] : [];
    yield head === undefined && !hasOffset ? slice : concatBytes(...offset, head ?? new Uint8Array(0), slice);
    start = end;
  }
}

function rangeTasks(
  manifest: KernelManifest,
  tasks: Extract<KernelManifest['tasks'], { from: 'range' }>,
  values: Arguments,
  taskSize: number | undefined,
): TaskPlan {
  const start = BigInt(argument(values, tasks.start));
  const end = BigInt(argument(values, tasks.end));
  if (start >= end) {
    throw new SdkError('no-tasks', `the range is empty: ${tasks.start} is ${start} and ${tasks.end} is ${end}`);
  }
  if (taskSize !== undefined && taskSize > tasks.stepMax) {
    throw new SdkError(
      'task-size-invalid',
      `a task of ${manifest.name} takes at most ${tasks.stepMax} numbers, not ${taskSize}`,
    );
  }
  const step = BigInt(taskSize ?? tasks.step);
  return { count: Number((end - start + step - 1n) / step), inputs: ranges(start, end, step) };
}

function* ranges(start: bigint, end: bigint, step: bigint): Iterable<Uint8Array> {
  for (let from = start; from < end; from += step) {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, from, true);
    view.setBigUint64(8, from + step < end ? from + step : end, true);
    yield bytes;
  }
}

export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  all(): Iterable<Tile>;
}

/** The tiles of a `grid` job in task order: left to right, then down; those at the right and lower edge may be smaller. */
export function gridTiles(manifest: KernelManifest, values: Arguments, taskSize?: number): Grid {
  const { tasks } = manifest;
  if (tasks.from !== 'grid') throw new SdkError('manifest-invalid', `${manifest.name}: tasks.from is not "grid"`);
  const width = Number(argument(values, tasks.width));
  const height = Number(argument(values, tasks.height));
  const tileWidth = taskSize ?? tasks.tileWidth;
  const tileHeight = taskSize ?? tasks.tileHeight;
  const bytes = Math.min(width, tileWidth) * Math.min(height, tileHeight) * (manifest.result.bytesPerPixel ?? 1);
  const most = manifest.limits.outputBytesPerTaskMax;
  if (bytes > most) {
    throw new SdkError(
      'task-size-invalid',
      `a tile of ${tileWidth}×${tileHeight} pixels takes ${bytes} bytes, and a task of ${manifest.name} gives at most ${most}`,
    );
  }
  return {
    width,
    height,
    count: Math.ceil(width / tileWidth) * Math.ceil(height / tileHeight),
    *all() {
      for (let y = 0; y < height; y += tileHeight) {
        for (let x = 0; x < width; x += tileWidth) {
          yield { x, y, width: Math.min(tileWidth, width - x), height: Math.min(tileHeight, height - y) };
        }
      }
    },
  };
}

function* mapIterable<A, B>(items: Iterable<A>, change: (item: A) => B): Iterable<B> {
  for (const item of items) yield change(item);
}
