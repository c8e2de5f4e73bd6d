/**
 * Random bytes that every replica of a task gets alike, and no two tasks: block n is SHA-256(seed | u64 n), and the seed
 * is SHA-256 of a fixed text, the arguments and the input. Nobody should take them for secrets.
 */
import { concatBytes } from '../../protocol/bytes.ts';
import type { Sha256 } from '../unit.ts';

const PURPOSE = new TextEncoder().encode('shoal wasi random');
const BLOCK_BYTES = 32;

export class RandomStream {
  readonly #sha256: Sha256;
  readonly #seed: Uint8Array;
  #block = new Uint8Array(0);
  #counter = 0n;
  #used = 0;

  /** `material` is all that the stream depends on. */
  constructor(sha256: Sha256, material: Uint8Array) {
    this.#sha256 = sha256;
    this.#seed = sha256(concatBytes(PURPOSE, material));
  }

  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; ) {
      if (this.#used === this.#block.length) this.#next();
      const part = this.#block.subarray(this.#used, this.#used + target.length - at);
      target.set(part, at);
      at += part.length;
      this.#used += part.length;
    }
  }

  #next(): void {
    const counter = new Uint8Array(8);
    new DataView(counter.buffer).setBigUint64(0, this.#counter++, true);
    this.#block = new Uint8Array(this.#sha256(concatBytes(this.#seed, counter)));
    if (this.#block.length !== BLOCK_BYTES) throw new Error('SHA-256 gives 32 bytes');
    this.#used = 0;
  }
}
