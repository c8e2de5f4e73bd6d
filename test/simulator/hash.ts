/**
 * Cheap hashes that are not cryptographic: message ids, modelled signatures, the trace, seeds of random streams.
 * In a simulated world nobody searches for collisions; speed is all that is asked for. What the protocol itself
 * hashes is hashed by the protocol, with SHA-256.
 */
const START = Uint32Array.of(0x2545f491, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35);

/** Four words over bytes, continuing from `seed`. */
export function hash128(bytes: Uint8Array, seed: Uint32Array = START): Uint32Array {
  let a = seed[0]!;
  let b = seed[1]!;
  let c = seed[2]!;
  let d = seed[3]! ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    a = Math.imul(a ^ byte, 0x01000193) ^ (d >>> 13);
    b = Math.imul(b + byte, 0x27d4eb2f) ^ (a >>> 15);
    c = Math.imul(c ^ b, 0x165667b1);
    d = Math.imul(d + c, 0x5bd1e995) ^ (c >>> 11);
  }
  return Uint32Array.of(avalanche(a ^ (c << 1)), avalanche(b ^ d), avalanche(c + a), avalanche(d + b));
}

export function hashText(text: string, seed: Uint32Array = START): Uint32Array {
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[2 * i] = code & 0xff;
    bytes[2 * i + 1] = code >>> 8;
  }
  return hash128(bytes, seed);
}

export function hexOf(words: Uint32Array): string {
  let text = '';
  for (const word of words) text += word.toString(16).padStart(8, '0');
  return text;
}

function avalanche(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A hash over everything that happened, in order: two runs with the same value were the same run. */
export class RunningHash {
  #state: Uint32Array = START;
  #count = 0;

  text(text: string): void {
    this.#state = hashText(text, this.#state);
    this.#count++;
  }

  bytes(bytes: Uint8Array): void {
    this.#state = hash128(bytes, this.#state);
    this.#count++;
  }

  /** 32 hex digits. */
  digest(): string {
    return hexOf(this.#state);
  }

  get count(): number {
    return this.#count;
  }
}
