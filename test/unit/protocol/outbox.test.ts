/** How a peer speaks: batched by job, paced under what its neighbours let through, and all at once in a goodbye. */
import { describe, expect, it } from 'vitest';
import { Tickets } from '../../../node/protocol/core.ts';
import type { JobId } from '../../../node/protocol/ids.ts';
import { Outbox } from '../../../node/protocol/outbox.ts';
import { openParameters, PROTOCOL_VERSION } from '../../../node/protocol/parameters.ts';
import { TokenBuckets } from '../../../node/protocol/trust/bucket.ts';
import { Turn } from '../../../node/protocol/turn.ts';
import { encodeBody, signedBytes } from '../../../node/protocol/wire/envelope.ts';
import type { Body, RevealEntry } from '../../../node/protocol/wire/statement.ts';
import { digest, key, modelJob, START_MS } from './fixtures.ts';

const SELF = key('self');
const PARAMETERS = openParameters();
const [JOB, OTHER] = [digest('job') as string as JobId, digest('other') as string as JobId];

function outbox() {
  const tickets = new Tickets();
  const box = new Outbox(PARAMETERS, SELF, tickets);
  const said: Body[] = [];
  const flush = (now: number, force = false): number | undefined => {
    const turn = new Turn(now);
    const next = box.flush(turn, force);
    for (const effect of turn.effects) {
      if (effect.type !== 'sign') throw new Error(`unexpected ${effect.type}`);
      const purpose = tickets.take(effect.ticket);
      if (purpose?.for !== 'signature') throw new Error('a signature without a purpose');
      expect(effect.bytes).toEqual(signedBytes(PARAMETERS.network, SELF, encodeBody(purpose.body)));
      said.push(purpose.body);
    }
    return next;
  };
  return { box, said, flush };
}

const reveal = (unit: number): RevealEntry => ({
  unit,
  merkle: digest('m'),
  fuel: 1,
  inputDigest: digest('i'),
  salt: digest('s'),
  closing: [digest('c')],
  output: modelJob().spec.input,
});

describe('the outbox', () => {
  it('puts what is said about one job at one moment into one statement, up to its size', () => {
    const { box, said, flush } = outbox();
    for (let unit = 0; unit < 40; unit++) box.commit(JOB, { unit, seal: digest(`${unit}`) });
    for (let unit = 0; unit < 20; unit++) box.reveal(JOB, reveal(unit));
    for (let unit = 0; unit < 33; unit++) box.claim(JOB, unit, 2_000);
    box.claim(JOB, 90, 0);
    box.commit(OTHER, { unit: 1, seal: digest('x') });
    expect(flush(START_MS)).toBeUndefined();
    const shape = said.map((body) => {
      if (body.kind === 'commit' || body.kind === 'reveal') return [body.kind, body.job, body.entries.length];
      return body.kind === 'claim' ? [body.kind, body.leaseMs, body.units.length] : [body.kind];
    });
    expect(shape).toEqual([
      ['commit', JOB, 32],
      ['commit', JOB, 8],
      ['commit', OTHER, 1],
      ['reveal', JOB, 16],
      ['reveal', JOB, 4],
      ['claim', 2_000, 32],
      ['claim', 2_000, 1],
      ['claim', 0, 1],
    ]);
    expect(flush(START_MS)).toBeUndefined();
    expect(said).toHaveLength(8);
  });

  it('stays under what a neighbour with the same parameters lets through, however much there is to say', () => {
    const { box, said, flush } = outbox();
    const neighbour = new TokenBuckets(PARAMETERS.messagesPerSecond, PARAMETERS.messageBurst);
    let at = START_MS;
    for (let i = 0; i < 400; i++) {
      box.commit(JOB, { unit: i, seal: digest(`${i}`) });
      const before = said.length;
      const next = flush(at);
      for (let n = before; n < said.length; n++) expect(neighbour.take(said[n]!.kind, at)).toBe(true);
      // Now and then the timer, mostly the next thing to say.
      at = i % 7 === 0 && next !== undefined ? next : at + 20;
    }
    while (flush(at) !== undefined) at += 50;
    const units = said.flatMap((body) => (body.kind === 'commit' ? body.entries.map(({ unit }) => unit) : []));
    expect(units.sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => i));
    expect(said.length).toBeLessThan(400);
  });

  it('says when it can go on, and can go on then', () => {
    const { box, said, flush } = outbox();
    let now = START_MS + 0.3;
    for (let i = 0; i < 60; i++) {
      box.claim(JOB, i, 1_000);
      const before = said.length;
      const next = flush(now);
      if (next === undefined) continue;
      expect(next).toBeGreaterThan(now);
      expect(said.length).toBe(before);
      now = next;
      flush(now);
      expect(said.length).toBe(before + 1);
    }
  });

  it('says everything in a goodbye', () => {
    const { box, said, flush } = outbox();
    for (let i = 0; i < 100; i++) {
      box.claim(JOB, i, 1_000 + i);
      box.reveal(JOB, reveal(i));
    }
    expect(flush(START_MS, true)).toBeUndefined();
    expect(said).toHaveLength(100 + 7);
  });

  it('signs for its own version and network', () => {
    expect(PROTOCOL_VERSION).toBe(1);
    const signed = Buffer.from(signedBytes('open', SELF, new Uint8Array())).toString('latin1');
    expect(signed.startsWith('shoal/1|open|')).toBe(true);
  });
});
