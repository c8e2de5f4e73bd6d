/** Where the outputs of a job that draws a picture belong in it, so that a page can fill it tile by tile. */
import { resolveArguments } from '../arguments.ts';
import type { BytesPerPixel } from '../manifest.ts';
import { gridTiles } from '../split.ts';
import type { JobNote } from './note.ts';

/** Tiles are rows first, from the top left; those at the right and lower edge may be smaller. One task draws one tile. */
export interface PicturePlan {
  readonly width: number;
  readonly height: number;
  readonly bytesPerPixel: BytesPerPixel;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

export function picturePlanOf(note: JobNote): PicturePlan | undefined {
  const { manifest, taskSize } = note;
  if (manifest.result.join !== 'grid' || manifest.tasks.from !== 'grid') return undefined;
  const { width, height } = gridTiles(manifest, resolveArguments(manifest, note.arguments), taskSize);
  return {
    width,
    height,
    bytesPerPixel: manifest.result.bytesPerPixel ?? 1,
    tileWidth: taskSize ?? manifest.tasks.tileWidth,
    tileHeight: taskSize ?? manifest.tasks.tileHeight,
  };
}
