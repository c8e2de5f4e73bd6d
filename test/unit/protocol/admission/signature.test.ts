/** What a signature has to do with being let in. */
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../../node/protocol/bytes.ts';
import { sealEnvelope } from '../../../../node/protocol/wire/envelope.ts';
import { Bench } from '../bench.ts';
import { envelope, NETWORK, START_MS } from '../fixtures.ts';
import { A, B, C, identity } from './door.ts';

describe('a signature', () => {
  it('that does not fit is rejected and leaves no trace: the true statement is admitted afterwards', () => {
    const bench = new Bench();
    const true_ = envelope(A, identity(START_MS));
    const forged = sealEnvelope(A, true_.body, true_.signedBytes, new Uint8Array(64).fill(1));
    expect(bench.gossipBytes(forged.bytes, B)).toBe('reject');
    expect(bench.gossipBytes(true_.bytes, C)).toBe('accept');
    expect(bench.gossipBytes(forged.bytes, B)).toBe('ignore');
  });

  it('is asked for over exactly the signed bytes', () => {
    const bench = new Bench();
    bench.held.add('verify');
    const sent = envelope(A, identity(START_MS));
    bench.gossipBytes(sent.bytes, A);
    const [verify] = bench.effectsOf('verify');
    expect(verify).toMatchObject({ author: A, bytes: sent.signedBytes, signature: sent.signature });
    expect(Buffer.from(verify!.bytes).includes(Buffer.from(fromHex(A)))).toBe(true);
  });

  it('of two copies under way at once: one is admitted, the other ignored', () => {
    const bench = new Bench();
    bench.held.add('verify');
    const sent = envelope(A, identity(START_MS));
    bench.gossipBytes(sent.bytes, A);
    bench.gossipBytes(sent.bytes, B);
    for (const { ticket } of bench.effectsOf('verify')) bench.handle({ type: 'verified', ticket, valid: true });
    expect(bench.effectsOf('answer').map(({ answer }) => answer)).toEqual(['accept', 'ignore']);
  });

  it('made for another network fits nothing here', () => {
    const bench = new Bench();
    expect(bench.gossipBytes(envelope(A, identity(START_MS), 'elsewhere').bytes, A)).toBe('reject');
    expect(bench.notified('statement-refused').at(-1)).toMatchObject({ code: 'bad-signature' });
    expect(NETWORK).not.toBe('elsewhere');
  });
});
