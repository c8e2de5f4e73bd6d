/** The single-machine count of primes: the plain sieve of Eratosthenes, nothing segmented. */

/** Number of primes p with from ≤ p < to. Takes one byte of memory per number below `to`. */
export function countPrimes(from: number, to: number): number {
  const composite = new Uint8Array(Math.max(2, to));
  for (let factor = 2; factor * factor < to; factor++) {
    if (composite[factor] === 1) continue;
    for (let multiple = factor * factor; multiple < to; multiple += factor) composite[multiple] = 1;
  }
  let count = 0;
  for (let number = Math.max(2, from); number < to; number++) if (composite[number] === 0) count++;
  return count;
}

/** As the result of a job: one u64. */
export function primesAsBytes(count: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(count));
  return bytes;
}
