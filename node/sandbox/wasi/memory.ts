/**
 * A program's memory as the host sees it. Addresses and lengths come from the program: each is checked, and one outside
 * the memory gives a Fault, which the host answers as an error number. A read or write is checked as a whole before its
 * first byte is touched, so what a fault leaves behind does not depend on the engine.
 */

/** An address range outside the memory. */
export class Fault {}

export interface Buffer {
  readonly address: number;
  readonly length: number;
}

export class ProgramMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** The bytes from `address` on, as they are now: a view, valid until the program runs again. Throws a Fault. */
  range(address: number, length: number): Uint8Array {
    const start = this.#checked(address, length);
    return this.#bytes.subarray(start, start + length);
  }

  u16(address: number): number {
    const at = this.#checked(address, 2);
    return this.#view.getUint16(at, true);
  }

  u32(address: number): number {
    const at = this.#checked(address, 4);
    return this.#view.getUint32(at, true);
  }

  u64(address: number): bigint {
    const at = this.#checked(address, 8);
    return this.#view.getBigUint64(at, true);
  }

  putU32(address: number, value: number): void {
    const at = this.#checked(address, 4);
    this.#view.setUint32(at, value, true);
  }

  putU64(address: number, value: bigint): void {
    const at = this.#checked(address, 8);
    this.#view.setBigUint64(at, value, true);
  }

  /** A list of `u32 address, u32 length`, and every range it names. Throws a Fault. */
  buffers(address: number, count: number): readonly Buffer[] {
    const list = this.#checked(address, count * 8);
    return Array.from({ length: count }, (_, index) => {
      const length = this.u32(list + 8 * index + 4);
      return { address: this.#checked(this.u32(list + 8 * index), length), length };
    });
  }

  /** Growing gives the memory another buffer, and takes the old one away: the view may be another one after this. */
  #checked(address: number, length: number): number {
    const { buffer } = this.#memory;
    if (this.#bytes.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer);
      this.#view = new DataView(buffer);
    }
    const start = address >>> 0;
    if (start + length > this.#bytes.length) throw new Fault();
    return start;
  }
}
