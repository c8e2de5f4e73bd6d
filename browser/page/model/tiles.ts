/** Where the outputs of one unit belong in the picture a job draws. */
import type { PicturePlan } from '../peer-source.ts';

export interface Tile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Tile of one task; tasks run row by row from the top left. */
export function tileOf({ width, height, tileWidth, tileHeight }: PicturePlan, task: number): Tile {
  const columns = Math.ceil(width / tileWidth);
  const x = (task % columns) * tileWidth;
  const y = Math.floor(task / columns) * tileHeight;
  return { x, y, width: Math.min(tileWidth, width - x), height: Math.min(tileHeight, height - y) };
}

export function tilesOfUnit(plan: PicturePlan, tasksPerUnit: number, unit: number): readonly Tile[] {
  const tasks = Math.ceil(plan.width / plan.tileWidth) * Math.ceil(plan.height / plan.tileHeight);
  const first = unit * tasksPerUnit;
  const last = Math.min(first + tasksPerUnit, tasks);
  return Array.from({ length: Math.max(0, last - first) }, (_, index) => tileOf(plan, first + index));
}

/** Puts the outputs of one unit into `pixels`, row by row. False, and nothing changed, where their size is wrong. */
export function putUnit(pixels: Uint8Array, plan: PicturePlan, tiles: readonly Tile[], output: Uint8Array): boolean {
  const { bytesPerPixel } = plan;
  const expected = tiles.reduce((sum, { width, height }) => sum + width * height * bytesPerPixel, 0);
  if (output.length !== expected) return false;
  let at = 0;
  for (const { x, y, width, height } of tiles) {
    for (let row = 0; row < height; row++) {
      const length = width * bytesPerPixel;
      pixels.set(output.subarray(at, at + length), ((y + row) * plan.width + x) * bytesPerPixel);
      at += length;
    }
  }
  return true;
}

/** The largest value among the pixels of some tiles. */
export function largestIn(pixels: Uint8Array, plan: PicturePlan, tiles: readonly Tile[]): number {
  let largest = 0;
  for (const { x, y, width, height } of tiles) {
    for (let row = y; row < y + height; row++) {
      for (let column = x; column < x + width; column++) {
        largest = Math.max(largest, valueAt(pixels, plan, row * plan.width + column));
      }
    }
  }
  return largest;
}

export function valueAt(pixels: Uint8Array, { bytesPerPixel }: PicturePlan, index: number): number {
  const low = pixels[index * bytesPerPixel] ?? 0;
  return bytesPerPixel === 2 ? low + 256 * (pixels[index * 2 + 1] ?? 0) : low;
}
