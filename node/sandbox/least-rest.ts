/**
 * The least that must still run from a point of the control flow to the end of the function. Dijkstra's algorithm
 * backwards from the end, n log n: rounds over all edges until nothing changes any more would be as many as a stranger's
 * loops are nested, a thousand for each of eighty thousand edges.
 */

/** The end of the function, and a trap. */
export const EXIT = -1;

export interface Step {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

/** By block: the least cost between its end and the end of the function, which a trap is not; infinite if there is no way. */
export function leastRest(blocks: readonly { readonly cost: number }[], edges: readonly Step[]): Float64Array {
  const end = blocks.length;
  const { first, next } = edgesInto(edges, end);
  const rest = new Float64Array(end + 1).fill(Number.POSITIVE_INFINITY);
  rest[end] = 0;
  const open = new Nearest(rest);
  open.add(end);
  for (let at = open.take(); at !== undefined; at = open.take()) {
    const least = at === end ? 0 : blocks[at]!.cost + rest[at]!;
    for (let edge = first[at]!; edge >= 0; edge = next[edge]!) {
      const { from, kind } = edges[edge]!;
      if (kind === 'trap' || least >= rest[from]!) continue;
      rest[from] = least;
      open.add(from);
    }
  }
  return rest.subarray(0, end);
}

/** Lists of the edges that lead to each block, and to the end. */
function edgesInto(edges: readonly Step[], end: number): { readonly first: Int32Array; readonly next: Int32Array } {
  const first = new Int32Array(end + 1).fill(-1);
  const next = new Int32Array(edges.length);
  for (const [edge, { to }] of edges.entries()) {
    const at = to === EXIT ? end : to;
    next[edge] = first[at]!;
    first[at] = edge;
  }
  return { first, next };
}

/** A heap of points, by a distance that only falls. Each is taken once, at its last distance. */
class Nearest {
  readonly #distance: Float64Array;
  readonly #heap: number[] = [];
  /** By point: its place in the heap, or -1. */
  readonly #place: Int32Array;

  constructor(distance: Float64Array) {
    this.#distance = distance;
    this.#place = new Int32Array(distance.length).fill(-1);
  }

  /** Adds a point, or moves it after its distance has fallen. */
  add(point: number): void {
    const place = this.#place[point]!;
    this.#up(point, place < 0 ? this.#heap.length : place);
  }

  take(): number | undefined {
    const nearest = this.#heap[0];
    if (nearest === undefined) return undefined;
    this.#place[nearest] = -1;
    const last = this.#heap.pop()!;
    if (last !== nearest) this.#down(last, 0);
    return nearest;
  }

  #up(point: number, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = this.#heap[above]!;
      if (this.#distance[other]! <= this.#distance[point]!) break;
      this.#put(other, at);
      at = above;
    }
    this.#put(point, at);
  }

  #down(point: number, from: number): void {
    const { length } = this.#heap;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      const isSecond =
        below + 1 < length && this.#distance[this.#heap[below + 1]!]! < this.#distance[this.#heap[below]!]!;
      if (isSecond) below++;
      const other = this.#heap[below]!;
      if (this.#distance[other]! >= this.#distance[point]!) break;
      this.#put(other, at);
      at = below;
    }
    this.#put(point, at);
  }

  #put(point: number, at: number): void {
    this.#heap[at] = point;
    this.#place[point] = at;
  }
}
