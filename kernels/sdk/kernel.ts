/**
 * The kernel SDK: what every kernel needs and no kernel should write twice. It owns the bytes the host hands in and
 * the bytes the kernel hands back, and exports the five functions of the ABI that are the same for all kernels:
 *
 *   export { shoal_abi, shoal_alloc, shoal_out_ptr, shoal_out_len } from 'shoal/kernel';
 *
 * A kernel adds `shoal_init`, `shoal_step` and, if its outputs can be merged, `shoal_reduce`. It runs in a fresh
 * instance each time, so memory is only ever taken (a bump allocator) and globals start at their initial values.
 * Reading past the end of what the host wrote is a trap: a task with a short input has no result.
 */

/** Return these from `shoal_init`, `shoal_step` or `shoal_reduce`: any negative number ends the task as a trap. */
export const BAD_PARAMETERS: i32 = -1;
export const BAD_INPUT: i32 = -2;

let base: usize = 0;
let size: usize = 0;

export function shoal_abi(): i32 {
  return 1;
}

/** The host writes `u32 length of parameters | parameters | input` here, all little-endian. */
export function shoal_alloc(n: i32): i32 {
  base = heap.alloc(<usize>n);
  size = <usize>n;
  return <i32>base;
}

/** Little-endian values, one after the other, out of a range of memory. */
export class Reader {
  constructor(
    private at: usize,
    private end: usize,
  ) {}

  get pointer(): usize {
    return this.at;
  }

  get remaining(): i32 {
    return <i32>(this.end - this.at);
  }

  /** Moves past `n` bytes and returns where they start. */
  skip(n: u32): usize {
    const start = this.at;
    if (<usize>n > this.end - start) unreachable();
    this.at = start + n;
    return start;
  }

  u8(): u8 {
    return load<u8>(this.skip(1));
  }

  u16(): u16 {
    return load<u16>(this.skip(2));
  }

  u32(): u32 {
    return load<u32>(this.skip(4));
  }

  i32(): i32 {
    return load<i32>(this.skip(4));
  }

  u64(): u64 {
    return load<u64>(this.skip(8));
  }

  f64(): f64 {
    return load<f64>(this.skip(8));
  }
}

/** The parameters of the job, in the order of `kernel.json`. */
export function parameters(): Reader {
  const all = new Reader(base, base + size);
  const length = all.u32();
  const start = all.skip(length);
  return new Reader(start, start + length);
}

/** The input of this task. */
export function input(): Reader {
  const all = new Reader(base, base + size);
  all.skip(all.u32());
  return all;
}

/** In `shoal_reduce`: the outputs to merge, in order. */
export function outputs(): Reader[] {
  const all = input();
  const count = all.u32();
  const parts: Reader[] = [];
  for (let i: u32 = 0; i < count; i++) {
    const length = all.u32();
    const start = all.skip(length);
    parts.push(new Reader(start, start + length));
  }
  return parts;
}

let outBase: usize = 0;
let outSize: usize = 0;
let outCapacity: usize = 0;

export function shoal_out_ptr(): i32 {
  return <i32>outBase;
}

export function shoal_out_len(): i32 {
  return <i32>outSize;
}

/** Appends `n` bytes to the output and returns where they are to be written, until the next call. */
export function extend(n: u32): usize {
  const needed = outSize + n;
  if (needed > outCapacity) {
    outCapacity = max<usize>(needed, max<usize>(outCapacity * 2, 1024));
    outBase = outBase == 0 ? heap.alloc(outCapacity) : heap.realloc(outBase, outCapacity);
  }
  const start = outBase + outSize;
  outSize = needed;
  return start;
}

/** Appends one number to the output: `put<u32>(7)`. */
export function put<T>(value: T): void {
  store<T>(extend(sizeof<T>()), value);
}

export function putBytes(start: usize, length: u32): void {
  memory.copy(extend(length), start, length);
}
