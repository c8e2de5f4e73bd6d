/**
 * The merged placement of charges: as few as will do, where the code runs seldom, and still exact.
 *
 * The simple placement charges every basic block when it begins. Of these charges only the sum along each way through
 * the function matters, so they can be moved: let every point of the control flow have a surplus, what has been charged
 * there beyond what has run. Any choice of surpluses gives charges that are exact on every completed call, as long as
 * the surplus is zero at the entry and wherever the function is left. A block needs no charge if the surplus falls over
 * it by exactly its cost. Blocks and edges without a charge are a spanning tree of the control flow (Knuth 1973, Ball
 * and Larus 1994): the one over the most frequent blocks is taken, by a static estimate. What is left over is charged in
 * the other blocks, on taken conditional branches, and in the arm that an `if` without `else` leaves out. A charge may be
 * negative, which gives back what was charged ahead for a way not taken.
 *
 * Four rules keep the limits what they are:
 *   - The surplus is zero where a loop's round begins, and there the fuel is checked, before the round is charged.
 *   - In a module with imports the surplus is zero behind every call: the host may end the program in there, and then all
 *     that has run is paid, in each caller, and nothing else.
 *   - Where the fuel is put back (calls, growth, bulk operations) the surplus is at least zero, so that whatever has run
 *     is paid, and at most what must still run until the function returns, so that nobody is stopped who has just enough.
 *     A block where that does not hold is charged as in the simple placement.
 *   - The sum around every cycle is what the simple placement charges, whatever the surpluses: a loop is never free.
 */
import { ByteReader } from './bytes.ts';
import { type Decoded, newDecoded, peekLabels, readInstruction } from './instructions.ts';
import { EXIT, leastRest } from './least-rest.ts';
import type { FunctionType, KernelModule } from './module.ts';
import type { Weights } from './weights.ts';

/** Fuel to take at each point, in the rewriter's count of blocks; negative amounts are given back. */
export interface Charges {
  /** When block `k` begins. */
  block(k: number): number;
  /** When the `br_if` at the end of block `k` is taken. */
  taken(k: number): number;
  /** When the `if` at the end of block `k` has no `else` and its condition is false. */
  skipped(k: number): number;
}

/** Rounds a loop is taken to run, and how seldom what ends in `unreachable` is. */
const ROUNDS = 8;
const TRAP_FREQUENCY = 1e-6;
/** Solutions tried before every block that puts fuel back is charged as in the simple placement. */
const ATTEMPTS_MAX = 4;

interface Block {
  cost: number;
  frequency: number;
  /** Cost of the block up to and including each instruction that puts fuel back. */
  readonly flushes: number[];
}

interface Edge {
  readonly from: number;
  /** EXIT is the end of the function, and a trap. */
  to: number;
  readonly kind: 'plain' | 'taken' | 'skipped' | 'trap';
  readonly frequency: number;
}

interface Frame {
  readonly type: FunctionType;
  /** Block in which it was opened. */
  readonly opener: number;
  /** First block of a loop's round. */
  readonly header: number | undefined;
  /** Header of the innermost loop that what is in the frame is in, itself included. */
  readonly inner: number | undefined;
  readonly frequency: number;
  /** Edges to the block behind its end. */
  readonly pending: Edge[];
  /** A branch to it begins a loop's next round. */
  readonly isRound: boolean;
  /** The `if` whose false side has not been seen. */
  openIf: boolean;
  /** The `if` goes on with the next round where its condition is true. */
  readonly isLikely: boolean;
}

/** The function has been validated, as part of its module. */
export function mergedCharges(module: KernelModule, index: number, weights: Weights): Charges {
  const flow = new FlowReader(module, index, weights).read();
  const flushing = [...flow.blocks.keys()].filter((k) => flow.blocks[k]!.flushes.length > 0);
  const rest = flushing.length === 0 ? new Float64Array() : leastRest(flow.blocks, flow.edges);
  const pinned = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const solution = new Solution(flow, pinned);
    const wrong = flushing.filter((k) => !solution.keepsLimits(k, rest[k]!));
    if (wrong.length === 0) return solution;
    for (const k of wrong) pinned.add(k);
  }
  return new Solution(flow, new Set(flushing));
}

interface Flow {
  readonly blocks: readonly Block[];
  readonly edges: readonly Edge[];
  /** Blocks at whose beginning the surplus is zero. */
  readonly settled: readonly number[];
}

class FlowReader {
  readonly #module: KernelModule;
  readonly #index: number;
  readonly #weights: Weights;
  readonly #blocks: Block[] = [];
  readonly #edges: Edge[] = [];
  readonly #settled: number[] = [];
  readonly #frames: Frame[];
  /** Positions of the `if`s that go on with the next round where their condition is true. */
  readonly #likely: ReadonlySet<number>;
  #dead: number | undefined;

  constructor(module: KernelModule, index: number, weights: Weights) {
    this.#module = module;
    this.#index = index;
    this.#weights = weights;
    const type = module.types[module.functions[index]!]!;
    const { localCount } = module.bodies[index]!;
    const declared = localCount - type.parameters.length;
    const cost = weights.functionEntry + Math.ceil(declared / weights.localsPerFuel);
    this.#blocks.push({ cost, frequency: 1, flushes: [] });
    this.#likely = roundIfs(module, index);
    const places = { opener: 0, header: undefined, inner: undefined };
    const [isRound, openIf, isLikely] = [false, false, false];
    this.#frames = [{ type, ...places, frequency: 1, pending: [], isRound, openIf, isLikely }];
  }

  read(): Flow {
    const { start, end } = this.#module.bodies[this.#index]!;
    const reader = new ByteReader(this.#module.bytes, start, end);
    const decoded = newDecoded();
    while (!reader.done) {
      const labels = this.#dead === undefined ? peekLabels(reader) : undefined;
      readInstruction(reader, decoded);
      if (this.#dead === undefined) this.#instruction(decoded, labels);
      else this.#skipDead(decoded);
    }
    return { blocks: this.#blocks, edges: this.#edges, settled: this.#settled };
  }

  get #current(): number {
    return this.#blocks.length - 1;
  }

  #instruction(decoded: Decoded, labels: readonly number[] | undefined): void {
    const { instruction, prefix, code } = decoded;
    const block = this.#blocks[this.#current]!;
    if (this.#module.unrolled?.added.has(decoded.start) !== true) block.cost += this.#weights.classes[instruction.cost];
    if (prefix === 0xfc && code >= 8) block.flushes.push(block.cost);
    if (prefix !== 0) return;
    switch (instruction.name) {
      case 'call':
      case 'call_indirect':
        block.flushes.push(block.cost);
        if (this.#module.imports.length > 0) {
          this.#next(block.frequency);
          this.#settled.push(this.#current);
        }
        return;
      case 'memory.grow':
        block.flushes.push(block.cost);
        return;
      case 'block':
      case 'loop':
      case 'if':
        this.#open(instruction.name, decoded);
        return;
      case 'else':
        this.#else(true);
        return;
      case 'end':
        this.#end(true);
        return;
      case 'br_if':
        this.#branchIf(decoded.first);
        return;
      case 'br':
        this.#branch(decoded.first, 'plain', block.frequency);
        this.#die();
        return;
      case 'br_table':
        for (const label of labels!) this.#branch(label, 'plain', block.frequency / labels!.length);
        this.#die();
        return;
      case 'return':
        this.#edge(EXIT, 'plain', block.frequency);
        this.#die();
        return;
      case 'unreachable':
        block.frequency *= TRAP_FREQUENCY;
        this.#edge(EXIT, 'trap', block.frequency);
        this.#die();
        return;
      default:
    }
  }

  #open(name: string, { first, start }: Decoded): void {
    const type = this.#blockType(first);
    const opener = this.#current;
    const { frequency } = this.#blocks[opener]!;
    const header = name === 'loop' ? opener + 1 : undefined;
    const inner = header ?? this.#frames.at(-1)!.inner;
    const isRound = header !== undefined || this.#module.unrolled?.rounds.has(start) === true;
    const isLikely = this.#likely.has(start);
    this.#frames.push({
      type,
      opener,
      header,
      inner,
      frequency,
      pending: [],
      isRound,
      openIf: name === 'if',
      isLikely,
    });
    if (name === 'block') return;
    if (header !== undefined) this.#settled.push(header);
    this.#next(frequency * (name === 'loop' ? ROUNDS : isLikely ? 1 - 1 / ROUNDS : 1 / 2));
  }

  #branchIf(label: number): void {
    const { frequency } = this.#blocks[this.#current]!;
    const target = this.#frames[this.#frames.length - 1 - label]!;
    const { inner } = this.#frames.at(-1)!;
    const leavesLoop = inner !== undefined && target.header === undefined && target.opener < inner;
    const goesOn = target.isRound ? 1 / ROUNDS : leavesLoop ? 1 - 1 / ROUNDS : 1 / 2;
    const types = target.header !== undefined ? target.type.parameters : target.type.results;
    this.#branch(label, types.length === 0 ? 'taken' : 'plain', frequency * (1 - goesOn));
    this.#next(frequency * goesOn);
  }

  #branch(label: number, kind: Edge['kind'], frequency: number): void {
    const frame = this.#frames[this.#frames.length - 1 - label]!;
    if (frame.header !== undefined) this.#edge(frame.header, kind, frequency);
    else if (frame === this.#frames[0]) this.#edge(EXIT, kind, frequency);
    else frame.pending.push(this.#edge(EXIT, kind, frequency));
  }

  #edge(to: number, kind: Edge['kind'], frequency: number, from = this.#current): Edge {
    const edge: Edge = { from, to, kind, frequency };
    this.#edges.push(edge);
    return edge;
  }

  /** Begins the block that the current one runs into. */
  #next(frequency: number): void {
    this.#edge(this.#current + 1, 'plain', frequency);
    this.#blocks.push({ cost: 0, frequency, flushes: [] });
  }

  #else(alive: boolean): void {
    const frame = this.#frames.at(-1)!;
    if (alive) frame.pending.push(this.#edge(EXIT, 'plain', this.#blocks[this.#current]!.frequency));
    frame.openIf = false;
    const frequency = this.#otherSide(frame);
    this.#blocks.push({ cost: 0, frequency, flushes: [] });
    this.#edge(this.#current, 'plain', frequency, frame.opener);
  }

  #end(alive: boolean): void {
    const frame = this.#frames.pop()!;
    const from = this.#current;
    if (this.#frames.length === 0) {
      if (alive) this.#edge(EXIT, 'plain', 1);
      return;
    }
    this.#blocks.push({ cost: 0, frequency: frame.frequency, flushes: [] });
    const join = this.#current;
    if (alive) this.#edge(join, 'plain', this.#blocks[from]!.frequency, from);
    if (frame.openIf) this.#edge(join, 'skipped', this.#otherSide(frame), frame.opener);
    for (const edge of frame.pending) edge.to = join;
  }

  /** How often the condition of an `if` is false, once the side where it is true is known. */
  #otherSide(frame: Frame): number {
    if (frame.isLikely) return frame.frequency / ROUNDS;
    return Math.max(frame.frequency - this.#blocks[frame.opener + 1]!.frequency, frame.frequency / 4);
  }

  /** The rewriter counts the code that never runs as a block. */
  #die(): void {
    this.#dead = 0;
    this.#blocks.push({ cost: 0, frequency: 0, flushes: [] });
  }

  #skipDead(decoded: Decoded): void {
    const { name, immediate } = decoded.instruction;
    if (immediate === 'block') this.#dead!++;
    else if (name === 'end' && this.#dead! > 0) this.#dead!--;
    else if (this.#dead === 0 && (name === 'end' || name === 'else')) {
      this.#dead = undefined;
      if (name === 'end') this.#end(false);
      else this.#else(false);
    }
  }

  #blockType(type: number): FunctionType {
    if (type >= 0) return this.#module.types[type]!;
    return { parameters: [], results: type === -64 ? [] : [type + 128] };
  }
}

/** Positions of the `if`s whose first arm ends with a branch to the next round of a loop. */
function roundIfs(module: KernelModule, index: number): ReadonlySet<number> {
  const { start, end } = module.bodies[index]!;
  const reader = new ByteReader(module.bytes, start, end);
  const decoded = newDecoded();
  const opened: { readonly start: number; readonly isRound: boolean; isArm: boolean }[] = [];
  const found = new Set<number>();
  while (!reader.done) {
    readInstruction(reader, decoded);
    const { name, immediate } = decoded.instruction;
    if (immediate === 'block') {
      const isRound = name === 'loop' || module.unrolled?.rounds.has(decoded.start) === true;
      opened.push({ start: decoded.start, isRound, isArm: name === 'if' });
    } else if (name === 'end') opened.pop();
    else if (name === 'else') opened.at(-1)!.isArm = false;
    else if (name === 'br' && opened.at(-1)?.isArm === true) {
      if (opened[opened.length - 1 - decoded.first]?.isRound === true) found.add(opened.at(-1)!.start);
    }
  }
  return found;
}

/** Surpluses, and the charges that follow from them. Block k has two points: 2k where it begins, 2k + 1 where it ends. */
class Solution implements Charges {
  readonly #flow: Flow;
  readonly #surplus: Float64Array;
  readonly #taken = new Map<number, number>();
  readonly #skipped = new Map<number, number>();

  constructor(flow: Flow, pinned: ReadonlySet<number>) {
    this.#flow = flow;
    const { blocks, edges, settled } = flow;
    const exit = 2 * blocks.length;
    const tree = new Tree(exit + 1);
    const point = (to: number): number => (to === EXIT ? exit : 2 * to);
    tree.join(0, exit, 0);
    for (const block of settled) tree.join(0, 2 * block, 0);
    for (const block of pinned) {
      tree.join(0, 2 * block, 0);
      tree.join(0, 2 * block + 1, 0);
    }
    const optional: { a: number; b: number; step: number; frequency: number }[] = [];
    for (const { from, to, kind, frequency } of edges) {
      if (kind === 'plain' || kind === 'trap') tree.join(2 * from + 1, point(to), 0);
      else optional.push({ a: 2 * from + 1, b: point(to), step: 0, frequency });
    }
    // Later blocks first among equals, so that the charge stands before what it is for.
    for (let k = blocks.length - 1; k >= 0; k--) {
      const { cost, frequency } = blocks[k]!;
      optional.push({ a: 2 * k, b: 2 * k + 1, step: -cost, frequency });
    }
    optional.sort((x, y) => y.frequency - x.frequency);
    for (const { a, b, step } of optional) tree.join(a, b, step);
    this.#surplus = tree.values();
    for (const { from, to, kind } of edges) {
      if (kind === 'plain' || kind === 'trap') continue;
      const amount = this.#surplus[point(to)]! - this.#surplus[2 * from + 1]!;
      (kind === 'taken' ? this.#taken : this.#skipped).set(from, amount);
    }
  }

  block(k: number): number {
    return this.#surplus[2 * k + 1]! - this.#surplus[2 * k]! + this.#flow.blocks[k]!.cost;
  }

  taken(k: number): number {
    return this.#taken.get(k) ?? 0;
  }

  skipped(k: number): number {
    return this.#skipped.get(k) ?? 0;
  }

  /** Where block `k` puts fuel back it owes none and holds no more than is sure to be used; `rest` runs after it. */
  keepsLimits(k: number, rest: number): boolean {
    const { cost, flushes } = this.#flow.blocks[k]!;
    return flushes.every((done) => {
      // At the block's end the surplus is what it is; before, what the rest of the block costs comes on top.
      const left = cost - done;
      const surplus = this.#surplus[2 * k + 1]! + left;
      return surplus >= 0 && surplus <= left + rest;
    });
  }
}

/** Points joined by known differences of their surplus; a join of points that are connected already is ignored. */
class Tree {
  readonly #parent: Int32Array;
  /** A point's value less its parent's. */
  readonly #offset: Float64Array;

  constructor(size: number) {
    this.#parent = Int32Array.from({ length: size }, (_, index) => index);
    this.#offset = new Float64Array(size);
  }

  /** value(b) = value(a) + step. */
  join(a: number, b: number, step: number): void {
    const rootA = this.#find(a);
    const rootB = this.#find(b);
    if (rootA === rootB) return;
    this.#parent[rootB] = rootA;
    this.#offset[rootB] = this.#offset[a]! + step - this.#offset[b]!;
  }

  /** Each point's value, where point 0 has the value zero. */
  values(): Float64Array {
    const root = this.#find(0);
    const zero = this.#offset[0]!;
    return this.#offset.map((_, index) => {
      if (this.#find(index) === root) return this.#offset[index]! - zero;
      return this.#offset[index]!;
    });
  }

  /** The root; afterwards it is the parent, or the point itself with offset zero. */
  #find(point: number): number {
    let root = point;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    const path: number[] = [];
    for (let at = point; at !== root && this.#parent[at] !== root; at = this.#parent[at]!) path.push(at);
    for (const at of path.reverse()) {
      this.#offset[at] = this.#offset[at]! + this.#offset[this.#parent[at]!]!;
      this.#parent[at] = root;
    }
    return root;
  }
}
