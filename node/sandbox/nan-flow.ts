/**
 * Which of a function's arithmetic NaNs anybody can look at. Most floating-point results go straight into more
 * arithmetic or a comparison, which give the same result whatever the bits of a NaN; making those canonical would
 * double the time of a numeric loop for nothing. The rest is observed: stored, reinterpreted, passed on by a call,
 * a return, a branch or a global, selected, or read as lanes of another shape.
 *
 * The analysis follows each value over the operand stack to what consumes it, and through locals without regard to
 * order: a value put into a local counts as observed if any read of that local is. Everything it does not follow it
 * takes as observed. Only whether a value is made canonical where it is MADE is decided here, never where it is used.
 */
import { ByteReader } from './bytes.ts';
import { type Decoded, type FloatShape, newDecoded, readInstruction } from './instructions.ts';
import type { FunctionType, KernelModule } from './module.ts';

const BIT: Readonly<Record<FloatShape, number>> = { f32: 1, f64: 2, f32x4: 4, f64x2: 8 };
const ALL = 15;

/** On the operand stack: nothing of interest, a site (0, 1, …), or what local L holds (-2 - L). */
const NOTHING = -1;

interface Site {
  /** Position of the instruction. */
  readonly start: number;
  readonly shape: FloatShape;
  observed: boolean;
  /** Locals it is put into. */
  readonly locals: number[];
}

interface Frame {
  readonly height: number;
  readonly type: FunctionType;
  readonly isLoop: boolean;
}

/** Positions of the instructions whose NaN has to be made canonical. The module has been validated. */
export function observedNans(module: KernelModule, index: number): ReadonlySet<number> {
  return new NanFlow(module, index).run();
}

class NanFlow {
  readonly #module: KernelModule;
  readonly #index: number;
  readonly #sites: Site[] = [];
  readonly #stack: number[] = [];
  readonly #frames: Frame[];
  /** By local: bits of the shapes whose NaNs some read of it observes. */
  readonly #seen = new Map<number, number>();
  /** By local: the locals that are copied into it. */
  readonly #copies = new Map<number, Set<number>>();
  #dead: number | undefined;

  constructor(module: KernelModule, index: number) {
    this.#module = module;
    this.#index = index;
    this.#frames = [{ height: 0, type: module.types[module.functions[index]!]!, isLoop: false }];
  }

  run(): ReadonlySet<number> {
    const { start, end } = this.#module.bodies[this.#index]!;
    const reader = new ByteReader(this.#module.bytes, start, end);
    const decoded = newDecoded();
    while (!reader.done) {
      readInstruction(reader, decoded);
      if (this.#dead === undefined) this.#instruction(decoded);
      else this.#skipDead(decoded);
    }
    this.#spread();
    const observed = new Set<number>();
    for (const site of this.#sites) {
      const seen = site.locals.some((local) => ((this.#seen.get(local) ?? 0) & BIT[site.shape]) !== 0);
      if (site.observed || seen) observed.add(site.start);
    }
    return observed;
  }

  #instruction(decoded: Decoded): void {
    const { instruction, prefix, first } = decoded;
    if (prefix === 0 && this.#control(decoded)) return;
    switch (instruction.name) {
      case 'local.get':
        this.#stack.push(-2 - first);
        return;
      case 'local.set':
        this.#putInto(first, this.#stack.pop()!);
        return;
      case 'local.tee':
        this.#putInto(first, this.#stack.at(-1)!);
        return;
      case 'drop':
        this.#stack.pop();
        return;
      default:
    }
    const ignored = instruction.ignoresNanBits === undefined ? 0 : BIT[instruction.ignoresNanBits];
    this.#consume(instruction.pops, ALL & ~ignored);
    if (instruction.makesNan === undefined) this.#push(instruction.pushes);
    else {
      this.#stack.push(this.#sites.length);
      this.#sites.push({ start: decoded.start, shape: instruction.makesNan, observed: false, locals: [] });
    }
  }

  #control(decoded: Decoded): boolean {
    const { instruction, first } = decoded;
    switch (instruction.name) {
      case 'block':
      case 'loop':
      case 'if': {
        const type = this.#blockType(first);
        this.#consume(instruction.pops + type.parameters.length, ALL);
        this.#frames.push({ height: this.#stack.length, type, isLoop: instruction.name === 'loop' });
        this.#push(type.parameters.length);
        return true;
      }
      case 'else':
      case 'end':
        this.#consume(this.#frames.at(-1)!.type.results.length, ALL);
        this.#leave(instruction.name);
        return true;
      case 'br_if': {
        this.#stack.pop();
        const { length } = this.#labelTypes(first);
        this.#consume(length, ALL);
        this.#push(length);
        return true;
      }
      case 'br':
      case 'br_table':
        if (instruction.name === 'br_table') this.#stack.pop();
        this.#consume(this.#labelTypes(first).length, ALL);
        this.#dead = 0;
        return true;
      case 'return':
        this.#consume(this.#frames[0]!.type.results.length, ALL);
        this.#dead = 0;
        return true;
      case 'unreachable':
        this.#dead = 0;
        return true;
      case 'call':
        this.#call(this.#module.types[this.#module.functions[first]!]!);
        return true;
      case 'call_indirect':
        this.#stack.pop();
        this.#call(this.#module.types[first]!);
        return true;
      default:
        return false;
    }
  }

  #call(type: FunctionType): void {
    this.#consume(type.parameters.length, ALL);
    this.#push(type.results.length);
  }

  #leave(name: string): void {
    const frame = this.#frames.at(-1)!;
    this.#stack.length = frame.height;
    if (name === 'end') this.#frames.pop();
    this.#push((name === 'end' ? frame.type.results : frame.type.parameters).length);
  }

  #skipDead(decoded: Decoded): void {
    const { name, immediate } = decoded.instruction;
    if (immediate === 'block') this.#dead!++;
    else if (name === 'end' && this.#dead! > 0) this.#dead!--;
    else if (this.#dead === 0 && (name === 'end' || name === 'else')) {
      this.#dead = undefined;
      this.#leave(name);
    }
  }

  /** Takes `count` values off the stack; NaNs of the shapes in `observed` are looked at. */
  #consume(count: number, observed: number): void {
    for (let i = 0; i < count; i++) {
      const value = this.#stack.pop()!;
      if (value === NOTHING) continue;
      if (value < 0) this.#seen.set(-2 - value, (this.#seen.get(-2 - value) ?? 0) | observed);
      else if ((BIT[this.#sites[value]!.shape] & observed) !== 0) this.#sites[value]!.observed = true;
    }
  }

  #push(count: number): void {
    for (let i = 0; i < count; i++) this.#stack.push(NOTHING);
  }

  #putInto(local: number, value: number): void {
    if (value >= 0) this.#sites[value]!.locals.push(local);
    else if (value !== NOTHING) {
      const copies = this.#copies.get(local);
      if (copies === undefined) this.#copies.set(local, new Set([-2 - value]));
      else copies.add(-2 - value);
    }
  }

  /** What is seen of a local is seen of those copied into it. */
  #spread(): void {
    const open = [...this.#seen.keys()];
    for (let local = open.pop(); local !== undefined; local = open.pop()) {
      const seen = this.#seen.get(local)!;
      for (const source of this.#copies.get(local) ?? []) {
        const before = this.#seen.get(source) ?? 0;
        if ((before | seen) === before) continue;
        this.#seen.set(source, before | seen);
        open.push(source);
      }
    }
  }

  #labelTypes(label: number): readonly number[] {
    const { type, isLoop } = this.#frames[this.#frames.length - 1 - label]!;
    return isLoop ? type.parameters : type.results;
  }

  #blockType(type: number): FunctionType {
    if (type >= 0) return this.#module.types[type]!;
    return { parameters: [], results: type === -64 ? [] : [type + 128] };
  }
}
