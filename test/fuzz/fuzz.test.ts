/** A fixed part of the differential fuzzer; `npm run fuzz` goes on from other seeds for as long as one likes. */
import { expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { testBuild } from '../determinism/test-build.ts';
import { compareModule } from './compare.ts';
import { runsOn } from './endless.ts';
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

it('takes no offence at vectors that a trap keeps from being looked at', () => {
  expect(compareModule(15_601, { meter })).toMatchObject({ ending: 'trap', difference: undefined });
  expect(compareModule(96_579, { meter })).toMatchObject({ ending: 'trap', difference: undefined });
});

it('finds no generated module that runs on when its fuel is used up', () => {
  for (let seed = 0; seed < 400; seed++) {
    for (const mode of ['simple', 'merged'] as const)
      expect(runsOn(seed, { meter }, mode), `seed ${seed}`).toBeUndefined();
  }
});

it('finds none either where fuel is looked at behind nearly every call and at nearly every end', async () => {
  // Generated functions are too short to be looked at there.
  const find = 'export const UNCHECKED_MAX = 16 * 1024;';
  const sandbox = await testBuild([{ file: 'unchecked-run.ts', find, replace: 'export const UNCHECKED_MAX = 8;' }]);
  try {
    const usual = { memoryPagesMax: 3, mode: 'merged' } as const;
    let changed = 0;
    for (let seed = 1_000; seed < 1_400; seed++) {
      expect(compareModule(seed, sandbox).difference, `seed ${seed}`).toBeUndefined();
      const bytes = generateModule({ seed, canonical: false });
      if (sandbox.meter(bytes, usual).length > meter(bytes, usual).length) changed++;
    }
    expect(changed).toBeGreaterThan(200);
  } finally {
    sandbox.dispose();
  }
});
