/** Seeded choices: the same seed makes the same ones. Not for secrets. */
import { createHash } from 'node:crypto';

/** Uniform in [0, 1), fixed by seed and name. */
export function drawn(seed: number, name: string): number {
  return createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE(0) / 2 ** 32;
}

/** All of them, in an order fixed by seed and name. */
export function shuffled<T>(seed: number, name: string, items: readonly T[]): readonly T[] {
  const order = items.map((item, index) => ({ item, at: drawn(seed, `${name} ${index}`) }));
  return order.sort((x, y) => x.at - y.at).map(({ item }) => item);
}
