/**
 * path-trace: one tile of a scene of spheres under an open sky, lit by paths of light followed backwards from the eye.
 *
 * The scene stands on a chequered floor, y = 0: three large spheres, of glass, of clay and of metal, a lamp, and around
 * them a field of small ones that `scene` arranges. Each of `samples` paths of a pixel draws its random numbers from a
 * PCG32 of its own, started by the seed, the pixel and the sample, so that a picture does not depend on its tiles.
 * Directions are drawn by rejection, so the arithmetic is + - × ÷ √ in f32 only, each rounded as IEEE 754 says, in the
 * order of this file. Output: three bytes a pixel, red, green and blue, the root of the mean light.
 *
 * A ray meets four spheres at a time, in the lanes of an f32x4.
 */
import { aligned } from 'shoal/fft';
import { BAD_INPUT, BAD_PARAMETERS, extend, input, parameters } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const SIDE_MAX: u32 = 16384;
const SAMPLES_MAX: u32 = 100000;
const BOUNCES: i32 = 12;
/** Small spheres stand on a grid of 2·FIELD + 1 to a side. */
const FIELD: i32 = 5;
const SPHERES_MAX: u32 = 128;
const NEAR: f32 = 0.001;
const FAR: f32 = 1e30;

const CLAY: u32 = 0;
const METAL: u32 = 1;
const GLASS: u32 = 2;
const LAMP: u32 = 3;

let width: u32 = 0;
let height: u32 = 0;
let samples: u32 = 0;
let seed: u64 = 0;

let tileX: u32 = 0;
let tileY: u32 = 0;
let tileWidth: u32 = 0;
let tileHeight: u32 = 0;
let row: u32 = 0;

/** f32 arrays of SPHERES_MAX: centre x, y, z, squared radius; then red, green, blue, roughness; then u32 matter. */
let spheres: usize = 0;
let sphereCount: u32 = 0;
const COLUMN: usize = 512;

let state: u64 = 0;

/** PCG32 with a fixed stream. */
function word(): u32 {
  const old = state;
  state = old * 6364136223846793005 + 1442695040888963407;
  const mixed = <u32>(((old >> 18) ^ old) >> 27);
  return rotr<u32>(mixed, <u32>(old >> 59));
}

/** From 0 to below 1, in steps of 2^-24. */
function uniform(): f32 {
  return <f32>(word() >> 8) / 16777216;
}

/** The finaliser of SplitMix64. */
function mix(value: u64): u64 {
  let z = value + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

export function shoal_init(): i32 {
  const given = parameters();
  width = given.u32();
  height = given.u32();
  samples = given.u32();
  const scene = given.u32();
  seed = given.u64();
  const fits = width >= 1 && width <= SIDE_MAX && height >= 1 && height <= SIDE_MAX;
  if (!fits || samples < 1 || samples > SAMPLES_MAX) return BAD_PARAMETERS;
  const tile = input();
  tileX = tile.u32();
  tileY = tile.u32();
  tileWidth = tile.u32();
  tileHeight = tile.u32();
  const inPicture = tileX < width && tileY < height && tileWidth <= width - tileX && tileHeight <= height - tileY;
  if (!inPicture || tileWidth == 0 || tileHeight == 0 || tile.remaining != 0) return BAD_INPUT;
  makeScene(scene);
  makeCamera();
  return <i32>tileHeight;
}

function addSphere(
  x: f32,
  y: f32,
  z: f32,
  radius: f32,
  matter: u32,
  red: f32,
  green: f32,
  blue: f32,
  rough: f32,
): void {
  const at = spheres + ((<usize>sphereCount) << 2);
  store<f32>(at, x);
  store<f32>(at + COLUMN, y);
  store<f32>(at + COLUMN * 2, z);
  store<f32>(at + COLUMN * 3, radius * radius);
  store<f32>(at + COLUMN * 4, red);
  store<f32>(at + COLUMN * 5, green);
  store<f32>(at + COLUMN * 6, blue);
  store<f32>(at + COLUMN * 7, rough);
  store<u32>(at + COLUMN * 8, matter);
  sphereCount++;
}

function makeScene(scene: u32): void {
  spheres = aligned(COLUMN * 9);
  memory.fill(spheres, 0, COLUMN * 9);
  addSphere(0, 1, 0, 1, GLASS, 1, 1, 1, 0);
  addSphere(-4, 1, 0, 1, CLAY, 0.6, 0.2, 0.1, 0);
  addSphere(4, 1, 0, 1, METAL, 0.8, 0.7, 0.5, 0);
  addSphere(2, 6, 5, 1.5, LAMP, 9, 8, 6, 0);
  state = mix(scene);
  for (let a = -FIELD; a <= FIELD; a++) {
    for (let b = -FIELD; b <= FIELD; b++) {
      const half: f32 = 0.5;
      const kind = uniform();
      const x: f32 = <f32>a + <f32>0.8 * uniform();
      const z: f32 = <f32>b + <f32>0.8 * uniform();
      const red = uniform();
      const green = uniform();
      const blue = uniform();
      const isUnderLarge =
        z > -1.3 && z < 1.3 && ((x > -5.3 && x < -2.7) || (x > -1.3 && x < 1.3) || (x > 2.7 && x < 5.3));
      if (isUnderLarge) continue;
      if (kind < 0.7) addSphere(x, 0.2, z, 0.2, CLAY, red * red, green * green, blue * blue, 0);
      else if (kind < 0.9)
        addSphere(x, 0.2, z, 0.2, METAL, half + half * red, half + half * green, half + half * blue, <f32>0.3 * kind);
      else addSphere(x, 0.2, z, 0.2, GLASS, 1, 1, 1, 0);
    }
  }
  // Whole vectors: spheres that no ray meets.
  while ((sphereCount & 3) != 0) {
    addSphere(0, 0, 0, 0, CLAY, 0, 0, 0, 0);
    store<f32>(spheres + COLUMN * 3 + ((<usize>sphereCount - 1) << 2), -FAR);
  }
}

/** From the eye at (13, 2, 3) towards (0, 0.4, 0): direction forwards, and half the picture's width and height across. */
let forwardX: f32 = 0;
let forwardY: f32 = 0;
let forwardZ: f32 = 0;
let rightX: f32 = 0;
let rightZ: f32 = 0;
let upX: f32 = 0;
let upY: f32 = 0;
let upZ: f32 = 0;
const EYE_X: f32 = 13;
const EYE_Y: f32 = 2;
const EYE_Z: f32 = 3;
/** Tangent of half the vertical angle of view. */
const VIEW: f32 = 0.18;

function makeCamera(): void {
  const x: f32 = -EYE_X;
  const y: f32 = <f32>0.4 - EYE_Y;
  const z: f32 = -EYE_Z;
  const length: f32 = sqrt<f32>(x * x + y * y + z * z);
  forwardX = x / length;
  forwardY = y / length;
  forwardZ = z / length;
  // right = forward × (0, 1, 0), up = right × forward.
  const across: f32 = sqrt<f32>(forwardX * forwardX + forwardZ * forwardZ);
  const aspect: f32 = <f32>width / <f32>height;
  const rx: f32 = -forwardZ / across;
  const rz: f32 = forwardX / across;
  upX = -(rz * forwardY) * VIEW;
  upY = (rz * forwardX - rx * forwardZ) * VIEW;
  upZ = rx * forwardY * VIEW;
  rightX = rx * VIEW * aspect;
  rightZ = rz * VIEW * aspect;
}

/** One step is one row of the tile. */
export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && row < tileHeight; steps--, row++) {
    let out = extend(tileWidth * 3);
    for (let column: u32 = 0; column < tileWidth; column++, out += 3) tracePixel(tileX + column, tileY + row, out);
  }
  return <i32>(tileHeight - row);
}

let red: f32 = 0;
let green: f32 = 0;
let blue: f32 = 0;

function tracePixel(px: u32, py: u32, out: usize): void {
  red = 0;
  green = 0;
  blue = 0;
  const pixel = mix(seed) ^ ((<u64>py) << 32) ^ px;
  for (let sample: u32 = 0; sample < samples; sample++) {
    state = mix(mix(pixel) + sample);
    const u: f32 = ((<f32>px + uniform()) / <f32>width) * 2 - 1;
    const v: f32 = <f32>1 - ((<f32>py + uniform()) / <f32>height) * 2;
    const x: f32 = forwardX + rightX * u + upX * v;
    const y: f32 = forwardY + upY * v;
    const z: f32 = forwardZ + rightZ * u + upZ * v;
    const length: f32 = sqrt<f32>(x * x + y * y + z * z);
    tracePath(x / length, y / length, z / length);
  }
  const share: f32 = <f32>1 / <f32>samples;
  store<u8>(out, shade(red * share));
  store<u8>(out, shade(green * share), 1);
  store<u8>(out, shade(blue * share), 2);
}

function shade(light: f32): u8 {
  return <u8>(sqrt<f32>(min<f32>(light, 1)) * 255 + <f32>0.5);
}

/** A point in the unit ball, not too near its centre. */
let ballX: f32 = 0;
let ballY: f32 = 0;
let ballZ: f32 = 0;

/** Returns its squared distance from the centre. */
function drawInBall(): f32 {
  while (true) {
    const x: f32 = uniform() * 2 - 1;
    const y: f32 = uniform() * 2 - 1;
    const z: f32 = uniform() * 2 - 1;
    const square: f32 = x * x + y * y + z * z;
    if (square > 1 || square < 0.0001) continue;
    ballX = x;
    ballY = y;
    ballZ = z;
    return square;
  }
}

/** Index of the nearest sphere the ray meets, or -1; `meetingDistance` is how far away it is. */
let meetingDistance: f32 = 0;

function meet(ox: f32, oy: f32, oz: f32, dx: f32, dy: f32, dz: f32): i32 {
  const x0 = f32x4.splat(ox);
  const y0 = f32x4.splat(oy);
  const z0 = f32x4.splat(oz);
  const x1 = f32x4.splat(dx);
  const y1 = f32x4.splat(dy);
  const z1 = f32x4.splat(dz);
  const near = f32x4.splat(NEAR);
  const zero = f32x4.splat(0);
  let nearest = f32x4.splat(FAR);
  let which = i32x4.splat(-1);
  let index = i32x4(0, 1, 2, 3);
  const four = i32x4.splat(4);
  for (let at = spheres, end = spheres + ((<usize>sphereCount) << 2); at < end; at += 16) {
    const x = f32x4.sub(v128.load(at), x0);
    const y = f32x4.sub(v128.load(at + COLUMN), y0);
    const z = f32x4.sub(v128.load(at + COLUMN * 2), z0);
    const along = f32x4.add(f32x4.add(f32x4.mul(x, x1), f32x4.mul(y, y1)), f32x4.mul(z, z1));
    const square = f32x4.add(f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y)), f32x4.mul(z, z));
    const inside = f32x4.sub(f32x4.mul(along, along), f32x4.sub(square, v128.load(at + COLUMN * 3)));
    const met = f32x4.gt(inside, zero);
    if (v128.any_true(met)) {
      const half = f32x4.sqrt(f32x4.max(inside, zero));
      const first = f32x4.sub(along, half);
      const distance = v128.bitselect(first, f32x4.add(along, half), f32x4.gt(first, near));
      const nearer = v128.and(met, v128.and(f32x4.gt(distance, near), f32x4.lt(distance, nearest)));
      nearest = v128.bitselect(distance, nearest, nearer);
      which = v128.bitselect(index, which, nearer);
    }
    index = i32x4.add(index, four);
  }
  // The nearest of four lanes; of equal ones the lowest index.
  let found = i32x4.extract_lane(which, 0);
  let distance = f32x4.extract_lane(nearest, 0);
  for (let lane = 1; lane < 4; lane++) {
    which = v128.shuffle<u32>(which, which, 1, 2, 3, 0);
    nearest = v128.shuffle<u32>(nearest, nearest, 1, 2, 3, 0);
    const other = f32x4.extract_lane(nearest, 0);
    const otherIndex = i32x4.extract_lane(which, 0);
    if (other < distance || (other == distance && otherIndex < found)) {
      distance = other;
      found = otherIndex;
    }
  }
  meetingDistance = distance;
  return found;
}

/** Follows one path from the eye and adds its light. */
function tracePath(directionX: f32, directionY: f32, directionZ: f32): void {
  let ox = EYE_X;
  let oy = EYE_Y;
  let oz = EYE_Z;
  let dx = directionX;
  let dy = directionY;
  let dz = directionZ;
  let r: f32 = 1;
  let g: f32 = 1;
  let b: f32 = 1;
  for (let bounce = 0; bounce < BOUNCES; bounce++) {
    let index = meet(ox, oy, oz, dx, dy, dz);
    let distance = meetingDistance;
    const toFloor: f32 = dy < 0 ? -oy / dy : FAR;
    const isFloor = toFloor > NEAR && toFloor < distance;
    if (isFloor) distance = toFloor;
    else if (index < 0) {
      const t: f32 = (dy + 1) * <f32>0.5;
      red += r * (<f32>1 - t + t * <f32>0.5);
      green += g * (<f32>1 - t + t * <f32>0.7);
      blue += b;
      return;
    }
    ox += dx * distance;
    oy += dy * distance;
    oz += dz * distance;
    let nx: f32 = 0;
    let ny: f32 = 1;
    let nz: f32 = 0;
    let matter = CLAY;
    let rough: f32 = 0;
    if (isFloor) {
      const tone: f32 = ((<i32>floor<f32>(ox) ^ <i32>floor<f32>(oz)) & 1) != 0 ? 0.7 : 0.25;
      r *= tone;
      g *= tone;
      b *= tone;
    } else {
      const at = spheres + ((<usize>index) << 2);
      const radius: f32 = sqrt<f32>(load<f32>(at + COLUMN * 3));
      nx = (ox - load<f32>(at)) / radius;
      ny = (oy - load<f32>(at + COLUMN)) / radius;
      nz = (oz - load<f32>(at + COLUMN * 2)) / radius;
      r *= load<f32>(at + COLUMN * 4);
      g *= load<f32>(at + COLUMN * 5);
      b *= load<f32>(at + COLUMN * 6);
      rough = load<f32>(at + COLUMN * 7);
      matter = load<u32>(at + COLUMN * 8);
    }
    if (matter == LAMP) {
      red += r;
      green += g;
      blue += b;
      return;
    }
    const against: f32 = dx * nx + dy * ny + dz * nz;
    if (matter == CLAY) {
      // Somewhere on the unit sphere around the tip of the normal: Lambert's law.
      const size: f32 = sqrt<f32>(drawInBall());
      dx = nx + ballX / size;
      dy = ny + ballY / size;
      dz = nz + ballZ / size;
    } else if (matter == METAL) {
      drawInBall();
      dx = dx - 2 * against * nx + rough * ballX;
      dy = dy - 2 * against * ny + rough * ballY;
      dz = dz - 2 * against * nz + rough * ballZ;
    } else {
      const isLeaving = against > 0;
      const ratio: f32 = isLeaving ? 1.5 : <f32>1 / 1.5;
      const cosine: f32 = isLeaving ? against : -against;
      const sine2: f32 = ratio * ratio * (<f32>1 - cosine * cosine);
      // Schlick's share of reflected light, by the angle on the side of the air.
      const bent: f32 = sine2 < 1 ? sqrt<f32>(<f32>1 - sine2) : 0;
      const x: f32 = <f32>1 - (isLeaving ? bent : cosine);
      const reflected: f32 = <f32>0.04 + <f32>0.96 * (x * x * (x * x) * x);
      if (sine2 >= 1 || uniform() < reflected) {
        dx = dx - 2 * against * nx;
        dy = dy - 2 * against * ny;
        dz = dz - 2 * against * nz;
      } else {
        const side: f32 = ratio * cosine - bent;
        const turn: f32 = isLeaving ? -side : side;
        dx = ratio * dx + turn * nx;
        dy = ratio * dy + turn * ny;
        dz = ratio * dz + turn * nz;
      }
    }
    const length: f32 = sqrt<f32>(dx * dx + dy * dy + dz * dz);
    // A direction that cancelled out, or a metal that turned into itself, ends the path.
    if (length < 0.0001 || (matter == METAL && dx * nx + dy * ny + dz * nz <= 0)) return;
    dx /= length;
    dy /= length;
    dz /= length;
  }
}
