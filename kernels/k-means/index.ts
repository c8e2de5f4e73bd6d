/**
 * k-means: one step of Lloyd's algorithm, over points that are vectors of bytes: colours, pictures, quantised embeddings.
 *
 * The input is `u32 length | centroids | points`: k centroids of `dimensions` u16 each, in units of 1/8, then points of
 * `dimensions` bytes each. Every point goes to the nearest centroid, of equally near ones to the first. For each cluster
 * there is one row:
 *
 *     u32 cluster | u64 points | f64 mean squared distance | u64 sum of squared distances, in units of 1/64 |
 *     u32 8·dimensions | dimensions times u64 sum of that coordinate
 *
 * All of it is whole numbers, so sums are the same however the points are cut. The next centroid of a cluster is
 * ⌊8·sum / points + 1/2⌋; a cluster without points keeps the one it has.
 */
import { aligned } from 'shoal/fft';
import { BAD_INPUT, BAD_PARAMETERS, input, outputs, parameters, put, putBytes } from 'shoal/kernel';

export { shoal_abi, shoal_alloc, shoal_out_len, shoal_out_ptr } from 'shoal/kernel';

const DIMENSIONS_MAX: u32 = 2048;
const CLUSTERS_MAX: u32 = 4096;
/** Of clusters times dimensions. */
const SIZE_MAX: u32 = 65536;
/** Differences of coordinates in one step: about a millisecond. */
const STEP_WORK: u32 = 1 << 22;
const FRACTION: i32 = 3;
/** Largest centroid: 255 in units of 1/8. With it no lane overflows, up to DIMENSIONS_MAX. */
const COORDINATE_MAX: u16 = 2040;

let clusters: u32 = 0;
let dimensions: u32 = 0;
/** Clusters compared with a point at a time: their vectors lie side by side. */
const GROUP: u32 = 4;

/** Dimensions rounded up to whole vectors, and bytes of a row of as many i16. */
let rowBytes: usize = 0;
let centroids: usize = 0;
let point: usize = 0;
let next: usize = 0;
let pointsLeft: u32 = 0;
let pointsPerStep: u32 = 0;
/** Of the point at hand. */
let nearest: u32 = 0;
let least: u64 = 0;

/** For each cluster u64 points and u64 squares; and u64 sums of all coordinates. */
let counts: usize = 0;
let sums: usize = 0;
/** The same sums while points come in, as u32, each row as long as two of i16: an input is too short to overflow them. */
let partSums: usize = 0;

function readParameters(): bool {
  const given = parameters();
  clusters = given.u32();
  dimensions = given.u32();
  if (clusters < 1 || clusters > CLUSTERS_MAX || dimensions < 1 || dimensions > DIMENSIONS_MAX) return false;
  if (clusters * dimensions > SIZE_MAX) return false;
  counts = heap.alloc((<usize>clusters) << 4);
  sums = heap.alloc((<usize>(clusters * dimensions)) << 3);
  memory.fill(counts, 0, (<usize>clusters) << 4);
  memory.fill(sums, 0, (<usize>(clusters * dimensions)) << 3);
  return true;
}

export function shoal_init(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const given = input();
  const head = given.u32();
  if (head != clusters * dimensions * 2) return BAD_INPUT;
  const from = given.skip(head);
  if (given.remaining == 0 || <u32>given.remaining % dimensions != 0) return BAD_INPUT;
  pointsLeft = <u32>given.remaining / dimensions;
  next = given.pointer;
  rowBytes = (<usize>((dimensions + 7) & ~7)) << 1;
  const groups = (clusters + GROUP - 1) / GROUP;
  centroids = aligned(rowBytes * GROUP * groups);
  memory.fill(centroids, 0, rowBytes * GROUP * groups);
  for (let cluster: u32 = 0; cluster < clusters; cluster++) {
    for (let d: u32 = 0; d < dimensions; d++) {
      const coordinate = load<u16>(from + ((<usize>(cluster * dimensions + d)) << 1));
      if (coordinate > COORDINATE_MAX) return BAD_INPUT;
      const group = centroids + rowBytes * (cluster & ~(GROUP - 1));
      const vector = group + <usize>(((d >> 3) * GROUP + (cluster & (GROUP - 1))) << 4);
      store<u16>(vector + ((d & 7) << 1), coordinate);
    }
  }
  partSums = aligned(rowBytes * 2 * clusters);
  memory.fill(partSums, 0, rowBytes * 2 * clusters);
  point = aligned(rowBytes);
  memory.fill(point, 0, rowBytes);
  pointsPerStep = max<u32>(1, STEP_WORK / (clusters * dimensions));
  return stepsLeft();
}

function stepsLeft(): i32 {
  return <i32>((pointsLeft + pointsPerStep - 1) / pointsPerStep);
}

export function shoal_step(steps: i32): i32 {
  for (; steps > 0 && pointsLeft > 0; steps--) {
    const now = min(pointsLeft, pointsPerStep);
    for (let i: u32 = 0; i < now; i++) placePoint();
    pointsLeft -= now;
  }
  if (pointsLeft == 0) {
    for (let cluster: u32 = 0; cluster < clusters; cluster++) {
      for (let d: u32 = 0; d < dimensions; d++) {
        const part = load<u32>(partSums + rowBytes * 2 * cluster + ((<usize>d) << 2));
        store<u64>(sums + ((<usize>(cluster * dimensions + d)) << 3), part);
      }
    }
    putRows();
  }
  return stepsLeft();
}

function placePoint(): void {
  const whole = dimensions & ~7;
  for (let d: u32 = 0; d < whole; d += 8) {
    v128.store(point + ((<usize>d) << 1), i16x8.shl(v128.load_ext<u8>(next + d), FRACTION));
  }
  for (let d = whole; d < dimensions; d++) {
    store<u16>(point + ((<usize>d) << 1), (<u16>load<u8>(next + d)) << (<u16>FRACTION));
  }
  nearest = 0;
  least = u64.MAX_VALUE;
  let centroid = centroids;
  const size = rowBytes;
  for (let cluster: u32 = 0; cluster < clusters; cluster += GROUP) {
    let sum0 = i32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    for (let at = point, end = point + size; at < end; at += 16, centroid += 64) {
      const here = v128.load(at);
      const difference0 = i16x8.sub(here, v128.load(centroid));
      const difference1 = i16x8.sub(here, v128.load(centroid, 16));
      const difference2 = i16x8.sub(here, v128.load(centroid, 32));
      const difference3 = i16x8.sub(here, v128.load(centroid, 48));
      sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(difference0, difference0));
      sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(difference1, difference1));
      sum2 = i32x4.add(sum2, i32x4.dot_i16x8_s(difference2, difference2));
      sum3 = i32x4.add(sum3, i32x4.dot_i16x8_s(difference3, difference3));
    }
    compare(cluster, sum0);
    compare(cluster + 1, sum1);
    compare(cluster + 2, sum2);
    compare(cluster + 3, sum3);
  }
  const count = counts + ((<usize>nearest) << 4);
  store<u64>(count, load<u64>(count) + 1);
  store<u64>(count, load<u64>(count, 8) + least, 8);
  const sum = partSums + rowBytes * 2 * nearest;
  for (let d: u32 = 0; d < whole; d += 8) {
    const at = sum + ((<usize>d) << 2);
    const bytes = v128.load_ext<u8>(next + d);
    v128.store(at, i32x4.add(v128.load(at), i32x4.extend_low_i16x8_u(bytes)));
    v128.store(at, i32x4.add(v128.load(at, 16), i32x4.extend_high_i16x8_u(bytes)), 16);
  }
  for (let d = whole; d < dimensions; d++) {
    const at = sum + ((<usize>d) << 2);
    store<u32>(at, load<u32>(at) + load<u8>(next + d));
  }
  next += dimensions;
}

/** Takes a cluster whose squared distance is the sum of these lanes, if none before it is as near. */
function compare(cluster: u32, lanes: v128): void {
  const halves = i64x2.add(i64x2.extend_low_i32x4_u(lanes), i64x2.extend_high_i32x4_u(lanes));
  const square = <u64>(i64x2.extract_lane(halves, 0) + i64x2.extract_lane(halves, 1));
  if (square >= least || cluster >= clusters) return;
  least = square;
  nearest = cluster;
}

function putRows(): void {
  const bytes = dimensions << 3;
  for (let cluster: u32 = 0; cluster < clusters; cluster++) {
    const points = load<u64>(counts + ((<usize>cluster) << 4));
    const squares = load<u64>(counts + ((<usize>cluster) << 4), 8);
    put<u32>(cluster);
    put<u64>(points);
    put<f64>(points == 0 ? 0 : <f64>squares / 64 / <f64>points);
    put<u64>(squares);
    put<u32>(bytes);
    putBytes(sums + <usize>(cluster * bytes), bytes);
  }
}

/** Adds up the rows of each cluster. */
export function shoal_reduce(): i32 {
  if (!readParameters()) return BAD_PARAMETERS;
  const parts = outputs();
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    for (let cluster: u32 = 0; cluster < clusters; cluster++) {
      if (part.u32() != cluster) return BAD_INPUT;
      const count = counts + ((<usize>cluster) << 4);
      store<u64>(count, load<u64>(count) + part.u64());
      part.skip(8);
      store<u64>(count, load<u64>(count, 8) + part.u64(), 8);
      if (part.u32() != dimensions << 3) return BAD_INPUT;
      const sum = sums + ((<usize>(cluster * dimensions)) << 3);
      for (let d: u32 = 0; d < dimensions; d++) {
        const at = sum + ((<usize>d) << 3);
        store<u64>(at, load<u64>(at) + part.u64());
      }
    }
    if (part.remaining != 0) return BAD_INPUT;
  }
  putRows();
  return 0;
}
