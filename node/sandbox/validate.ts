/**
 * Validation of function bodies by the rules of the WebAssembly specification (appendix "Validation Algorithm"), beside
 * the engine's own. Engines do not agree: JavaScriptCore lets wrong types pass in code that cannot be reached and in
 * operands of vector instructions, newer engines take a longer spelling of a memory's index than older ones. Whether a
 * kernel is valid has to be the same everywhere, and a rewriter that trusts types must not meet wrong ones.
 *
 * Spellings are held to the shortest where engines differ: indexes of the memory, opcodes behind a prefix, block types.
 */
import { ByteReader } from './bytes.ts';
import { type Decoded, newDecoded, readInstruction } from './instructions.ts';
import { BRANCH_LABELS_MAX, FRAME_SLOTS_MAX, VALUES_MOVED_MAX } from './limits.ts';
import type { FunctionBody, FunctionType, KernelModule } from './module.ts';
import { forbidFeature, KernelRefusedError } from './refusal.ts';
import { alignmentMax, laneCount, signatureOf } from './signatures.ts';
import { VALUE } from './value-types.ts';

/** So few, as plain instructions take and give, are bounded by the bytes of the instructions. */
const UNCOUNTED_VALUES_MAX = 3;
/** A value of code that cannot be reached: any type will do. */
const UNKNOWN = 0;

interface Frame {
  readonly kind: 'function' | 'block' | 'loop' | 'if' | 'else';
  readonly type: FunctionType;
  /** Of the operand stack below it. */
  readonly height: number;
  isUnreachable: boolean;
}

/** Throws a KernelRefusedError for the first function that is not valid. Indexes of types are valid already. */
export function validateFunctions(module: KernelModule): void {
  const moved: Moved = { values: 0 };
  module.bodies.forEach((body, index) => {
    if (body !== undefined) new FunctionValidator(module, body, index, moved).run();
  });
}

/** Taken and given by calls, blocks and branches of all functions so far. */
interface Moved {
  values: number;
}

class FunctionValidator {
  readonly #module: KernelModule;
  readonly #index: number;
  readonly #type: FunctionType;
  readonly #reader: ByteReader;
  /** For looking at immediates again. */
  readonly #aside: ByteReader;
  /** Last local of each run, and its type. */
  readonly #runs: { readonly end: number; readonly type: number }[] = [];
  readonly #stack: number[] = [];
  readonly #frames: Frame[] = [];
  /** First byte of the instruction that has been read. */
  #start: number;
  readonly #moved: Moved;
  /** Slots of locals, v128 counted twice. */
  #localSlots: number;
  #stackMax = 0;
  #vectors = false;

  constructor(module: KernelModule, body: FunctionBody, index: number, moved: Moved) {
    this.#moved = moved;
    this.#module = module;
    this.#index = index;
    this.#start = body.start;
    this.#reader = new ByteReader(module.bytes, body.start, body.end);
    this.#aside = new ByteReader(module.bytes, body.start, body.end);
    const type = module.types[module.functions[index]!];
    if (type === undefined) throw this.#invalid('it has no type');
    this.#type = type;
    let end = type.parameters.length;
    this.#localSlots = type.parameters.reduce((sum, parameter) => sum + slotsOf(parameter), 0);
    for (const { count, type: local } of body.locals) {
      end += count;
      this.#localSlots += count * slotsOf(local);
      this.#runs.push({ end, type: local });
    }
  }

  run(): void {
    this.#open('function', { parameters: [], results: this.#type.results });
    const decoded = newDecoded();
    while (!this.#reader.done) {
      if (this.#frames.length === 0) throw this.#invalid('code follows its end');
      readInstruction(this.#reader, decoded);
      this.#start = decoded.start;
      if (decoded.prefix !== 0) this.#checkSpelling(decoded.code);
      if (decoded.prefix === 0xfd) this.#vectors = true;
      const signature = signatureOf(decoded.prefix, decoded.code);
      if (signature === undefined) this.#special(decoded);
      else {
        this.#checkImmediates(decoded);
        this.#popAll(signature.takes);
        this.#pushAll(signature.gives);
      }
      if (this.#stack.length > this.#stackMax) this.#stackMax = this.#stack.length;
    }
    if (this.#frames.length > 0) throw this.#invalid('it has no end');
    const slots = this.#localSlots + this.#stackMax * (this.#vectors ? 2 : 1);
    if (slots > FRAME_SLOTS_MAX) {
      throw new KernelRefusedError(
        'function-too-large',
        `function ${this.#index} of the kernel has up to ${slots} slots of locals and operands, at most ${FRAME_SLOTS_MAX} are allowed`,
      );
    }
  }

  #special({ code, first, second }: Decoded): void {
    switch (code) {
      case 0x00:
        this.#unreachable();
        return;
      case 0x02:
      case 0x03:
      case 0x04:
        if (code === 0x04) this.#pop(VALUE.i32);
        this.#openBlock(code === 0x02 ? 'block' : code === 0x03 ? 'loop' : 'if', first);
        return;
      case 0x05: {
        const frame = this.#close();
        if (frame.kind !== 'if') throw this.#invalid('an else has no if');
        this.#open('else', frame.type);
        return;
      }
      case 0x0b:
        this.#end();
        return;
      case 0x0c:
        this.#popAll(this.#label(first));
        this.#unreachable();
        return;
      case 0x0d: {
        this.#pop(VALUE.i32);
        const types = this.#label(first);
        this.#popAll(types);
        this.#pushAll(types);
        return;
      }
      case 0x0e:
        this.#branchTable();
        return;
      case 0x0f:
        this.#popAll(this.#type.results);
        this.#unreachable();
        return;
      case 0x10: {
        const type = this.#module.types[this.#module.functions[first] ?? -1];
        if (type === undefined) throw this.#invalid(`there is no function ${first}`);
        this.#popAll(type.parameters);
        this.#pushAll(type.results);
        return;
      }
      case 0x11: {
        const type = this.#module.types[first];
        if (type === undefined) throw this.#invalid(`there is no type ${first}`);
        if (second >= this.#module.tableCount) throw this.#invalid(`there is no table ${second}`);
        this.#pop(VALUE.i32);
        this.#popAll(type.parameters);
        this.#pushAll(type.results);
        return;
      }
      case 0x1a:
        this.#pop(UNKNOWN);
        return;
      case 0x1b:
        this.#select(UNKNOWN);
        return;
      case 0x1c: {
        const bytes = this.#reader.bytes;
        if (bytes[this.#reader.position - 2] !== 1) throw this.#invalid('a select has not one type');
        this.#select(bytes[this.#reader.position - 1]!);
        return;
      }
      case 0x20:
        this.#stack.push(this.#local(first));
        return;
      case 0x21:
        this.#pop(this.#local(first));
        return;
      case 0x22:
        this.#pop(this.#local(first));
        this.#stack.push(this.#local(first));
        return;
      case 0x23:
      case 0x24: {
        const global = this.#module.globals[first];
        if (global === undefined) throw this.#invalid(`there is no global ${first}`);
        if (code === 0x23) this.#stack.push(global.type);
        else if (global.mutable) this.#pop(global.type);
        else throw this.#invalid(`global ${first} cannot be set`);
        return;
      }
      default:
        throw this.#invalid(`an instruction ${code} has no types`);
    }
  }

  #branchTable(): void {
    this.#pop(VALUE.i32);
    const labels = this.#labelsOfTable();
    const last = this.#label(labels.last);
    for (const label of labels.others) {
      const types = this.#label(label);
      if (types.length !== last.length)
        throw this.#invalid('the labels of a br_table take different numbers of values');
      const taken = this.#stack.slice(Math.max(this.#stack.length - types.length, this.#frames.at(-1)!.height));
      this.#popAll(types);
      // What was there, not what the label wants: in code that cannot be reached it may still be anything.
      for (let missing = types.length - taken.length; missing > 0; missing--) this.#stack.push(UNKNOWN);
      this.#pushAll(taken);
    }
    this.#popAll(last);
    this.#unreachable();
  }

  #labelsOfTable(): { readonly others: ReadonlySet<number>; readonly last: number } {
    this.#aside.position = this.#start + 1;
    const count = this.#aside.u32();
    if (count > BRANCH_LABELS_MAX) {
      throw new KernelRefusedError(
        'too-large',
        `function ${this.#index} of the kernel has a br_table of ${count} labels, at most ${BRANCH_LABELS_MAX} are allowed`,
      );
    }
    const others = new Set<number>();
    for (let i = 0; i < count; i++) others.add(this.#aside.u32());
    return { others, last: this.#aside.u32() };
  }

  #select(wanted: number): void {
    this.#pop(VALUE.i32);
    const second = this.#pop(wanted);
    const first = this.#pop(wanted === UNKNOWN ? second : wanted);
    this.#stack.push(first === UNKNOWN ? second : first);
  }

  #openBlock(kind: Frame['kind'], blockType: number): void {
    let type: FunctionType | undefined;
    if (blockType >= 0) type = this.#module.types[blockType];
    else if (this.#reader.position - this.#start === 2) {
      type = { parameters: [], results: blockType === -64 ? [] : [blockType + 128] };
    }
    if (type === undefined) throw this.#invalid('a block has no type');
    this.#popAll(type.parameters);
    this.#open(kind, type);
  }

  #open(kind: Frame['kind'], type: FunctionType): void {
    this.#frames.push({ kind, type, height: this.#stack.length, isUnreachable: false });
    this.#pushAll(type.parameters);
  }

  #end(): void {
    const { kind, type } = this.#close();
    if (kind === 'if' && !areSame(type.parameters, type.results)) {
      throw this.#invalid('an if without else gives other values than it takes');
    }
    if (kind !== 'function') this.#pushAll(type.results);
  }

  #close(): Frame {
    const frame = this.#frames.at(-1)!;
    this.#popAll(frame.type.results);
    if (this.#stack.length !== frame.height) throw this.#invalid('values are left at the end of a block');
    this.#frames.pop();
    return frame;
  }

  #unreachable(): void {
    const frame = this.#frames.at(-1)!;
    this.#stack.length = frame.height;
    frame.isUnreachable = true;
  }

  /** What a branch to it takes along. */
  #label(label: number): readonly number[] {
    const frame = this.#frames[this.#frames.length - 1 - label];
    if (frame === undefined) throw this.#invalid(`there is no label ${label}`);
    return frame.kind === 'loop' ? frame.type.parameters : frame.type.results;
  }

  #local(local: number): number {
    const { parameters } = this.#type;
    if (local < parameters.length) return parameters[local]!;
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.end > local) high = middle;
      else low = middle + 1;
    }
    const run = this.#runs[low];
    if (run === undefined) throw this.#invalid(`there is no local ${local}`);
    return run.type;
  }

  #pop(wanted: number): number {
    const frame = this.#frames.at(-1)!;
    if (this.#stack.length === frame.height) {
      if (frame.isUnreachable) return wanted;
      throw this.#invalid('a value is missing');
    }
    const type = this.#stack.pop()!;
    if (type !== wanted && type !== UNKNOWN && wanted !== UNKNOWN) throw this.#invalid('a value has the wrong type');
    return type === UNKNOWN ? wanted : type;
  }

  #popAll(types: readonly number[]): void {
    this.#move(types.length);
    for (let i = types.length - 1; i >= 0; i--) this.#pop(types[i]!);
  }

  #pushAll(types: readonly number[]): void {
    this.#move(types.length);
    for (const type of types) this.#stack.push(type);
  }

  #move(count: number): void {
    if (count <= UNCOUNTED_VALUES_MAX) return;
    this.#moved.values += count;
    if (this.#moved.values <= VALUES_MOVED_MAX) return;
    throw new KernelRefusedError(
      'too-large',
      `calls, blocks and branches of the kernel take and give more than ${VALUES_MOVED_MAX} values`,
    );
  }

  #checkSpelling(code: number): void {
    this.#aside.position = this.#start + 1;
    this.#aside.u32();
    if (this.#aside.position - this.#start !== (code < 0x80 ? 2 : 3))
      throw this.#invalid('an opcode is spelt too long');
  }

  #checkImmediates({ instruction, prefix, code, first, second }: Decoded): void {
    const opcodeBytes = prefix === 0 ? 1 : code < 0x80 ? 2 : 3;
    this.#aside.position = this.#start + opcodeBytes;
    switch (instruction.immediate) {
      case 'memarg':
      case 'memarg-lane':
        this.#needMemory(undefined);
        if (this.#aside.u32() > alignmentMax(prefix, code)) throw this.#invalid('an access is aligned too far');
        if (instruction.immediate === 'memarg-lane') this.#checkLanes(1, laneCount(code));
        return;
      case 'lane':
        this.#checkLanes(1, laneCount(code));
        return;
      case 's32':
        if (first !== (first | 0)) throw this.#invalid('a constant has more than 32 bits');
        return;
      case 'bytes-16':
        // i8x16.shuffle; a constant may have any bytes.
        if (code === 13) this.#checkLanes(16, 32);
        return;
      case 'index':
        if (prefix === 0 || code === 11) this.#needMemory(1);
        else this.#need(code === 9 ? 'data' : 'element', first);
        return;
      case 'two-indexes':
        if (code === 10) this.#needMemory(2);
        else if (code === 8) {
          this.#need('data', this.#aside.u32());
          this.#needMemory(1);
        } else {
          this.#need(code === 12 ? 'element' : 'table', first);
          this.#need('table', second);
        }
        return;
      default:
    }
  }

  /** What is left of the instruction has to be the memory's index, so often, each time as one zero byte. */
  #needMemory(indexes: number | undefined): void {
    if (this.#module.memory === undefined) throw this.#invalid('there is no memory');
    if (indexes === undefined) return;
    const from = this.#aside.position;
    if (this.#reader.position - from !== indexes) throw this.#invalid('the index of a memory is spelt too long');
    for (let i = 0; i < indexes; i++) if (this.#reader.bytes[from + i] !== 0) throw forbidFeature('several memories');
  }

  #need(what: 'data' | 'element' | 'table', index: number): void {
    const { dataCount, elementCount, tableCount } = this.#module;
    const count = what === 'data' ? (dataCount ?? 0) : what === 'element' ? elementCount : tableCount;
    if (index >= count) throw this.#invalid(`there is no ${what} ${index}`);
  }

  /** The last `bytes` bytes of the instruction choose from so many lanes. */
  #checkLanes(bytes: number, count: number): void {
    const { position } = this.#reader;
    for (let at = position - bytes; at < position; at++) {
      if (this.#reader.bytes[at]! >= count) throw this.#invalid('there is no such lane');
    }
  }

  #invalid(why: string): KernelRefusedError {
    const where = `function ${this.#index} of the kernel is not valid at byte ${this.#start}`;
    return new KernelRefusedError('invalid', `${where}: ${why}`);
  }
}

function slotsOf(type: number): number {
  return type === VALUE.v128 ? 2 : 1;
}

function areSame(some: readonly number[], others: readonly number[]): boolean {
  return some.length === others.length && some.every((type, index) => type === others[index]);
}
