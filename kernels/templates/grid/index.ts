/**
 * A tile of a Julia set: how many times z → z² + c can be repeated, from each point, before z is more than 2 from 0.
 *
 * One task is one tile, `u32 x, y, width, height`, and makes one byte for each of its pixels, row by row. The tiles are
 * put in their places to make the picture; a value gets a colour there, and the largest is black. To draw something
 * else, change `pixel`; for colours of your own write three bytes, red, green and blue, and set `bytesPerPixel` to 3.
 */
import { BAD_INPUT, BAD_PARAMETERS, extend, input, parameters } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

let cx: f64 = 0;
let cy: f64 = 0;
let iterations: u32 = 0;
let imageWidth: f64 = 0;
let imageHeight: f64 = 0;
let scale: f64 = 0;

let tileX: u32 = 0;
let tileY: u32 = 0;
let tileWidth: u32 = 0;
let tileHeight: u32 = 0;
let row: u32 = 0;

/** Reads parameters, in the order of kernel.json, and the input. A step is one row of the tile. */
export function shoal_init(): i32 {
  const given = parameters();
  const width = given.u32();
  const height = given.u32();
  cx = given.f64();
  cy = given.f64();
  const span = given.f64();
  iterations = given.u32();
  if (width == 0 || height == 0 || iterations < 1 || iterations > 255 || !(span > 0)) return BAD_PARAMETERS;
  imageWidth = <f64>width;
  imageHeight = <f64>height;
  scale = span / imageWidth;

  const tile = input();
  tileX = tile.u32();
  tileY = tile.u32();
  tileWidth = tile.u32();
  tileHeight = tile.u32();
  const isInside = tileX < width && tileY < height && tileWidth <= width - tileX && tileHeight <= height - tileY;
  if (!isInside || tileWidth == 0 || tileHeight == 0) return BAD_INPUT;
  return <i32>tileHeight;
}

/** Does up to n steps. Returns how many are left; the output must be complete when that is 0. */
export function shoal_step(n: i32): i32 {
  for (; n > 0 && row < tileHeight; n--) {
    const out = extend(tileWidth);
    const y = imageHeight / 2 - (<f64>(tileY + row) + 0.5);
    for (let column: u32 = 0; column < tileWidth; column++) {
      const x = <f64>(tileX + column) + 0.5 - imageWidth / 2;
      store<u8>(out + column, <u8>pixel(x * scale, y * scale));
    }
    row++;
  }
  return <i32>(tileHeight - row);
}

function pixel(x: f64, y: f64): u32 {
  let count: u32 = 0;
  while (count < iterations && x * x + y * y <= 4) {
    const next = x * x - y * y + cx;
    y = x * y * 2 + cy;
    x = next;
    count++;
  }
  return count;
}
