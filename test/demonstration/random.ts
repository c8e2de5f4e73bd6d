/** Seeded choices: the same seed makes the same ones. Not for secrets. */
import { createHash } from 'node:crypto';

/** Uniform in [0, 1), fixed by seed and name. */
export function drawn(seed: number, name: string): number {
  return createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE(0) / 2 ** 32;
}

export function drawnFrom<T>(seed: number, name: string, items: readonly T[]): T {
  return items[Math.floor(drawn(seed, name) * items.length)]!;
}
