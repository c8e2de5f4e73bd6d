/** A fixed part of the differential fuzzer; `npm run fuzz` goes on from other seeds for as long as one likes. */
import { expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { compareModule } from './compare.ts';
import { generateModule } from './generator.ts';

it('generates valid modules, the same for the same seed', () => {
  for (let seed = 0; seed < 200; seed++) {
    for (const canonical of [false, true]) {
      const bytes = generateModule({ seed, canonical });
      expect(WebAssembly.validate(bytes)).toBe(true);
      expect(Buffer.compare(bytes, generateModule({ seed, canonical }))).toBe(0);
    }
  }
});

it('finds no difference between raw and metered modules, nor between the placements', () => {
  let completed = 0;
  for (let seed = 0; seed < 400; seed++) {
    const { ending, difference } = compareModule(seed, { meter });
    expect(difference, `seed ${seed}`).toBeUndefined();
    if (ending === 'completed') completed++;
  }
  expect(completed).toBeGreaterThan(150);
});
