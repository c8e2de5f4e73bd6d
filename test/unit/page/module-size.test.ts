/** Files that are no kernels by their size alone. */
import { expect, it } from 'vitest';
import { checkModuleSize } from '../../../browser/page/model/module-size.ts';
import { BLOCK_BYTES_MAX } from '../../../node/protocol/limits.ts';

it('refuses a module that no block holds, by its size, and says both', () => {
  expect(() => checkModuleSize({ name: 'a.wasm', size: BLOCK_BYTES_MAX })).not.toThrow();
  expect(() => checkModuleSize({ name: 'a.wasm', size: 100_000_000 })).toThrow(
    /^a\.wasm has 9\d(\.\d)? MiB.* up to 2(\.0)? MiB$/,
  );
});
