import { describe, expect, it } from 'vitest';
import type { JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { Reason } from '../../../node/protocol/view.ts';
import { explain } from '../../../node/runtime/why.ts';

const job = 'abcdef0123456789' as JobId;
const peers = ['aa' as PeerKey, 'bb' as PeerKey];
const wording = { peer: (key: PeerKey) => `peer-${key}`, nowMs: 10_000 };

/** One of each code; the compiler refuses this table when a code is missing. */
const REASONS: { readonly [code in Reason['code']]: Extract<Reason, { code: code }> } = {
  'no-peers': { code: 'no-peers' },
  'dial-failed': {
    code: 'dial-failed',
    address: '/ip4/127.0.0.1/tcp/9',
    failure: 'unreachable',
    detail: 'ECONNREFUSED',
  },
  'no-job': { code: 'no-job' },
  'computes-nothing': { code: 'computes-nothing' },
  'not-rostered': { code: 'not-rostered', job },
  'rank-not-open': { code: 'rank-not-open', job, untilMs: 12_500 },
  'claimed-by-others': { code: 'claimed-by-others', job, untilMs: 40_000 },
  'waiting-for-quorum': { code: 'waiting-for-quorum', job, unit: 3, have: 1, need: 2, units: 5 },
  held: { code: 'held', job, unit: 3, untilMs: 10_250 },
  disputed: { code: 'disputed', job, unit: 3, wants: 're-execution', units: 2 },
  'inputs-unavailable': { code: 'inputs-unavailable', job, missing: 2, asked: peers },
  paused: { code: 'paused', reasons: ['battery', 'hours'] },
  'job-paused': { code: 'job-paused', job },
  sandbox: { code: 'sandbox', detail: 'the sandbox process does not start: no such switch' },
  storage: { code: 'storage', detail: 'the disk is full' },
  'roster-below-quorum': { code: 'roster-below-quorum', job, roster: 1, quorum: 2 },
  alone: { code: 'alone', job },
  'poison-unit': { code: 'poison-unit', job, unit: 3, how: 'wall clock' },
  'unrevealed-full': { code: 'unrevealed-full', commits: 256 },
  working: { code: 'working', units: 1 },
};

describe('why', () => {
  it.each(Object.values(REASONS).map((reason) => [reason.code, reason] as const))('has words for %s', (_, reason) => {
    const { text, advice } = explain(reason, wording);
    expect(text.length).toBeGreaterThan(10);
    expect(`${text} ${advice ?? ''}`).not.toMatch(/undefined|NaN|\[object/);
    if ('job' in reason) expect(text).toContain(job.slice(0, 10));
    if ('unit' in reason) expect(text).toContain(`unit ${reason.unit}`);
  });

  it('says different things for different codes', () => {
    const texts = Object.values(REASONS).map((reason) => explain(reason, wording).text);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('counts time from now and names peers as it was told to', () => {
    expect(explain(REASONS['rank-not-open'], wording).text).toContain('2.5 s');
    expect(explain(REASONS['claimed-by-others'], wording).text).toContain('30 s');
    expect(explain(REASONS['inputs-unavailable'], wording).text).toContain('peer-aa, peer-bb');
    expect(explain({ ...REASONS['inputs-unavailable'], asked: [] }, wording).text).toContain('nobody');
    expect(explain({ ...REASONS.held, untilMs: 0 }, wording).text).toContain('0.0 s');
  });

  it.each([
    'unreachable',
    'swarm-key-suspected',
    'full',
    'refused',
    'timeout',
    'wrong-peer',
    'failed',
  ] as const)('tells what a dial that failed by %s means', (failure) => {
    const { text, advice } = explain({ ...REASONS['dial-failed'], failure }, wording);
    expect(text).toContain('/ip4/127.0.0.1/tcp/9');
    expect(advice).toBeDefined();
    if (failure === 'swarm-key-suspected') expect(text).toContain('swarm key');
  });
});
