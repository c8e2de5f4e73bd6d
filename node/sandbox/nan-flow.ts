/**
 * Which of a function's arithmetic NaNs anybody can look at. Most floating-point results go straight into more
 * arithmetic or a comparison, which give the same result whatever the bits of a NaN; making those canonical would
 * double the time of a numeric loop for nothing. The rest is observed: stored, reinterpreted, passed on by a call,
 * a return, a branch or a global, or read as lanes of another shape.
 *
 * The analysis follows each value over the operand stack to what consumes it, through instructions that only hand it on
 * (`nan-passage.ts`), and through locals: within straight code what a local holds is known; elsewhere a value put into
 * a local counts as observed if any read of that local is. Everything it does not follow it takes as observed. Only
 * whether a value is made canonical where it is MADE is decided here, never where it is used.
 */
import { ByteReader } from './bytes.ts';
import { type Decoded, type FloatShape, newDecoded, readInstruction } from './instructions.ts';
import type { FunctionType, KernelModule } from './module.ts';
import { ALL, BIT, NOTHING, passagesOf, vectorConstant } from './nan-passage.ts';

/** Where a value comes from: what of it is seen is seen of the source too. */
interface Origin {
  readonly source: number;
  /** Shapes whose NaN bits are handed on; with `gives`, that one shape of the value comes from `takes` of the source. */
  readonly takes: number;
  readonly gives: number | undefined;
}

/** What may hold a NaN: a local, an instruction that makes one (a site), or one that hands some on. */
interface Value {
  /** Position of the instruction of a site. */
  readonly start: number | undefined;
  readonly shape: FloatShape | undefined;
  readonly origins: Origin[];
  /** Bits of the shapes whose NaNs somebody observes. */
  seen: number;
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
  /** The locals come first, by their index. */
  readonly #values: Value[] = [];
  /** Indexes of values, NOTHING, or a constant as `vectorConstant` writes it. */
  readonly #stack: number[] = [];
  readonly #frames: Frame[];
  /** By local: what it holds, where all that runs between is straight code. */
  readonly #held = new Map<number, number>();
  #dead: number | undefined;

  constructor(module: KernelModule, index: number) {
    this.#module = module;
    this.#index = index;
    this.#frames = [{ height: 0, type: module.types[module.functions[index]!]!, isLoop: false }];
    const { localCount } = module.bodies[index]!;
    for (let local = 0; local < localCount; local++) this.#addValue();
  }

  run(): ReadonlySet<number> {
    const { start, end } = this.#module.bodies[this.#index]!;
    const reader = new ByteReader(this.#module.bytes, start, end);
    const decoded = newDecoded();
    while (!reader.done) {
      readInstruction(reader, decoded);
      if (this.#dead === undefined) this.#instruction(decoded, reader.position);
      else this.#skipDead(decoded);
    }
    this.#spread();
    const observed = new Set<number>();
    for (const { start: position, shape, seen } of this.#values) {
      if (shape !== undefined && (seen & BIT[shape]) !== 0) observed.add(position!);
    }
    return observed;
  }

  #instruction(decoded: Decoded, end: number): void {
    const { instruction, prefix, first } = decoded;
    if (prefix === 0 && this.#control(decoded)) return;
    switch (instruction.name) {
      case 'local.get':
        this.#stack.push(this.#held.get(first) ?? first);
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
      case 'v128.const':
        this.#stack.push(vectorConstant(end));
        return;
      default:
    }
    if (this.#passes(decoded, end)) return;
    const ignored = instruction.ignoresNanBits === undefined ? 0 : BIT[instruction.ignoresNanBits];
    this.#consume(instruction.pops, ALL & ~ignored);
    if (instruction.makesNan === undefined) this.#push(instruction.pushes);
    else this.#stack.push(this.#addValue(decoded.start, instruction.makesNan));
  }

  /** An instruction that hands NaNs on: its result is a value that comes from its operands. */
  #passes(decoded: Decoded, end: number): boolean {
    const { pops } = decoded.instruction;
    const operands = this.#stack.slice(this.#stack.length - pops);
    const passages = passagesOf(decoded, this.#module.bytes, end, operands);
    if (passages === undefined) return false;
    const origins: Origin[] = [];
    for (const [position, operand] of operands.entries()) {
      const passage = passages[position];
      if (operand < 0) continue;
      // As a NaN of any other shape it is looked at.
      this.#see(operand, ALL & ~(passage?.takes ?? 0));
      if (passage !== undefined) origins.push({ source: operand, ...passage });
    }
    this.#stack.length -= pops;
    this.#stack.push(origins.length === 0 ? NOTHING : this.#addValue(undefined, undefined, origins));
    return true;
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
        if (instruction.name === 'loop') this.#held.clear();
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
    this.#held.clear();
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

  #addValue(start?: number, shape?: FloatShape, origins: Origin[] = []): number {
    return this.#values.push({ start, shape, origins, seen: 0 }) - 1;
  }

  #see(value: number, shapes: number): void {
    this.#values[value]!.seen |= shapes;
  }

  /** Takes `count` values off the stack; NaNs of the shapes in `observed` are looked at. */
  #consume(count: number, observed: number): void {
    for (let i = 0; i < count; i++) {
      const value = this.#stack.pop()!;
      if (value >= 0) this.#see(value, observed);
    }
  }

  #push(count: number): void {
    for (let i = 0; i < count; i++) this.#stack.push(NOTHING);
  }

  #putInto(local: number, value: number): void {
    this.#held.set(local, value);
    if (value >= 0) this.#values[local]!.origins.push({ source: value, takes: ALL, gives: undefined });
  }

  /** What is seen of a value is seen of what it comes from. */
  #spread(): void {
    const open = [...this.#values.keys()].filter((value) => this.#values[value]!.seen !== 0);
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      const { seen, origins } = this.#values[value]!;
      for (const { source, takes, gives } of origins) {
        const before = this.#values[source]!.seen;
        const more = gives === undefined ? seen & takes : (seen & gives) === 0 ? 0 : takes;
        if ((before | more) === before) continue;
        this.#see(source, more);
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
