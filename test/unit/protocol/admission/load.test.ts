/** Load is never an offence: it is ignored, and costs nobody but who causes it. */
import { describe, expect, it } from 'vitest';
import { envelope, key, PARAMETERS, START_MS } from '../fixtures.ts';
import { A, DIRECT, door, GOSSIP, hear, identity } from './door.ts';

describe('load', () => {
  it('is ignored, whoever causes it, and forgotten again', () => {
    const { admissions } = door();
    const steps = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const result = hear(admissions, key(i % 300), i);
      steps.add(result.step === 'verify' ? 'verify' : `${result.step} ${result.code}`);
    }
    expect(steps).toEqual(new Set(['verify', 'ignore rate-limited']));
    expect(admissions.precheck(envelope(A, identity(1)).bytes, GOSSIP, START_MS + 60_000).step).toBe('verify');
  });

  it("of one kind leaves the author's other kinds alone, and exchange is not counted", () => {
    const { admissions, id } = door();
    for (let i = 0; i < 200; i++) hear(admissions, A, i);
    expect(hear(admissions, A, 200)).toEqual({ step: 'ignore', code: 'rate-limited' });
    const cancel = envelope(A, { kind: 'cancel', job: id, seq: 0 }).bytes;
    expect(admissions.precheck(cancel, GOSSIP, START_MS).step).toBe('verify');
    for (let i = 0; i < 10_000; i++) {
      expect(admissions.precheck(envelope(A, identity(i)).bytes, DIRECT, START_MS).step).toBe('verify');
    }
  });

  it('of forged statements leaves the bucket of the author they name alone', () => {
    const { admissions } = door();
    for (let i = 0; i < 1_000; i++) admissions.precheck(envelope(A, identity(i)).bytes, GOSSIP, START_MS);
    expect(hear(admissions, A, 1_000).step).toBe('verify');
  });

  it('of a forwarder that carries the traffic of many authors is let through up to its own bucket', () => {
    const { admissions } = door();
    let verified = 0;
    for (let i = 0; i < 10_000; i++) {
      if (admissions.precheck(envelope(key(i), identity(i)).bytes, GOSSIP, START_MS).step === 'verify') verified++;
    }
    expect(verified).toBe(PARAMETERS.messageBurst * 64);
  });
});
