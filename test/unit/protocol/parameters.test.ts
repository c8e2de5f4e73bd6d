/** What peers must share, and how they notice when they do not. */
import { describe, expect, it } from 'vitest';
import { fingerprint, openParameters, privateParameters, testParameters } from '../../../node/protocol/parameters.ts';

describe('parameters', () => {
  it('have a fingerprint that changes with every one of them', () => {
    const base = openParameters();
    const prints = new Set([fingerprint(base)]);
    for (const [name, value] of Object.entries(base)) {
      const changed = typeof value === 'number' ? value + 1 : `${value} changed`;
      prints.add(fingerprint({ ...base, [name]: changed }));
    }
    expect(prints.size).toBe(Object.keys(base).length + 1);
    for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprint(openParameters())).toBe(fingerprint(base));
  });

  it('keep presets apart: the open network needs a quorum of two, a private one may trust itself', () => {
    expect(openParameters().quorumMin).toBe(2);
    expect(privateParameters('k').quorumMin).toBe(1);
    expect(privateParameters('k').holdFloorMs).toBeLessThan(openParameters().holdFloorMs);
    const prints = [openParameters(), privateParameters('a'), privateParameters('b'), testParameters('a')].map(
      fingerprint,
    );
    expect(new Set(prints).size).toBe(4);
  });
});
