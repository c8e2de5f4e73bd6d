/**
 * The host's side of a WASI program: everything it can learn or do. Its input is standard input, its output is standard
 * output; standard error is counted and dropped, but for the beginning that its author may see. Clocks stand still,
 * randomness is a function of arguments and input, the environment is empty, and there are no files.
 *
 * A mistake here is a mistake in what the network agrees on, so the rules are few. Every call is charged before it does
 * anything, work that has a length is charged by it before it is done, and nothing depends on the engine: no time, no
 * text of an error. Pointers are checked in `memory.ts`.
 */
import { taskInput } from '../abi.ts';
import type { Sha256 } from '../unit.ts';
import { type Buffer, Fault, type ProgramMemory } from './memory.ts';
import { RandomStream } from './random.ts';
import {
  type ANSWERED,
  DENIED,
  ERRNO,
  ITEMS_IN_CALL_MAX,
  REAL_TIME,
  STDERR_KEPT_BYTES,
  WASI_FUEL,
  WASI_MODULE,
} from './table.ts';

/** How a program ends before `_start` returns; thrown through it. */
export class ProgramEnd {
  readonly how: 'exit' | 'out-of-fuel' | 'output-too-large';
  readonly exitCode: number;
  constructor(how: ProgramEnd['how'], exitCode = 0) {
    this.how = how;
    this.exitCode = exitCode;
  }
}

export interface HostParts {
  /** NUL-terminated strings, one after the other; the program's name first. */
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
  readonly outputBytesMax: number;
  readonly sha256: Sha256;
}

/** What is known once there is an instance. */
export interface HostTarget {
  readonly memory: ProgramMemory;
  readonly fuel: WebAssembly.Global;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const CLOCKS = 4;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const EVENT_CLOCK = 0;
const EVENT_READ = 1;
const EVENT_WRITE = 2;
const RIGHT_READ = 1n << 1n;
const RIGHT_SET_FLAGS = 1n << 3n;
const RIGHT_WRITE = 1n << 6n;
const RIGHT_FILESTAT = 1n << 21n;
const RIGHT_POLL = 1n << 27n;
const U32_MAX = 0xffff_ffff;

type HostFunction = (...parameters: never[]) => number | undefined;

export class WasiHost {
  readonly #parts: HostParts;
  readonly #arguments: readonly Uint8Array[];
  readonly #open = [true, true, true];
  readonly #flags = [0, 0, 0];
  #target: HostTarget | undefined;
  #read = 0;
  #output = new Uint8Array(0);
  #written = 0;
  #stderr = new Uint8Array(0);
  #random: RandomStream | undefined;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#arguments = splitArguments(parts.parameters);
  }

  /** Before anything of the program runs. */
  bind(target: HostTarget): void {
    this.#target = target;
  }

  get imports(): WebAssembly.Imports {
    const functions: Record<string, (...parameters: never[]) => unknown> = {};
    const answers = this.#answers();
    for (const [name, answer] of Object.entries(answers)) {
      functions[name] = (...parameters) => this.#answer(() => answer(...parameters));
    }
    for (const [name, [, error]] of Object.entries(DENIED)) {
      functions[name] = (...parameters) => this.#answer(() => this.#denied(name, parameters[0]!, error));
    }
    return { [WASI_MODULE]: functions as WebAssembly.ModuleImports };
  }

  /** What stands in standard output. */
  get output(): Uint8Array {
    return this.#output.slice(0, this.#written);
  }

  /** The beginning of what was written to standard error. */
  get stderr(): Uint8Array {
    return this.#stderr;
  }

  #answer(answer: () => number | undefined): number | undefined {
    this.#charge(WASI_FUEL.call);
    try {
      return answer();
    } catch (error) {
      if (error instanceof Fault) return ERRNO.fault;
      throw error;
    }
  }

  #answers(): Record<keyof typeof ANSWERED, HostFunction> {
    return {
      args_get: (pointers: number, bytes: number) => this.#strings(this.#arguments, pointers, bytes),
      args_sizes_get: (count: number, bytes: number) => this.#sizes(this.#arguments, count, bytes),
      environ_get: (pointers: number, bytes: number) => this.#strings([], pointers, bytes),
      environ_sizes_get: (count: number, bytes: number) => this.#sizes([], count, bytes),
      clock_res_get: (clock: number, result: number) => this.#clock(clock, result, () => 1n),
      clock_time_get: (clock: number, _precision: bigint, result: number) =>
        this.#clock(clock, result, () => (clock === 0 ? REAL_TIME : 0n)),
      fd_close: (fd: number) => this.#close(fd),
      fd_fdstat_get: (fd: number, result: number) => this.#fdstat(fd, result),
      fd_fdstat_set_flags: (fd: number, flags: number) => this.#setFlags(fd, flags),
      fd_filestat_get: (fd: number, result: number) => this.#filestat(fd, result),
      fd_read: (fd: number, list: number, count: number, result: number) =>
        this.#readInto(fd, list, count >>> 0, result),
      fd_write: (fd: number, list: number, count: number, result: number) =>
        this.#writeOut(fd, list, count >>> 0, result),
      poll_oneoff: (list: number, events: number, count: number, result: number) =>
        this.#poll(list, events, count >>> 0, result),
      proc_exit: (exitCode: number) => {
        throw new ProgramEnd('exit', exitCode >>> 0);
      },
      random_get: (address: number, length: number) => this.#fillRandom(address, length >>> 0),
      sched_yield: () => ERRNO.success,
    };
  }

  get #memory(): ProgramMemory {
    return this.#target!.memory;
  }

  #charge(amount: number): void {
    const { fuel } = this.#target!;
    const left = (fuel.value as bigint) - BigInt(amount);
    fuel.value = left;
    if (left < 0n) throw new ProgramEnd('out-of-fuel');
  }

  #chargeBytes(count: number): void {
    this.#charge(Math.ceil(count / WASI_FUEL.bytesPerFuel));
  }

  #isOpen(fd: number): boolean {
    return this.#open[fd] === true;
  }

  #denied(name: string, first: number, error: number): number {
    if (name === 'proc_raise' || this.#isOpen(first)) return error;
    return ERRNO.badDescriptor;
  }

  #strings(strings: readonly Uint8Array[], pointers: number, bytes: number): number {
    const size = strings.reduce((sum, { length }) => sum + length, 0);
    this.#chargeBytes(4 * strings.length + size);
    this.#memory.range(pointers, 4 * strings.length);
    this.#memory.range(bytes, size);
    let at = bytes >>> 0;
    strings.forEach((text, index) => {
      this.#memory.putU32((pointers >>> 0) + 4 * index, at);
      this.#memory.range(at, text.length).set(text);
      at += text.length;
    });
    return ERRNO.success;
  }

  #sizes(strings: readonly Uint8Array[], count: number, bytes: number): number {
    this.#memory.range(count, 4);
    this.#memory.range(bytes, 4);
    this.#memory.putU32(count, strings.length);
    this.#memory.putU32(
      bytes,
      strings.reduce((sum, { length }) => sum + length, 0),
    );
    return ERRNO.success;
  }

  #clock(clock: number, result: number, value: () => bigint): number {
    if (clock >>> 0 >= CLOCKS) return ERRNO.invalid;
    this.#memory.putU64(result, value());
    return ERRNO.success;
  }

  #close(fd: number): number {
    if (!this.#isOpen(fd)) return ERRNO.badDescriptor;
    this.#open[fd] = false;
    return ERRNO.success;
  }

  /** Of a type that is not known, as a pipe has in WASI: no terminal, and nothing to seek in. */
  #fdstat(fd: number, result: number): number {
    if (!this.#isOpen(fd)) return ERRNO.badDescriptor;
    const rights = RIGHT_SET_FLAGS | RIGHT_FILESTAT | RIGHT_POLL | (fd === STDIN ? RIGHT_READ : RIGHT_WRITE);
    this.#memory.range(result, 24).fill(0);
    this.#memory.putU32(result, this.#flags[fd]! << 16);
    this.#memory.putU64((result >>> 0) + 8, rights);
    return ERRNO.success;
  }

  #setFlags(fd: number, flags: number): number {
    if (!this.#isOpen(fd)) return ERRNO.badDescriptor;
    this.#flags[fd] = flags & 0xffff;
    return ERRNO.success;
  }

  #filestat(fd: number, result: number): number {
    if (!this.#isOpen(fd)) return ERRNO.badDescriptor;
    this.#memory.range(result, 64).fill(0);
    this.#memory.putU64((result >>> 0) + 24, 1n);
    return ERRNO.success;
  }

  #readInto(fd: number, list: number, count: number, result: number): number {
    if (fd !== STDIN || !this.#isOpen(fd)) return ERRNO.badDescriptor;
    if (count > ITEMS_IN_CALL_MAX) return ERRNO.invalid;
    this.#charge(count * WASI_FUEL.item);
    const { input } = this.#parts;
    const buffers = this.#memory.buffers(list, count);
    this.#memory.range(result, 4);
    const left = input.length - this.#read;
    this.#chargeBytes(Math.min(left, total(buffers)));
    const before = this.#read;
    for (const { address, length } of buffers) {
      const part = input.subarray(this.#read, this.#read + length);
      this.#memory.range(address, part.length).set(part);
      this.#read += part.length;
    }
    this.#memory.putU32(result, this.#read - before);
    return ERRNO.success;
  }

  #writeOut(fd: number, list: number, count: number, result: number): number {
    if (fd === STDIN || !this.#isOpen(fd)) return ERRNO.badDescriptor;
    if (count > ITEMS_IN_CALL_MAX) return ERRNO.invalid;
    this.#charge(count * WASI_FUEL.item);
    const buffers = this.#memory.buffers(list, count);
    this.#memory.range(result, 4);
    const bytes = total(buffers);
    if (bytes > U32_MAX) return ERRNO.invalid;
    if (fd === STDERR) {
      this.#chargeBytes(bytes);
      this.#keepStderr(buffers);
    } else {
      this.#charge(bytes * WASI_FUEL.outputByte);
      this.#reserve(bytes);
      for (const { address, length } of buffers) {
        this.#output.set(this.#memory.range(address, length), this.#written);
        this.#written += length;
      }
    }
    this.#memory.putU32(result, bytes);
    return ERRNO.success;
  }

  #reserve(bytes: number): void {
    const wanted = this.#written + bytes;
    if (wanted > this.#parts.outputBytesMax) throw new ProgramEnd('output-too-large');
    if (wanted <= this.#output.length) return;
    const larger = new Uint8Array(Math.max(wanted, 2 * this.#output.length));
    larger.set(this.#output.subarray(0, this.#written));
    this.#output = larger;
  }

  #keepStderr(buffers: readonly Buffer[]): void {
    for (const { address, length } of buffers) {
      const room = STDERR_KEPT_BYTES - this.#stderr.length;
      if (room === 0) return;
      const part = this.#memory.range(address, Math.min(length, room));
      const kept = new Uint8Array(this.#stderr.length + part.length);
      kept.set(this.#stderr);
      kept.set(part, this.#stderr.length);
      this.#stderr = kept;
    }
  }

  /** Everything is ready at once: input is there, output takes more, and no time passes that could be waited for. */
  #poll(list: number, events: number, count: number, result: number): number {
    if (count === 0 || count > ITEMS_IN_CALL_MAX) return ERRNO.invalid;
    this.#charge(count * WASI_FUEL.item);
    const memory = this.#memory;
    memory.range(list, count * SUBSCRIPTION_BYTES);
    memory.range(events, count * EVENT_BYTES);
    memory.range(result, 4);
    // Read as a whole first, because the two lists may overlap.
    const subscriptions = Array.from({ length: count }, (_, index) => {
      const at = (list >>> 0) + index * SUBSCRIPTION_BYTES;
      return { userdata: memory.u64(at), kind: memory.u16(at + 8) & 0xff, what: memory.u32(at + 16) };
    });
    subscriptions.forEach(({ userdata, kind, what }, index) => {
      const at = (events >>> 0) + index * EVENT_BYTES;
      const event = memory.range(at, EVENT_BYTES).fill(0);
      memory.putU64(at, userdata);
      event[8] = this.#pollError(kind, what);
      event[10] = kind;
      if (event[8] !== 0) return;
      if (kind === EVENT_READ) memory.putU64(at + 16, BigInt(this.#parts.input.length - this.#read));
      if (kind === EVENT_WRITE) memory.putU64(at + 16, 1n);
    });
    memory.putU32(result, count);
    return ERRNO.success;
  }

  #pollError(kind: number, what: number): number {
    if (kind === EVENT_CLOCK) return what < CLOCKS ? ERRNO.success : ERRNO.invalid;
    if (kind !== EVENT_READ && kind !== EVENT_WRITE) return ERRNO.invalid;
    const fits = kind === EVENT_READ ? what === STDIN : what === STDOUT || what === STDERR;
    return fits && this.#isOpen(what) ? ERRNO.success : ERRNO.badDescriptor;
  }

  #fillRandom(address: number, length: number): number {
    const target = this.#memory.range(address, length);
    this.#charge(length * WASI_FUEL.randomByte);
    if (this.#random === undefined) {
      const { parameters, input, sha256 } = this.#parts;
      this.#charge((parameters.length + input.length) * WASI_FUEL.seedByte);
      this.#random = new RandomStream(sha256, taskInput(parameters, input));
    }
    this.#random.fill(target);
    return ERRNO.success;
  }
}

function total(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/** Each with its NUL; one that is missing at the very end is added. */
function splitArguments(bytes: Uint8Array): readonly Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(0, start);
    const end = found < 0 ? bytes.length : found;
    const text = new Uint8Array(end - start + 1);
    text.set(bytes.subarray(start, end));
    strings.push(text);
    start = end + 1;
  }
  return strings;
}
