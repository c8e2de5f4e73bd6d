/**
 * How much may have run since the fuel was last looked at, on the longest way to where the rewriter stands. Loops look at
 * it in each round and functions that call when they begin, but calls of functions that do not call could follow one
 * another for the whole length of a function, and every function on the stack has a rest of its own to run when it is
 * returned to. So there are two more places, where this much has run since the last one:
 *
 *   behind a call, once UNCHECKED_MAX has been reached there, and
 *   at the end of a function that calls, if it is reached there.
 *
 * Counted are bytes of code and locals, which is at least one for each instruction and each local that is set to zero. A
 * call counts as all of the called function, which is too much where that one looks by itself. An indirect call counts
 * as the largest function of as many parameters and results. Calls of the host count nothing: the host charges for each,
 * and ends what has no fuel.
 *
 * What runs on an empty budget is thereby bounded: less than UNCHECKED_MAX in each frame that is returned to, of which
 * the stack has room for 3,000, and once a function as long as may be that calls another one, before the check behind
 * that call: 5 * 10^7 in all, tens of milliseconds.
 */
import { ByteReader } from './bytes.ts';
import { type Decoded, peekLabels } from './instructions.ts';
import type { KernelModule } from './module.ts';

/**
 * Small enough for the bound above, and far more than functions have on one way between two loops or in a few calls of
 * small ones: those get no check, and one more in 16 KiB of code is not to be noticed.
 */
export const UNCHECKED_MAX = 16 * 1024;

interface Frame {
  readonly kind: 'block' | 'loop' | 'if';
  readonly before: number;
  /** The longest of the ways to what stands behind the frame, so far. */
  behind: number;
  openIf: boolean;
}

export class UncheckedRun {
  readonly #module: KernelModule;
  readonly #sizes: CalledSizes;
  readonly #frames: Frame[] = [{ kind: 'block', before: 0, behind: 0, openIf: false }];
  #length = 0;

  constructor(module: KernelModule, sizes: CalledSizes) {
    this.#module = module;
    this.#sizes = sizes;
  }

  /** An instruction that can be reached, of so many bytes, before what is said of it below. */
  pass(bytes: number): void {
    this.#length += bytes;
  }

  /** A call, direct or not, behind which the fuel has to be looked at if this returns true. */
  call({ code, first }: Decoded): boolean {
    this.#length += code === 0x11 ? this.#sizes.ofType(first) : this.#sizes.of(first);
    if (this.#length < UNCHECKED_MAX) return false;
    this.#length = 0;
    return true;
  }

  open(kind: Frame['kind']): void {
    this.#frames.push({ kind, before: this.#length, behind: 0, openIf: kind === 'if' });
    // A round begins with a look at the fuel.
    if (kind === 'loop') this.#length = 0;
  }

  else(): void {
    const frame = this.#frames.at(-1)!;
    frame.openIf = false;
    frame.behind = Math.max(frame.behind, this.#length);
    this.#length = frame.before;
  }

  /** Of the function itself, too: then `isLong` says whether its end looks at the fuel. */
  end(): void {
    const { behind, before, openIf } = this.#frames.pop()!;
    this.#length = Math.max(this.#length, behind, openIf ? before : 0);
  }

  get isLong(): boolean {
    return this.#length >= UNCHECKED_MAX;
  }

  /** To a label, by whatever instruction. */
  branch(label: number): void {
    const frame = this.#frames[this.#frames.length - 1 - label]!;
    if (frame.kind !== 'loop') frame.behind = Math.max(frame.behind, this.#length);
  }

  branchTable(start: number): void {
    const { bytes } = this.#module;
    for (const label of peekLabels(new ByteReader(bytes, start, bytes.length))!) this.branch(label);
  }

  leave(): void {
    this.branch(this.#frames.length - 1);
  }

  /** What follows cannot be reached from here. */
  die(): void {
    this.#length = 0;
  }
}

/** What a call counts as; for all functions of a module. */
export class CalledSizes {
  readonly #module: KernelModule;
  /** By numbers of parameters and results; made when the first indirect call is met. */
  #largest: ReadonlyMap<string, number> | undefined;

  constructor(module: KernelModule) {
    this.#module = module;
  }

  of(index: number): number {
    const body = this.#module.bodies[index];
    return body === undefined ? 0 : body.end - body.start + body.localCount;
  }

  ofType(type: number): number {
    this.#largest ??= this.#findLargest();
    return this.#largest.get(this.#shape(type)) ?? 0;
  }

  #findLargest(): ReadonlyMap<string, number> {
    const largest = new Map<string, number>();
    for (const [index, type] of this.#module.functions.entries()) {
      const shape = this.#shape(type);
      largest.set(shape, Math.max(largest.get(shape) ?? 0, this.of(index)));
    }
    return largest;
  }

  #shape(type: number): string {
    const { parameters, results } = this.#module.types[type]!;
    return `${parameters.length}:${results.length}`;
  }
}
