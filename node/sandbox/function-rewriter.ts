/**
 * Rewrites one function body. New locals come after the old ones and every label keeps its meaning, so an instruction
 * that needs no treatment is copied as it stands.
 *
 *   fuel     Exact, in one of two modes, kept in a local within a function. Loops, and functions that call, trap when
 *            it is below zero, and so do calls and ends of functions behind long code without a check, so that little
 *            runs on an empty budget: `unchecked-run.ts`. It is put into
 *            its global before calls and at the end of what the host called, so a trap costs what was last put back.
 *            Bulk operations are charged by length before they run.
 *            Simple: each basic block is charged when it begins, behind the function's start, `loop`, `if`, `else`,
 *            `end` and `br_if`; where the host may be called, behind each call too. A function takes the fuel from the
 *            global and puts it back.
 *            Merged: `merged-charges.ts` says which blocks and edges are charged. Fuel and depth are parameters and
 *            the fuel left is the last result: through memory, each would cost a call as much as the call itself. The
 *            store before a call remains, which nothing waits for. Declared locals move up by two. Small loops have
 *            been unrolled before: `unroll.ts`.
 *   depth    Counted in value slots of 8 bytes: engines overflow their stacks at 1,270 to 270,000 frames, so a
 *            deterministic limit has to come first. A small function that calls nothing adds one bounded frame and
 *            is not counted.
 *   leaving  The body becomes a block, which takes over the label that meant "leave the function"; behind it, fuel
 *            and depth are put back. `return` becomes a branch to it.
 *   NaN      Made canonical behind the arithmetic that makes it, where anybody can see its bits: `nan.ts`, `nan-flow.ts`.
 *            Vectors that are stored one after the other are looked at together: `held-stores.ts`.
 *   hidden   Constants that an engine computes with wrongly go through a local: `misfolded.ts`.
 *   dead     Code behind an unconditional branch never runs and is left out.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { endsHolding, HeldStores, isVectorStore } from './held-stores.ts';
import { type Decoded, type FloatShape, newDecoded, readInstruction } from './instructions.ts';
import { type Charges, mergedCharges } from './merged-charges.ts';
import { Misfolded } from './misfolded.ts';
import { type FunctionBody, type FunctionType, type KernelModule, VALUE } from './module.ts';
import { canonicaliseNan, isVectorShape, type VectorShape } from './nan.ts';
import { observedNans } from './nan-flow.ts';
import { type CalledSizes, UncheckedRun } from './unchecked-run.ts';
import type { Weights } from './weights.ts';

/** Slots a call may use in all, the host's call included. */
export const STACK_SLOTS_MAX = 24_000;
/** Slots of every frame beside its values: return address, frame pointer, what the rewriter itself keeps on the stack. */
const FRAME_SLOTS = 8;
const LEAF_SLOTS_MAX = 64;

/** Indexes of what the module's rewriter appends. */
export interface Appended {
  readonly fuelGlobal: number;
  readonly depthGlobal: number;
  /** (i64) -> (): takes fuel, traps below zero. */
  readonly chargeFunction: number;
  /** (i32) -> i32: memory.grow with its charge, and a host failure told apart from a refusal. */
  readonly growFunction: number;
  readonly calledSizes: CalledSizes;
  /** Index of the function that calls imported function `index` for the module. */
  gate(index: number): number;
  /** Index of the type () -> results, added when it is new. */
  blockType(results: readonly number[]): number;
  /** Index of a type of the module with fuel and depth passed along: (…, i64, i32) -> (…, i64). */
  passedType(type: number): number;
}

interface Frame {
  /** Height of the operand stack below the block's parameters. */
  readonly height: number;
  readonly type: FunctionType;
  /** Fuel to take when the condition of this `if` is false and it has no `else`. */
  skipped: number;
}

/** Where charges stand: in front of every basic block, or merged as `merged-charges.ts` says. */
export type MeterMode = 'simple' | 'merged';

/** The body as it goes into the code section, without its length. */
export function rewriteFunction(
  module: KernelModule,
  index: number,
  appended: Appended,
  mode: MeterMode,
  weights: Weights,
): ByteWriter {
  const charges = mode === 'merged' ? mergedCharges(module, index, weights) : undefined;
  return new FunctionRewriter(module, index, appended, weights, charges).rewrite();
}

class FunctionRewriter {
  readonly #module: KernelModule;
  readonly #appended: Appended;
  readonly #weights: Weights;
  readonly #body: FunctionBody;
  readonly #type: FunctionType;
  readonly #code: ByteWriter;
  /** The basic block that is being read: its charge goes in front of it once its cost is known. */
  readonly #block = new ByteWriter();
  readonly #frames: Frame[] = [];
  readonly #temporaries = new Map<number, number>();
  /** Local that holds the fuel. */
  readonly #fuel: number;
  /** Local that holds the depth, where it is passed along. */
  readonly #depth: number;
  readonly #observedNans: ReadonlySet<number>;
  readonly #heldStores = new HeldStores((type, which) => this.#temporary(type, which));
  /** Of a vector on top of the stack that the next instruction stores, and whose NaNs have not been made canonical. */
  #unsettled: VectorShape | undefined;
  readonly #misfolded = new Misfolded();
  readonly #unchecked: UncheckedRun;
  /** Undefined in the simple placement. */
  readonly #charges: Charges | undefined;
  /** Number of the basic block that is being read. */
  #blockIndex = 0;
  /** Its cost so far. */
  #cost: number;
  /** The block that is being read begins a loop's round: its charge is followed by the check. */
  #checked = false;
  /** How many blocks of the body are open where that round begins. */
  #checkDepth = 0;
  /** Some round is left by a branch behind the body's end. */
  #leavesWithoutFuel = false;
  #height = 0;
  #heightMax = 0;
  #calls = false;
  #vectors: boolean;
  /** Inside dead code: how many blocks opened there are still open. */
  #dead: number | undefined;

  constructor(module: KernelModule, index: number, appended: Appended, weights: Weights, charges: Charges | undefined) {
    this.#module = module;
    this.#weights = weights;
    this.#charges = charges;
    this.#appended = appended;
    this.#body = module.bodies[index]!;
    this.#type = module.types[module.functions[index]!]!;
    this.#code = new ByteWriter((this.#body.end - this.#body.start) * 2 + 64);
    const declared = this.#body.localCount - this.#type.parameters.length;
    this.#cost = weights.functionEntry + Math.ceil(declared / weights.localsPerFuel);
    this.#vectors = [...this.#type.parameters, ...this.#type.results].includes(VALUE.v128);
    const parameters = this.#type.parameters.length;
    this.#fuel = charges === undefined ? this.#temporary(VALUE.i64) : parameters;
    this.#depth = parameters + 1;
    this.#observedNans = observedNans(module, index);
    this.#unchecked = new UncheckedRun(module, appended.calledSizes);
  }

  rewrite(): ByteWriter {
    const reader = new ByteReader(this.#module.bytes, this.#body.start, this.#body.end);
    const decoded = newDecoded();
    while (!reader.done) {
      readInstruction(reader, decoded);
      if (this.#dead === undefined) this.#instruction(decoded, reader);
      else this.#skipDead(decoded);
    }
    return this.#assemble();
  }

  #instruction(decoded: Decoded, reader: ByteReader): void {
    const { instruction, prefix, code } = decoded;
    if (prefix === 0xfd) this.#vectors = true;
    if (this.#module.unrolled?.added.has(decoded.start) !== true) this.#cost += this.#weights.classes[instruction.cost];
    this.#unchecked.pass(reader.position - decoded.start);
    this.#setHeight(this.#height - instruction.pops);
    if (this.#unsettled !== undefined) {
      const store = { bytes: this.#module.bytes, start: decoded.start, end: reader.position };
      this.#heldStores.hold(this.#block, this.#unsettled, store);
      this.#unsettled = undefined;
      this.#misfolded.follow(decoded);
      return;
    }
    if (endsHolding(decoded)) this.#heldStores.settle(this.#block);
    if (prefix === 0xfc && code >= 8) this.#bulk(code);
    const hidden = this.#misfolded.operandToHide(decoded);
    if (hidden !== undefined) this.#throughLocal(this.#temporary(hidden));
    this.#misfolded.follow(decoded);
    if (prefix === 0 && this.#control(decoded, reader)) return;
    if (this.#charges !== undefined && prefix === 0 && code >= 0x20 && code <= 0x22) {
      this.#block.byte(code).u32(this.#movedLocal(decoded.first));
    } else this.#block.append(this.#module.bytes, decoded.start, reader.position);
    this.#setHeight(this.#height + instruction.pushes);
    if (instruction.makesNan !== undefined && this.#observedNans.has(decoded.start)) {
      this.#makeCanonical(instruction.makesNan, reader.position);
    }
  }

  #makeCanonical(shape: FloatShape, next: number): void {
    if (isVectorShape(shape) && isVectorStore(this.#module.bytes, next)) this.#unsettled = shape;
    else canonicaliseNan(this.#block, shape, (type) => this.#temporary(type));
  }

  /** Returns true when the instruction has been written, or left out, here. */
  #control(decoded: Decoded, reader: ByteReader): boolean {
    switch (decoded.instruction.name) {
      case 'block':
      case 'loop':
      case 'if': {
        const type = this.#blockType(decoded.first);
        const skipped = decoded.instruction.name === 'if' ? (this.#charges?.skipped(this.#blockIndex) ?? 0) : 0;
        this.#frames.push({ height: this.#height - type.parameters.length, type, skipped });
        this.#block.append(this.#module.bytes, decoded.start, reader.position);
        this.#unchecked.open(decoded.instruction.name);
        // A `block` does not end the basic block: where a round begins with one, the look at the fuel stays in front of it.
        if (decoded.instruction.name === 'block') return true;
        this.#endBlock();
        this.#checked = decoded.instruction.name === 'loop';
        this.#checkDepth = this.#frames.length;
        return true;
      }
      case 'else':
        this.#else();
        return true;
      case 'end':
        this.#end();
        return true;
      case 'br_if':
        this.#unchecked.branch(decoded.first);
        this.#branchIf(decoded, reader);
        this.#endBlock();
        return true;
      case 'br':
      case 'br_table':
      case 'unreachable':
        if (decoded.instruction.name === 'br') this.#unchecked.branch(decoded.first);
        else if (decoded.instruction.name === 'br_table') this.#unchecked.branchTable(decoded.start);
        this.#block.append(this.#module.bytes, decoded.start, reader.position);
        this.#die();
        return true;
      case 'return':
        // The label of the body itself: past the epilogue nothing may leave.
        this.#unchecked.leave();
        this.#block.byte(0x0c).u32(this.#frames.length);
        this.#die();
        return true;
      case 'call':
        this.#call(this.#module.types[this.#module.functions[decoded.first]!]!, decoded, reader);
        return true;
      case 'call_indirect':
        this.#call(this.#module.types[decoded.first]!, decoded, reader);
        return true;
      case 'memory.grow':
        this.#callHelper(this.#appended.growFunction);
        this.#setHeight(this.#height + 1);
        return true;
      default:
        return false;
    }
  }

  #branchIf(decoded: Decoded, reader: ByteReader): void {
    const taken = this.#charges?.taken(this.#blockIndex) ?? 0;
    if (taken === 0) {
      this.#block.append(this.#module.bytes, decoded.start, reader.position);
      return;
    }
    this.#block.put(0x04, 0x40);
    this.#charge(this.#block, taken);
    this.#block
      .byte(0x0c)
      .u32(decoded.first + 1)
      .byte(0x0b);
  }

  #call(type: FunctionType, decoded: Decoded, reader: ByteReader): void {
    this.#calls = true;
    const out = this.#block;
    this.#putFuelBack(out);
    const isIndirect = decoded.code === 0x11;
    if (this.#charges === undefined) {
      if (isIndirect) out.append(this.#module.bytes, decoded.start, reader.position);
      else out.byte(0x10).u32(this.#target(decoded.first));
      this.#takeFuel(out);
    } else {
      // The index of the table is on top, and stays there.
      const index = isIndirect ? this.#temporary(VALUE.i32) : 0;
      if (isIndirect) out.byte(0x21).u32(index);
      out.byte(0x20).u32(this.#fuel).byte(0x20).u32(this.#depth);
      if (isIndirect) {
        out.byte(0x20).u32(index).byte(0x11);
        out.u32(this.#appended.passedType(decoded.first)).u32(decoded.second);
      } else out.byte(0x10).u32(this.#target(decoded.first));
      out.byte(0x21).u32(this.#fuel);
    }
    // Here, where the fuel was put back, whatever is charged ahead is sure to be used.
    if (this.#unchecked.call(decoded)) this.#trapWithoutFuel(out);
    this.#setHeight(this.#height - type.parameters.length + type.results.length);
    // The host may end a program while it is called: what stands behind the call has not run then, and is not charged.
    if (this.#module.imports.length > 0) this.#endBlock();
  }

  #target(index: number): number {
    return index < this.#module.imports.length ? this.#appended.gate(index) : index;
  }

  #throughLocal(local: number): void {
    this.#block.byte(0x21).u32(local).byte(0x20).u32(local);
  }

  #callHelper(index: number): void {
    this.#putFuelBack(this.#block);
    this.#block.byte(0x10).u32(index);
    this.#takeFuel(this.#block);
  }

  #putFuelBack(out: ByteWriter): void {
    out.byte(0x20).u32(this.#fuel).byte(0x24).u32(this.#appended.fuelGlobal);
  }

  #takeFuel(out: ByteWriter): void {
    out.byte(0x23).u32(this.#appended.fuelGlobal).byte(0x21).u32(this.#fuel);
  }

  #trapWithoutFuel(out: ByteWriter): void {
    out.byte(0x20).u32(this.#fuel).put(0x42, 0x00, 0x53, 0x04, 0x40);
    this.#putFuelBack(out);
    out.put(0x00, 0x0b);
  }

  /** Where a round begins. An `if` would stand in the way of every round: some engines put what is in it there, too. */
  #leaveWithoutFuel(out: ByteWriter): void {
    this.#leavesWithoutFuel = true;
    // Behind the block that the body is, in one more around it.
    out
      .byte(0x20)
      .u32(this.#fuel)
      .put(0x42, 0x00, 0x53, 0x0d)
      .u32(this.#checkDepth + 1);
  }

  #else(): void {
    const frame = this.#frames[this.#frames.length - 1]!;
    frame.skipped = 0;
    this.#unchecked.else();
    this.#endBlock();
    this.#code.byte(0x05);
    this.#height = frame.height + frame.type.parameters.length;
  }

  #end(): void {
    this.#unchecked.end();
    this.#endBlock();
    const frame = this.#frames.pop();
    // The last `end` is the function's own; `#assemble` writes it.
    if (frame === undefined) return;
    if (frame.skipped !== 0) this.#charge(this.#code.byte(0x05), frame.skipped);
    this.#code.byte(0x0b);
    this.#setHeight(frame.height + frame.type.results.length);
  }

  #die(): void {
    this.#unchecked.die();
    this.#endBlock();
    this.#dead = 0;
  }

  #skipDead(decoded: Decoded): void {
    const { name, immediate } = decoded.instruction;
    if (immediate === 'block') this.#dead!++;
    else if (name === 'end' && this.#dead! > 0) this.#dead!--;
    else if (this.#dead === 0 && (name === 'end' || name === 'else')) {
      this.#dead = undefined;
      if (name === 'end') this.#end();
      else this.#else();
    }
  }

  /** The length is on top of the stack: charge for it before the operation runs. */
  #bulk(code: number): void {
    const isTable = code === 12 || code === 14;
    if (!isTable && code !== 8 && code !== 10 && code !== 11) return;
    const length = this.#temporary(VALUE.i32);
    this.#block.byte(0x22).u32(length).byte(0xad);
    if (isTable) this.#block.byte(0x42).signed(this.#weights.tableElement).byte(0x7e);
    else {
      this.#block
        .byte(0x42)
        .signed(this.#weights.bulkBytesPerFuel - 1)
        .byte(0x7c);
      this.#block.byte(0x42).signed(this.#weights.bulkBytesPerFuel).byte(0x80);
    }
    this.#callHelper(this.#appended.chargeFunction);
    this.#block.byte(0x20).u32(length);
  }

  /** Writes the charge of the finished block, then the block. */
  #endBlock(): void {
    const out = this.#code;
    if (this.#charges === undefined) {
      this.#charge(out, this.#cost);
      if (this.#checked) this.#trapWithoutFuel(out);
    } else {
      if (this.#checked) this.#leaveWithoutFuel(out);
      this.#charge(out, this.#charges.block(this.#blockIndex));
    }
    this.#blockIndex++;
    this.#cost = 0;
    this.#checked = false;
    out.appendWriter(this.#block);
    this.#block.clear();
  }

  #charge(out: ByteWriter, amount: number): void {
    if (amount === 0) return;
    out.byte(0x20).u32(this.#fuel).byte(0x42).signed(amount).byte(0x7d).byte(0x21).u32(this.#fuel);
  }

  #assemble(): ByteWriter {
    const slots = this.#slots();
    const counted = this.#calls || slots > LEAF_SLOTS_MAX;
    const out = new ByteWriter(this.#code.length + 96);
    if (this.#charges === undefined) this.#assembleCounting(out, slots, counted);
    else this.#assemblePassed(out, slots, counted);
    return out.byte(0x0b);
  }

  /** Fuel and depth in globals. */
  #assembleCounting(out: ByteWriter, slots: number, counted: boolean): void {
    const counter = counted ? this.#temporary(VALUE.i32) : 0;
    const { depthGlobal } = this.#appended;
    this.#declareLocals(out);
    this.#takeFuel(out);
    if (this.#calls) this.#trapWithoutFuel(out);
    if (counted) {
      out.byte(0x23).u32(depthGlobal).byte(0x41).signed(slots).byte(0x6a).byte(0x22).u32(counter);
      out.byte(0x24).u32(depthGlobal).byte(0x20).u32(counter);
      this.#trapAboveLimit(out);
    }
    this.#putBody(out);
    this.#putFuelBack(out);
    if (counted) out.byte(0x23).u32(depthGlobal).byte(0x41).signed(slots).byte(0x6b).byte(0x24).u32(depthGlobal);
  }

  /** Fuel and depth in parameters, and fuel in the last result; the depth needs no way back. */
  #assemblePassed(out: ByteWriter, slots: number, counted: boolean): void {
    this.#declareLocals(out);
    if (this.#calls) this.#trapWithoutFuel(out);
    if (counted) {
      out.byte(0x20).u32(this.#depth).byte(0x41).signed(slots).byte(0x6a).byte(0x22).u32(this.#depth);
      this.#trapAboveLimit(out);
    }
    if (this.#leavesWithoutFuel) out.put(0x02, 0x40);
    this.#putBody(out);
    out.byte(0x20).u32(this.#fuel);
    if (!this.#leavesWithoutFuel) return;
    out.put(0x0f, 0x0b);
    this.#putFuelBack(out);
    out.byte(0x00);
  }

  #declareLocals(out: ByteWriter): void {
    out.u32(this.#body.locals.length + this.#temporaries.size);
    for (const { count, type } of this.#body.locals) out.u32(count).byte(type);
    for (const key of this.#temporaries.keys()) out.u32(1).byte(key & 0xff);
  }

  #trapAboveLimit(out: ByteWriter): void {
    out.byte(0x41).signed(STACK_SLOTS_MAX).put(0x4b, 0x04, 0x40, 0x00, 0x0b);
  }

  #putBody(out: ByteWriter): void {
    this.#openBody(out);
    out.appendWriter(this.#code).byte(0x0b);
    if (this.#calls && this.#unchecked.isLong) this.#trapWithoutFuel(out);
  }

  #openBody(out: ByteWriter): void {
    const { results } = this.#type;
    out.byte(0x02);
    if (results.length === 0) out.byte(0x40);
    else if (results.length === 1) out.byte(results[0]!);
    else out.signed(this.#appended.blockType(results));
  }

  #slots(): number {
    const width = (type: number): number => (type === VALUE.v128 ? 2 : 1);
    const parameters = this.#type.parameters.reduce((sum, type) => sum + width(type), 0);
    const locals = this.#body.locals.reduce((sum, { count, type }) => sum + count * width(type), 0);
    const stack = this.#heightMax * (this.#vectors ? 2 : 1);
    return FRAME_SLOTS + parameters + locals + this.#heldStores.slots + stack;
  }

  #temporary(type: number, which = 0): number {
    const key = type + 0x100 * which;
    let local = this.#temporaries.get(key);
    if (local === undefined) {
      local = this.#movedLocal(this.#body.localCount + this.#temporaries.size);
      this.#temporaries.set(key, local);
    }
    return local;
  }

  /** Declared locals stand behind fuel and depth where these are passed along. */
  #movedLocal(local: number): number {
    return this.#charges === undefined || local < this.#type.parameters.length ? local : local + 2;
  }

  #blockType(type: number): FunctionType {
    if (type >= 0) return this.#module.types[type]!;
    return { parameters: [], results: type === -64 ? [] : [type + 128] };
  }

  #setHeight(height: number): void {
    this.#height = height;
    if (height > this.#heightMax) this.#heightMax = height;
  }
}
