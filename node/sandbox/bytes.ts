/**
 * Reading and writing the binary format of WebAssembly: bytes, names and LEB128 numbers. The reader is used on
 * modules nobody has validated yet, so it checks every bound and refuses with a code instead of returning undefined.
 */
import { NAME_BYTES_MAX } from './limits.ts';
import { KernelRefusedError } from './refusal.ts';

export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  byte(): number {
    if (this.position >= this.end) throw this.#malformed('it ends in the middle of something');
    return this.bytes[this.position++]!;
  }

  peek(): number | undefined {
    return this.position < this.end ? this.bytes[this.position] : undefined;
  }

  skip(count: number): void {
    if (count > this.end - this.position) throw this.#malformed('it ends in the middle of something');
    this.position += count;
  }

  /** Unsigned LEB128 of up to 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.#malformed('a number has more than 32 bits');
  }

  /** Signed LEB128 of up to 33 bits: constants and block types. */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return (byte & 0x40) === 0 ? value : value - 2 ** (shift + 7);
    }
    throw this.#malformed('a number has more than 33 bits');
  }

  /** Signed LEB128 of up to 64 bits. */
  skipLeb64(): void {
    for (let count = 0; count < 9; count++) if (this.byte() < 0x80) return;
    const last = this.byte();
    if (last === 0 || last === 0x7f) return;
    throw this.#malformed('a number has more than 64 bits');
  }

  /** A length and that many bytes of UTF-8. */
  name(): string {
    const length = this.u32();
    if (length > NAME_BYTES_MAX) {
      throw new KernelRefusedError(
        'too-large',
        `a name in the kernel has ${length} bytes, at most ${NAME_BYTES_MAX} are allowed`,
      );
    }
    const start = this.position;
    this.skip(length);
    return this.#text(this.bytes.subarray(start, start + length));
  }

  /** A reader over the next `length` bytes, which this one skips. */
  slice(length: number): ByteReader {
    const start = this.position;
    this.skip(length);
    return new ByteReader(this.bytes, start, start + length);
  }

  #text(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(bytes);
    } catch {
      throw this.#malformed('a name is not UTF-8');
    }
  }

  #malformed(why: string): KernelRefusedError {
    return new KernelRefusedError('invalid', `the kernel is damaged at byte ${this.position}: ${why}`);
  }
}

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  put(...values: readonly number[]): this {
    for (const value of values) this.byte(value);
    return this;
  }

  append(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.#reserve(end - start);
    // A loop beats set(subarray) for the few bytes of one instruction.
    if (end - start < 16) for (let i = start; i < end; i++) this.#bytes[this.#length++] = bytes[i]!;
    else {
      this.#bytes.set(bytes.subarray(start, end), this.#length);
      this.#length += end - start;
    }
    return this;
  }

  appendWriter(other: ByteWriter): this {
    return this.append(other.#bytes, 0, other.#length);
  }

  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.byte(rest);
  }

  /** Signed LEB128 from a safe integer. */
  signed(value: number): this {
    let rest = value;
    for (;;) {
      const low = ((rest % 0x80) + 0x80) % 0x80;
      rest = Math.floor(rest / 0x80);
      if ((rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).append(bytes);
  }

  clear(): void {
    this.#length = 0;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
