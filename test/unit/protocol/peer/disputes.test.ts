/** Disputes that this peer helps to settle: by executing again, and by showing two seals. */
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import { Bench } from '../bench.ts';
import { attest, digest, key, keys, leavesOf, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

describe('a re-execution', () => {
  it('that cannot be done here is tried again, and settles the dispute then', () => {
    const bench = new Bench({ self: A });
    bench.introduce(SUBMITTER);
    const model = modelJob({ taskCount: 4 }, [A, B, key('c')].sort());
    const job = bench.announce(SUBMITTER, { ...model, blocks: new Map() });
    const of = (author: PeerKey, lies = {}) =>
      attest(job, author, 0, leavesOf(0, 4, lies), digestOf(model.unitInputs[0]!));
    const both = [of(B), of(key('c'), { 1: 'lie' })];
    for (const { author, seal } of both) bench.gossip(author, { kind: 'commit', job, entries: [{ unit: 0, seal }] });
    for (const attestation of both) {
      bench.gossip(attestation.author, {
        kind: 'reveal',
        job,
        entries: [attestation.reveal(both.map(({ seal }) => seal))],
      });
      bench.gossip(attestation.author, { kind: 'opening', job, unit: 0, leaves: attestation.leaves });
    }
    expect(reasonOf(bench, 'disputed', job)).toMatchObject({ unit: 0, wants: 're-execution', units: 1 });
    bench.held.add('execute');
    for (const [cid, bytes] of model.blocks) bench.blocks.set(cid, bytes);
    const unitBlock = bench.blocks.get(model.unitInputs[0]!)!;
    bench.blocks.delete(model.unitInputs[0]!);
    bench.advance(10_000);
    expect(bench.effectsOf('execute')).toEqual([]);
    bench.blocks.set(model.unitInputs[0]!, unitBlock);
    bench.advance(40_000);
    const [first] = bench.effectsOf('execute');
    expect(first!.request).toMatchObject({ unit: 0, task: 1 });
    bench.handle({ type: 'execution-failed', ticket: first!.ticket, code: 'worker-crashed', detail: 'gone' });
    bench.held.delete('execute');
    bench.advance(5_000);
    expect(bench.notified('refuted')).toMatchObject([{ author: key('c'), leaf: 1 }]);
  });

  it('of an accused leaf finds a lie that a quorum agreed on', () => {
    const bench = new Bench({ self: key('auditor') });
    bench.introduce(SUBMITTER);
    const model = modelJob({ taskCount: 4 }, [A, B, bench.self].sort());
    const job = bench.announce(SUBMITTER, model);
    const both = [A, B].map((author) =>
      attest(job, author, 0, leavesOf(0, 4, { 3: 'same' }), digestOf(model.unitInputs[0]!)),
    );
    for (const { author, seal } of both) bench.gossip(author, { kind: 'commit', job, entries: [{ unit: 0, seal }] });
    for (const attestation of both)
      bench.gossip(attestation.author, {
        kind: 'reveal',
        job,
        entries: [attestation.reveal(both.map(({ seal }) => seal))],
      });
    expect(bench.peer.jobView(job, bench.now)!.counts.agreed).toBe(1);
    bench.gossip(A, { kind: 'opening', job, unit: 0, leaves: both[0]!.leaves });
    bench.gossip(B, { kind: 'wrong-leaf', job, unit: 0, root: both[0]!.root, leaf: 3 });
    bench.advance(1_000);
    expect(bench.peer.jobView(job, bench.now)!.counts).toMatchObject({ agreed: 0, revealed: 1 });
    expect(
      bench
        .notified('refuted')
        .map(({ author }) => author)
        .sort(),
    ).toEqual([A, B]);
  });
});

describe('two different seals', () => {
  it('are told once, proven to others by a worker of the unit, and cost their author the unit', () => {
    const bench = new Bench({ self: B });
    bench.introduce(A);
    const job = bench.announce(SUBMITTER, modelJob({}, [A, B].sort()));
    const seals = ['one', 'two', 'three'].map(digest);
    for (const seal of seals) bench.gossip(A, { kind: 'commit', job, entries: [{ unit: 0, seal }] });
    expect(bench.notified('equivocated')).toEqual([{ type: 'equivocated', job, unit: 0, author: A }]);
    const [proof] = bench.publishedOf('two-statements');
    expect(bench.publishedOf('two-statements')).toHaveLength(1);
    // Whoever gets the proof alone knows as much.
    const other = new Bench({ self: key('other') });
    other.announce(SUBMITTER, modelJob({}, [A, B].sort()));
    expect(other.gossip(B, proof!)).toBe('accept');
    expect(other.notified('equivocated')).toEqual([{ type: 'equivocated', job, unit: 0, author: A }]);
    expect(other.publishedOf('two-statements')).toEqual([]);
    expect(other.sizes().statements).toBe(4);
  });
});
