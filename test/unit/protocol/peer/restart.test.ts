/**
 * A restarted peer knows what it knew: its records give back the view of the peer that went on, and what it has
 * sealed it reveals and never seals anew.
 */
import { encode } from '@ipld/dag-cbor';
import { describe, expect, it } from 'vitest';
import { asciiBytes, fromHex } from '../../../../node/protocol/bytes.ts';
import type { JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import { decodeEnvelope } from '../../../../node/protocol/wire/envelope.ts';
import type { Body } from '../../../../node/protocol/wire/statement.ts';
import { Bench } from '../bench.ts';
import {
  type Attestation,
  attest,
  digest,
  envelope,
  key,
  keys,
  leavesOf,
  type ModelJob,
  modelJob,
  NETWORK,
  START_MS,
} from '../fixtures.ts';

const SUBMITTER = key('submitter');
const [A, B, C, D] = keys(4) as [PeerKey, PeerKey, PeerKey, PeerKey];

function restarted(bench: Bench, cores = 0): Bench {
  return new Bench({
    self: bench.self,
    cores,
    records: bench.records,
    blocks: bench.blocks,
    startMs: bench.now,
    seed: 2,
  });
}

/** What of a view comes from the set of statements, not from when this peer saw them. */
function lasting(bench: Bench, job: JobId): unknown {
  const view = bench.peer.jobView(job, bench.now)!;
  const { why: _, submittedAtMs: __, finishedAtMs: ___, unitRows, ...rest } = view;
  return {
    ...rest,
    rosterPeers: [...view.rosterPeers].sort(),
    refuted: [...view.refuted].sort((x, y) => (x.author < y.author ? -1 : 1)),
    unitRows: unitRows.map((row) => ({
      ...row,
      claimedBy: [],
      committedBy: [...row.committedBy].sort(),
      revealedBy: [...row.revealedBy].sort((x, y) => (x.author < y.author ? -1 : 1)),
    })),
  };
}

/** Says everything that can be said about a job: agreement, dispute, two seals, roster append, satisfied units. */
function tell(bench: Bench, model: ModelJob, job: JobId): void {
  const of = (author: PeerKey, unit: number, lies = {}, salt = ''): Attestation =>
    attest(job, author, unit, leavesOf(unit, 4, lies), digestOf(model.unitInputs[unit]!), salt);
  const commit = ({ author, unit, seal }: Attestation): void => {
    bench.gossip(author, { kind: 'commit', job, entries: [{ unit, seal }] });
  };
  const reveal = (attestation: Attestation, ...listed: Attestation[]): void => {
    const closing = [attestation, ...listed].map(({ seal }) => seal);
    bench.gossip(attestation.author, { kind: 'reveal', job, entries: [attestation.reveal(closing)] });
  };
  const say = (author: PeerKey, body: Body): void => {
    expect(bench.gossip(author, body), body.kind).toBe('accept');
  };
  say(SUBMITTER, {
    kind: 'roster-append',
    job,
    seq: 0,
    from: 0,
    nonce: digest('n'),
    openAtMs: START_MS,
    pacePerSecond: 0,
    roster: [D],
  });
  const agreed = [of(A, 0), of(B, 0), of(C, 0)] as const;
  agreed.forEach(commit);
  for (const attestation of agreed) reveal(attestation, ...agreed);
  const [right, wrong] = [of(A, 1), of(C, 1, { 2: 'lie' })];
  [right, wrong].forEach(commit);
  reveal(right, wrong);
  reveal(wrong, right);
  for (const { author, leaves } of [right, wrong]) say(author, { kind: 'opening', job, unit: 1, leaves });
  const [one, two] = [of(D, 2), of(D, 2, {}, 'second')];
  commit(one);
  commit(two);
  const entry = ({ seal }: Attestation) => [{ unit: 2, seal }];
  say(B, {
    kind: 'two-statements',
    job,
    unit: 2,
    first: envelope(D, { kind: 'commit', job, entries: entry(one) }).bytes,
    second: envelope(D, { kind: 'commit', job, entries: entry(two) }).bytes,
  });
  say(A, { kind: 'close', job, unit: 0, n: 0, seals: [digest('late')] });
  say(A, { kind: 'wrong-leaf', job, unit: 1, root: wrong.root, leaf: 2 });
  say(SUBMITTER, { kind: 'satisfied', job, seq: 0, ranges: [{ first: 3, count: 1 }] });
}

describe('a restart', () => {
  it('gives back the view of the peer that went on', () => {
    const bench = new Bench({ self: A });
    const model = modelJob({}, [A, B, C]);
    const job = bench.announce(SUBMITTER, model);
    tell(bench, model, job);
    const again = restarted(bench);
    // Truths are no statements: each run finds them out itself.
    bench.advance(5_000);
    again.advance(5_000);
    expect(lasting(again, job)).toEqual(lasting(bench, job));
    expect(again.peer.jobView(job, again.now)).toMatchObject({
      counts: { agreed: 1, satisfied: 1 },
      refuted: [{ author: C, units: 1 }],
    });
    expect(again.sizes().statements).toBe(bench.sizes().statements);
  });

  it('holds an equal set: an exchange between the two finds no difference', () => {
    const bench = new Bench();
    const model = modelJob({}, [A, B, C]);
    const job = bench.announce(SUBMITTER, model);
    tell(bench, model, job);
    const again = restarted(bench);
    const summary = (from: Bench): Uint8Array => {
      from.connect('ff'.repeat(31).concat('3f') as PeerKey);
      return from.effectsOf('send').at(-1)!.bytes;
    };
    const before = again.effects.length;
    again.handle({ type: 'direct-received', peer: B, bytes: summary(bench) });
    expect(again.effects.slice(before).filter(({ type }) => type === 'send')).toEqual([]);
  });

  it('goes on with own commits: reveals what it sealed, seals nothing anew, executes nothing again', () => {
    const self = key('worker');
    const bench = new Bench({ self, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({ taskCount: 4, quorum: 2 }, [self, A]);
    const job = bench.announce(SUBMITTER, model);
    bench.advance(100);
    const [commit] = bench.publishedOf('commit');
    expect(commit!.entries).toHaveLength(1);
    const again = restarted(bench, 1);
    again.introduce(SUBMITTER);
    const other = attest(job, A, 0, leavesOf(0, 4), digestOf(model.unitInputs[0]!));
    again.gossip(A, { kind: 'commit', job, entries: [{ unit: 0, seal: other.seal }] });
    again.advance(1_000);
    expect(again.effectsOf('execute')).toEqual([]);
    expect(again.publishedOf('commit')).toEqual([]);
    const [reveal] = again.publishedOf('reveal');
    expect(reveal!.entries[0]!.closing).toEqual([commit!.entries[0]!.seal, other.seal]);
    again.gossip(A, { kind: 'reveal', job, entries: [other.reveal([other.seal, commit!.entries[0]!.seal])] });
    expect(again.peer.jobView(job, again.now)!.counts.agreed).toBe(1);
    const third = restarted(again, 1);
    third.advance(1_000);
    expect(third.publishedOf('reveal')).toEqual([]);
    expect(third.peer.jobView(job, third.now)!.counts.agreed).toBe(1);
  });

  it('leaves a commit whose result was lost to others, and says so', () => {
    const self = key('worker');
    const bench = new Bench({ self, cores: 1 });
    bench.introduce(SUBMITTER);
    const job = bench.announce(SUBMITTER, modelJob({ taskCount: 4 }, [self, A]));
    bench.advance(100);
    for (const name of [...bench.records.keys()]) if (name.startsWith('replica/')) bench.records.delete(name);
    const again = restarted(bench, 1);
    expect(again.peer.jobView(job, again.now)!.why).toContainEqual({
      code: 'poison-unit',
      job,
      unit: 0,
      how: 'lost: the result of this commit was lost with the disk',
    });
  });

  it('leaves out damaged records, and takes the statements again when they come', () => {
    const bench = new Bench();
    const model = modelJob({}, [A, B, C]);
    const job = bench.announce(SUBMITTER, model);
    tell(bench, model, job);
    const names = [...bench.records.keys()];
    const damaged = names.find((name) => {
      const { body } = decodeEnvelope(bench.records.get(name)!, NETWORK);
      return body.kind === 'satisfied';
    })!;
    const sound = bench.records.get(damaged)!;
    bench.records.set(damaged, Uint8Array.of(1, 2, 3));
    bench.records.set(`replica/${job}/00000000`, asciiBytes('no replica'));
    bench.records.set(`result/${job}/00000000`, asciiBytes('no result'));
    bench.records.set('schema', asciiBytes('1'));
    const again = restarted(bench);
    expect(again.peer.jobView(job, again.now)!.counts.satisfied).toBe(0);
    again.handle({ type: 'direct-received', peer: B, bytes: encode(['statements', { envelopes: [sound] }]) });
    expect(again.peer.jobView(job, again.now)!.counts.satisfied).toBe(1);
  });

  it('brings a submitter back to its results, own ones and agreed ones, and tells its owner again', () => {
    const bench = new Bench({ cores: 1 });
    const model = modelJob({ ownResults: 'alone' });
    const job = bench.submit(model)!;
    bench.advance(10_000);
    expect(bench.peer.jobView(job, bench.now)).toMatchObject({ state: 'finished', counts: { own: 4 } });
    const again = restarted(bench, 1);
    again.advance(1_000);
    expect(again.notified('unit-result').map(({ unit, label }) => [unit, label.kind])).toEqual(
      [0, 1, 2, 3].map((unit) => [unit, 'own']),
    );
    expect(again.effectsOf('execute')).toEqual([]);
    expect(lasting(again, job)).toEqual(lasting(bench, job));
    expect(fromHex(job)).toHaveLength(32);
  });
});
