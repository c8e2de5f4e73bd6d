/** Results: where they are fetched from, and whose they are. */
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../../../node/protocol/bytes.ts';
import type { Cid, JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { cidOf, digestOf } from '../../../../node/protocol/wire/block.ts';
import { Bench } from '../bench.ts';
import { type Attestation, attest, key, keys, leavesOf, type ModelJob, modelJob, outputBlock } from '../fixtures.ts';

const [A, B] = keys(2) as [PeerKey, PeerKey];

/** Two others agree on a unit, and reveal outputs at these hints. */
function agree(
  bench: Bench,
  job: JobId,
  model: ModelJob,
  unit: number,
  hints: Readonly<Record<string, Cid>> = {},
): readonly Attestation[] {
  const both = [A, B].map((author) => attest(job, author, unit, leavesOf(unit, 4), digestOf(model.unitInputs[unit]!)));
  for (const { author, seal } of both) bench.gossip(author, { kind: 'commit', job, entries: [{ unit, seal }] });
  for (const attestation of both) {
    const entry = attestation.reveal(both.map(({ seal }) => seal));
    const output = hints[attestation.author] ?? outputBlock(unit, 4).cid;
    bench.gossip(attestation.author, { kind: 'reveal', job, entries: [{ ...entry, output }] });
  }
  return both;
}

describe('results', () => {
  it('are fetched from whoever revealed them, checked, and asked for elsewhere when they are junk or gone', () => {
    const bench = new Bench();
    [A, B].forEach((peer) => {
      bench.introduce(peer);
    });
    const model = modelJob({ taskCount: 4 });
    const job = bench.submit(model)!;
    const junk = asciiBytes('junk');
    const [wrong, right] = [cidOf(junk, 'dag-cbor'), outputBlock(0, 4)];
    const first = wrong < right.cid ? wrong : right.cid;
    bench.blocks.set(wrong, junk);
    agree(bench, job, model, 0, { [A]: wrong, [B]: right.cid });
    expect(bench.effectsOf('fetch-blocks').at(-1)!.cids).toEqual([first]);
    bench.advance(3_000);
    expect(bench.notified('unit-result')).toEqual([]);
    // Both hints are tried again and again until somebody comes back with the block.
    bench.blocks.set(right.cid, right.bytes);
    bench.advance(60_000);
    const [result] = bench.notified('unit-result');
    expect(result).toMatchObject({
      job,
      unit: 0,
      output: right.cid,
      authors: [A, B],
      label: { kind: 'quorum', counted: 2, needed: 2, sequential: false },
    });
    expect(bench.notified('job-finished')).toHaveLength(1);
    expect(bench.peer.jobView(job, bench.now)).toMatchObject({ state: 'finished', finishedAtMs: expect.any(Number) });
  });

  it('carry other authors when one of them turns out to have lied elsewhere', () => {
    const bench = new Bench();
    const c = key('c');
    [A, B, c].forEach((peer) => {
      bench.introduce(peer);
    });
    const model = modelJob({ taskCount: 8 });
    const job = bench.submit(model)!;
    bench.blocks.set(outputBlock(0, 4).cid, outputBlock(0, 4).bytes);
    const of = (author: PeerKey, unit: number, lies = {}) =>
      attest(job, author, unit, leavesOf(unit, 4, lies), digestOf(model.unitInputs[unit]!));
    const three = [A, B, c].map((author) => of(author, 0));
    for (const { author, seal } of three) bench.gossip(author, { kind: 'commit', job, entries: [{ unit: 0, seal }] });
    for (const attestation of three) {
      const entry = { ...attestation.reveal(three.map(({ seal }) => seal)), output: outputBlock(0, 4).cid };
      bench.gossip(attestation.author, { kind: 'reveal', job, entries: [entry] });
    }
    const before = bench.peer.jobView(job, bench.now)!.unitRows[0]!.countedAuthors;
    const [liar, honest] = [of(before[0]!, 1, { 2: 'lie' }), of(c === before[0] ? A : c, 1)];
    for (const { author, seal } of [liar, honest])
      bench.gossip(author, { kind: 'commit', job, entries: [{ unit: 1, seal }] });
    for (const attestation of [liar, honest]) {
      bench.gossip(attestation.author, {
        kind: 'reveal',
        job,
        entries: [attestation.reveal([liar.seal, honest.seal])],
      });
      bench.gossip(attestation.author, { kind: 'opening', job, unit: 1, leaves: attestation.leaves });
    }
    bench.advance(1_000);
    const after = bench.peer.jobView(job, bench.now)!;
    // The submitter is a worker of its own job: it re-executes the task itself.
    expect(after.refuted).toEqual([{ author: liar.author, units: 1 }]);
    expect(after.unitRows[0]!.countedAuthors).not.toContain(liar.author);
    expect(bench.peer.view(bench.now).peers.find(({ peer }) => peer === liar.author)!.offences).toBe(1);
  });
});
