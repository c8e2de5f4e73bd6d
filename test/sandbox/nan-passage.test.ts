import { describe, expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { compareExpressions } from '../fuzz/expressions.ts';

const EXPRESSIONS = 60;

describe('NaNs that are handed on', () => {
  it.each(['simple', 'merged'] as const)('are canonical wherever they are looked at, %s', (mode) => {
    for (let seed = 0; seed < EXPRESSIONS; seed++) expect(compareExpressions(seed, { meter }, mode)).toBeUndefined();
  });
});
