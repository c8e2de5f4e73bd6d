/**
 * mandelbrot: how many iterations of z → z² + c each pixel of one tile survives.
 *
 * Pixel (px, py) of an image of width × height stands for c = (cx, cy), all in f64 and in exactly this order:
 *
 *     scale = span / width
 *     cx = centreX + ((px + 0.5) - width / 2) * scale
 *     cy = centreY - ((py + 0.5) - height / 2) * scale
 *
 *     x = y = count = 0
 *     while count < iterations and x*x + y*y <= 4:   (x, y) = (x*x - y*y + cx, (x*y) * 2 + cy);   count = count + 1
 *
 * Output: one u16, little-endian, per pixel, row by row; `iterations` means "did not escape". Two pixels run side by
 * side in the lanes of one f64x2. IEEE 754 fixes every one of these operations to the last bit, in a lane as in a
 * scalar, so the picture is the same on every machine.
 */
import { BAD_INPUT, BAD_PARAMETERS, extend, input, parameters } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const SIDE_MAX: u32 = 65536;

let imageWidth: f64 = 0;
let imageHeight: f64 = 0;
let centreX: f64 = 0;
let centreY: f64 = 0;
let scale: f64 = 0;
let iterations: u32 = 0;

let tileX: u32 = 0;
let tileY: u32 = 0;
let tileWidth: u32 = 0;
let tileHeight: u32 = 0;
let row: u32 = 0;

export function shoal_init(): i32 {
  const given = parameters();
  const width = given.u32();
  const height = given.u32();
  centreX = given.f64();
  centreY = given.f64();
  const span = given.f64();
  iterations = given.u32();
  const sizeFits = width >= 1 && width <= SIDE_MAX && height >= 1 && height <= SIDE_MAX;
  const viewFits = isFinite(centreX) && isFinite(centreY) && isFinite(span) && span > 0;
  if (!sizeFits || !viewFits || iterations < 1 || iterations > 65535) return BAD_PARAMETERS;
  imageWidth = <f64>width;
  imageHeight = <f64>height;
  scale = span / imageWidth;

  const tile = input();
  tileX = tile.u32();
  tileY = tile.u32();
  tileWidth = tile.u32();
  tileHeight = tile.u32();
  const inImage = tileX < width && tileY < height && tileWidth <= width - tileX && tileHeight <= height - tileY;
  if (!inImage || tileWidth == 0 || tileHeight == 0) return BAD_INPUT;
  return <i32>tileHeight;
}

/** One step is one row of the tile. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && row < tileHeight; steps--) {
    computeRow(extend(tileWidth * 2), tileY + row);
    row++;
  }
  return <i32>(tileHeight - row);
}

function computeRow(out: usize, py: u32): void {
  const cy = f64x2.splat(centreY - (<f64>py + 0.5 - imageHeight / 2) * scale);
  for (let i: u32 = 0; i < tileWidth; i += 2) {
    // In an odd row the last pair has one pixel more than the tile: it is computed and dropped.
    const counts = escape(f64x2(columnX(tileX + i), columnX(tileX + i + 1)), cy);
    store<u16>(out + ((<usize>i) << 1), <u16>i64x2.extract_lane(counts, 0));
    if (i + 1 < tileWidth) store<u16>(out + ((<usize>i) << 1), <u16>i64x2.extract_lane(counts, 1), 2);
  }
}

function columnX(px: u32): f64 {
  return centreX + (<f64>px + 0.5 - imageWidth / 2) * scale;
}

/** Counts of two pixels at once. A lane that has escaped stays out, whatever its z becomes. */
function escape(cx: v128, cy: v128): v128 {
  const four = f64x2.splat(4);
  let x = f64x2.splat(0);
  let y = f64x2.splat(0);
  let inside = i64x2.splat(-1);
  let counts = i64x2.splat(0);
  for (let i: u32 = 0; i < iterations; i++) {
    const xx = f64x2.mul(x, x);
    const yy = f64x2.mul(y, y);
    inside = v128.and(inside, f64x2.le(f64x2.add(xx, yy), four));
    if (!v128.any_true(inside)) break;
    // A lane that is inside holds -1.
    counts = i64x2.sub(counts, inside);
    const xy = f64x2.mul(x, y);
    y = f64x2.add(f64x2.add(xy, xy), cy);
    x = f64x2.add(f64x2.sub(xx, yy), cx);
  }
  return counts;
}
