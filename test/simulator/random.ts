/**
 * Seeded random numbers. A stream is xoshiro128** over a state that is derived from a seed and a path of names, so
 * that each consumer has a stream of its own: adding one, or drawing more from one, never shifts the others.
 */
import { hashText } from './hash.ts';

export class RandomStream {
  readonly #seed: Uint32Array;
  readonly #state: Uint32Array;

  private constructor(seed: Uint32Array) {
    this.#seed = seed;
    this.#state = seed.slice();
    // An all-zero state would stay zero for ever.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  static seeded(seed: number): RandomStream {
    return new RandomStream(hashText(`seed ${seed}`));
  }

  /** An independent stream: the same name gives the same stream, whatever has been drawn from this one. */
  fork(name: string): RandomStream {
    return new RandomStream(hashText(name, this.#seed));
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.#word() / 4_294_967_296;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Log-normal with this median; `sigma` is the standard deviation of its logarithm. */
  logNormal(median: number, sigma: number): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.next();
    return median * Math.exp(sigma * sum);
  }

  /** Exponential with this mean: time between two events of a Poisson process. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#word() & 0xff);
  }

  /** A copy in random order. */
  shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j]!, copy[i]!];
    }
    return copy;
  }

  #word(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
