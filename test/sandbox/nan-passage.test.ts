import { describe, expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { compareExpressions } from '../fuzz/expressions.ts';
import { compareStores } from '../fuzz/stores.ts';

const EXPRESSIONS = 60;
const STORES = 150;

describe('NaNs that are handed on', () => {
  it.each(['simple', 'merged'] as const)('are canonical wherever they are looked at, %s', (mode) => {
    for (let seed = 0; seed < EXPRESSIONS; seed++) expect(compareExpressions(seed, { meter }, mode)).toBeUndefined();
  });
});

describe('NaNs that are stored one after the other', () => {
  it.each(['simple', 'merged'] as const)('are canonical whatever is read or stored between, %s', (mode) => {
    for (let seed = 0; seed < STORES; seed++) expect(compareStores(seed, { meter }, mode)).toBeUndefined();
  });
});
