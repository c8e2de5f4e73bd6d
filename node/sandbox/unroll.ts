/**
 * Several rounds of a small loop in one, so that its check and its charge come once in so many rounds. A loop of a few
 * instructions would else spend a good part of its time on them.
 *
 *   loop … end   becomes   block
 *                            loop
 *                              block … end    a round that ends where it branched to the loop; whoever falls out of its
 *                              block … end    end has left the loop, and branches behind it
 *                              …              the last round, as it was
 *                            end
 *                          end
 *
 * Only the innermost loops are unrolled, and of these only those that put no fuel back on their way (calls, growth, bulk
 * operations), since that costs more than a check. The code is read as if its author had written it so, with one
 * exception: a branch behind the loop that stands here for falling out of it costs nothing. The simple placement takes
 * the code as it was, and both take the same fuel.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type Decoded, newDecoded, peekLabels, readInstruction } from './instructions.ts';
import type { FunctionBody, KernelModule } from './module.ts';

/** Bytes of all rounds of one loop: past that, its own work is what takes the time. */
const LOOP_BYTES_MAX = 1024;
const ROUNDS_MAX = 4;
/** Code added to one function, and to all: so that what is not refused without unrolling is not refused with it. */
const FUNCTION_ADDED_MAX = 64 * 1024;
const MODULE_ADDED_MAX = 1024 * 1024;

const EMPTY = 0x40;

/** Positions in the bytes of a module with unrolled loops. */
export interface Unrolled {
  /** Blocks that stand for a round: a branch to their end begins the next one. */
  readonly rounds: ReadonlySet<number>;
  /** Branches that were not there before, and cost nothing. */
  readonly added: ReadonlySet<number>;
}

/** Positions in the bytes of the module it is in. */
interface Loop {
  /** Of the instruction itself, of the first in it, and of its `end`. */
  readonly start: number;
  readonly first: number;
  readonly end: number;
  readonly rounds: number;
}

/** The same module where no loop can be unrolled. Else function bodies stand behind the bytes that were there. */
export function unrollLoops(module: KernelModule): KernelModule {
  const rounds = new Set<number>();
  const added = new Set<number>();
  const bodies: (FunctionBody | undefined)[] = [];
  const out = new ByteWriter(module.bytes.length + 1024).append(module.bytes, 0, module.bytes.length);
  let budget = MODULE_ADDED_MAX;
  for (const body of module.bodies) {
    const loops = body === undefined || budget <= 0 ? [] : smallLoops(module, body);
    if (loops.length === 0) {
      bodies.push(body);
      continue;
    }
    const start = out.length;
    const writer = new LoopWriter(module.bytes, out, rounds, added);
    writer.write(body!, loops);
    bodies.push({ ...body!, start, end: out.length });
    budget -= out.length - start - (body!.end - body!.start);
  }
  if (rounds.size === 0) return module;
  return { ...module, bytes: out.finish(), bodies, unrolled: { rounds, added } };
}

interface Open {
  readonly isLoop: boolean;
  readonly start: number;
  readonly first: number;
  /** It has an empty list of parameters, a branch to it, and nothing in it that forbids to unroll it. */
  isSmall: boolean;
  isRepeated: boolean;
}

/** Those to unroll, in the order in which they stand. */
function smallLoops(module: KernelModule, { start, end }: FunctionBody): readonly Loop[] {
  const reader = new ByteReader(module.bytes, start, end);
  const decoded = newDecoded();
  const opened: Open[] = [];
  const loops: Loop[] = [];
  let budget = FUNCTION_ADDED_MAX;
  const spoil = (): void => {
    for (const open of opened) open.isSmall = false;
  };
  while (!reader.done) {
    const labels = peekLabels(reader);
    readInstruction(reader, decoded);
    for (const label of labels ?? branchLabels(decoded)) {
      const target = opened[opened.length - 1 - label];
      if (target !== undefined) target.isRepeated = true;
    }
    const { instruction, start: at } = decoded;
    if (instruction.immediate === 'block') {
      const isLoop = instruction.name === 'loop';
      if (isLoop) spoil();
      const isSmall = isLoop && (decoded.first < 0 || module.types[decoded.first]!.parameters.length === 0);
      opened.push({ isLoop, start: at, first: reader.position, isSmall, isRepeated: false });
    } else if (instruction.name === 'end') {
      const open = opened.pop();
      if (open === undefined || !open.isLoop || !open.isSmall || !open.isRepeated) continue;
      const length = at - open.first;
      const rounds = Math.min(ROUNDS_MAX, Math.floor(LOOP_BYTES_MAX / length));
      if (rounds < 2 || (rounds - 1) * length > budget) continue;
      budget -= (rounds - 1) * length;
      loops.push({ start: open.start, first: open.first, end: at, rounds });
    } else if (putsFuelBack(decoded)) spoil();
  }
  return loops;
}

function putsFuelBack({ prefix, code }: Decoded): boolean {
  return prefix === 0 ? code === 0x10 || code === 0x11 || code === 0x40 : prefix === 0xfc && code >= 8;
}

function branchLabels({ prefix, code, first }: Decoded): readonly number[] {
  return prefix === 0 && (code === 0x0c || code === 0x0d) ? [first] : [];
}

class LoopWriter {
  readonly #bytes: Uint8Array;
  readonly #out: ByteWriter;
  readonly #rounds: Set<number>;
  readonly #added: Set<number>;

  constructor(bytes: Uint8Array, out: ByteWriter, rounds: Set<number>, added: Set<number>) {
    this.#bytes = bytes;
    this.#out = out;
    this.#rounds = rounds;
    this.#added = added;
  }

  write(body: FunctionBody, loops: readonly Loop[]): void {
    let position = body.start;
    for (const loop of loops) {
      this.#out.append(this.#bytes, position, loop.start);
      this.#loop(loop);
      position = loop.end + 1;
    }
    this.#out.append(this.#bytes, position, body.end);
  }

  #loop(loop: Loop): void {
    const out = this.#out;
    // The type of the loop is the type of what is around it, too: it has no parameters.
    out.byte(0x02).append(this.#bytes, loop.start + 1, loop.first);
    out.append(this.#bytes, loop.start, loop.first);
    for (let round = 1; round < loop.rounds; round++) {
      this.#rounds.add(out.length);
      out.put(0x02, EMPTY);
      this.#round(loop, 2);
      this.#added.add(out.length);
      out.put(0x0c, 2, 0x0b);
    }
    this.#round(loop, 1);
    out.put(0x0b, 0x0b);
  }

  /** The loop's instructions; labels beyond the loop's own have moved by so many. */
  #round({ first, end }: Loop, moved: number): void {
    const reader = new ByteReader(this.#bytes, first, end);
    const decoded = newDecoded();
    let depth = 0;
    const label = (value: number): number => (value > depth ? value + moved : value);
    while (!reader.done) {
      const labels = peekLabels(reader);
      readInstruction(reader, decoded);
      const { instruction, start, code } = decoded;
      if (labels !== undefined) {
        this.#out.byte(code).u32(labels.length - 1);
        for (const value of labels) this.#out.u32(label(value));
      } else if (branchLabels(decoded).length > 0) this.#out.byte(code).u32(label(decoded.first));
      else this.#out.append(this.#bytes, start, reader.position);
      if (instruction.immediate === 'block') depth++;
      else if (instruction.name === 'end') depth--;
    }
  }
}
