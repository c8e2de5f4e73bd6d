/** The single-machine count of primes: the sieve of Eratosthenes as one finds it in a textbook. */

/** Primes below `end`, all of them in one array of flags. */
function primesBelow(end: number): number[] {
  const composite = new Uint8Array(Math.max(2, end));
  const primes: number[] = [];
  for (let number = 2; number < end; number++) {
    if (composite[number] === 1) continue;
    primes.push(number);
    for (let multiple = number * number; multiple < end; multiple += number) composite[multiple] = 1;
  }
  return primes;
}

/** Number of primes p with from ≤ p < to. Takes a byte of memory for each number in the range and below √to. */
export function countPrimes(from: number, to: number): number {
  const first = Math.max(2, from);
  if (to <= first) return 0;
  const composite = new Uint8Array(to - first);
  for (const prime of primesBelow(Math.floor(Math.sqrt(to)) + 1)) {
    const start = Math.max(prime * prime, Math.ceil(first / prime) * prime);
    for (let multiple = start; multiple < to; multiple += prime) composite[multiple - first] = 1;
  }
  return composite.reduce((count, flag) => count + 1 - flag, 0);
}

/** As the result of a job: one u64. */
export function primesAsBytes(count: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(count));
  return bytes;
}
