/** What waits is let in when what it waits for comes, in whatever order; no honest peer forwards what is rejected. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { CLOCK_SKEW_MAX_MS } from '../../../../node/protocol/limits.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import type { Body } from '../../../../node/protocol/wire/statement.ts';
import { JobBoard } from '../../../../node/protocol/work/board.ts';
import { Bench } from '../bench.ts';
import {
  type Attestation,
  announce,
  attest,
  digest,
  idOf,
  keys,
  leavesOf,
  modelJob,
  PARAMETERS,
  randomFrom,
  START_MS,
  shuffled,
} from '../fixtures.ts';
import { A, B, C, STRANGER, SUBMITTER } from './door.ts';

describe('what comes too early waits', () => {
  /** Statements that each need an earlier one, from announcement to accusation. */
  function chain(): { readonly said: readonly (readonly [PeerKey, Body])[]; readonly job: JobId } {
    const model = modelJob({}, [A, B]);
    const body = announce(model);
    const job = idOf(SUBMITTER, body) as string as JobId;
    const inputDigest = digestOf(model.unitInputs[0]!);
    const a = attest(job, A, 0, leavesOf(0, 4), inputDigest);
    const b = attest(job, B, 0, leavesOf(0, 4, { 1: 'lie' }), inputDigest);
    const c = attest(job, C, 0, leavesOf(0, 4), inputDigest);
    const commit = ({ author, seal }: Attestation): readonly [PeerKey, Body] => [
      author,
      { kind: 'commit', job, entries: [{ unit: 0, seal }] },
    ];
    const reveal = (attestation: Attestation, ...listed: Attestation[]): readonly [PeerKey, Body] => [
      attestation.author,
      { kind: 'reveal', job, entries: [attestation.reveal([attestation.seal, ...listed.map(({ seal }) => seal)])] },
    ];
    return {
      job,
      said: [
        [SUBMITTER, body],
        [
          SUBMITTER,
          {
            kind: 'roster-append',
            job,
            seq: 0,
            from: 0,
            nonce: digest('nonce'),
            openAtMs: START_MS,
            pacePerSecond: 0,
            roster: [C],
          },
        ],
        commit(a),
        commit(b),
        commit(c),
        reveal(a, b, c),
        reveal(b, a),
        reveal(c, a, b),
        [A, { kind: 'close', job, unit: 0, n: 0, seals: [c.seal] }],
        [A, { kind: 'opening', job, unit: 0, leaves: a.leaves }],
        [B, { kind: 'opening', job, unit: 0, leaves: b.leaves }],
        [C, { kind: 'wrong-leaf', job, unit: 0, root: b.root, leaf: 1 }],
        [SUBMITTER, { kind: 'satisfied', job, seq: 0, ranges: [{ first: 3, count: 1 }] }],
      ],
    };
  }

  it('for its job, roster, commit, root or opening, and is let in whatever the order', () => {
    const { said, job } = chain();
    const inOrder = new Bench();
    for (const [author, body] of said) expect(inOrder.gossip(author, body), body.kind).toBe('accept');
    const expected = inOrder.peer.jobView(job, START_MS);
    expect(inOrder.sizes()).toMatchObject({ statements: said.length, waiting: 0 });
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const bench = new Bench();
        for (const [author, body] of shuffled(said, randomFrom(seed))) {
          expect(['accept', 'ignore']).toContain(bench.gossip(author, body));
        }
        expect(bench.sizes()).toMatchObject({ statements: said.length, waiting: 0 });
        const view = bench.peer.jobView(job, START_MS)!;
        const byAuthor = (rows: typeof view.unitRows) =>
          rows.map((row) => ({
            ...row,
            committedBy: [...row.committedBy].sort(),
            revealedBy: [...row.revealedBy].sort((x, y) => (x.author < y.author ? -1 : 1)),
          }));
        expect(byAuthor(view.unitRows)).toEqual(byAuthor(expected!.unitRows));
      }),
      { numRuns: 60, seed: 41 },
    );
  });

  it('for its time: an announcement from a fast clock, a commit whose level opens later', () => {
    const bench = new Bench();
    const early = modelJob({ announcedAtMs: START_MS + CLOCK_SKEW_MAX_MS + 5_000 });
    const job = bench.announce(SUBMITTER, early);
    expect(bench.peer.jobView(job, bench.now)).toBeUndefined();
    expect(bench.sizes().waiting).toBe(1);
    bench.advance(5_000);
    expect(bench.peer.jobView(job, bench.now)).toBeDefined();

    const paced = modelJob({ pacePerSecond: 1, announcedAtMs: bench.now }, keys(20));
    const large = bench.announce(SUBMITTER, paced);
    const commit = (author: PeerKey, unit: number): Body => ({
      kind: 'commit',
      job: large,
      entries: [{ unit, seal: digest(`${author} ${unit}`) }],
    });
    const board = new JobBoard(PARAMETERS, large, SUBMITTER, announce(paced), bench.now);
    const first = board.roster.ranksFor(3)[0]!;
    const last = board.roster.ranksFor(0)[19]!;
    expect(bench.gossip(first, commit(first, 3))).toBe('ignore');
    expect(bench.gossip(last, commit(last, 0))).toBe('ignore');
    expect(bench.sizes().waiting).toBe(2);
    bench.advance(3_000);
    expect(bench.peer.jobView(large, bench.now)!.unitRows[3]!.committedBy).toEqual([first]);
    expect(bench.sizes().waiting).toBe(1);
    bench.advance(4 * (4 * 1_000 + 2_000));
    expect(bench.peer.jobView(large, bench.now)!.unitRows[0]!.committedBy).toEqual([last]);
  });

  it('and is no offence, however early, old or unknown', () => {
    const { said } = chain();
    const random = randomFrom(3);
    for (let round = 0; round < 30; round++) {
      const clock = { startMs: START_MS + Math.floor((random() - 0.5) * 4 * CLOCK_SKEW_MAX_MS) };
      const bench = new Bench(clock);
      for (const [author, body] of shuffled([...said, ...said], random)) {
        expect(bench.gossip(author, body, STRANGER)).not.toBe('reject');
      }
      expect(bench.notified('statement-refused')).toEqual([]);
    }
  });
});
