/** Two statements of one author in one slot: what proves them, and how their author is heard afterwards. */
import { describe, expect, it } from 'vitest';
import type { Admission } from '../../../../node/protocol/admission.ts';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import type { Body } from '../../../../node/protocol/wire/statement.ts';
import { digest, envelope, idOf, START_MS } from '../fixtures.ts';
import { A, B, door, identity } from './door.ts';

describe('evidence of two statements', () => {
  const { examine, id, attestation, commitOf, revealOf } = door();
  const [a, other] = [attestation(A), { ...attestation(A), seal: digest('another seal') }];
  const evidence = (first: Uint8Array, second: Uint8Array): Admission =>
    examine(B, { kind: 'two-statements', job: id, unit: 0, first, second });
  const said = (author: PeerKey, body: Body): Uint8Array => envelope(author, body).bytes;

  it('proves two seals, and two reveals', () => {
    expect(evidence(said(A, commitOf(a)), said(A, commitOf(other)))).toEqual({ step: 'accept' });
    const once = revealOf(a);
    const twice = { ...once, entries: [a.reveal([a.seal, digest('a third')])] };
    expect(evidence(said(A, once), said(A, twice))).toEqual({ step: 'accept' });
  });

  it.each<readonly [string, () => Admission]>([
    ['one statement twice', () => evidence(said(A, commitOf(a)), said(A, commitOf(a)))],
    ['two authors', () => evidence(said(A, commitOf(a)), said(B, commitOf(other)))],
    ['two kinds', () => evidence(said(A, commitOf(a)), said(A, revealOf(a)))],
    ['the same seal in two batches', () => evidence(said(A, commitOf(a)), said(A, commitOf(a, attestation(A, 1))))],
    [
      'another unit',
      () =>
        evidence(said(A, commitOf(attestation(A, 1))), said(A, commitOf({ ...attestation(A, 1), seal: digest('x') }))),
    ],
    [
      'another job',
      () =>
        evidence(
          said(A, { ...commitOf(a), job: digest('job') as never }),
          said(A, { ...commitOf(other), job: digest('job') as never }),
        ),
    ],
    [
      'reveals of another job',
      () => evidence(said(A, { ...revealOf(a), job: digest('job') as never }), said(A, revealOf(a))),
    ],
    ['what is no statement', () => evidence(new Uint8Array(5), said(A, commitOf(a)))],
    [
      'statements of another network',
      () => evidence(envelope(A, identity(1), 'elsewhere').bytes, said(A, identity(2))),
    ],
  ])('refuses %s', (_name, refuse) => {
    expect(refuse()).toEqual({ step: 'reject', code: 'bad-evidence' });
  });
});

describe('an author of two seals', () => {
  it('is ignored where all it says is about units in which nothing of it can count', () => {
    const { examine, board, attestation, commitOf } = door();
    const seals = [digest('one'), digest('two')].map((seal) => commitOf({ ...attestation(A), seal }));
    for (const body of seals) board.applyCommit(idOf(A, body), A, body, START_MS);
    expect(examine(A, commitOf({ ...attestation(A), seal: digest('three') }))).toEqual({
      step: 'ignore',
      code: 'too-many',
    });
    const reveal: Body = { kind: 'reveal', job: board.id, entries: [attestation(A).reveal([digest('one')])] };
    expect(examine(A, reveal)).toEqual({ step: 'ignore', code: 'too-many' });
  });

  it('is heard about other units in the same statement, or their verdicts would depend on the order', () => {
    const { examine, board, attestation, commitOf } = door();
    const seals = [digest('one'), digest('two')].map((seal) => commitOf({ ...attestation(A), seal }));
    for (const body of seals) board.applyCommit(idOf(A, body), A, body, START_MS);
    const batch = commitOf({ ...attestation(A), seal: digest('three') }, attestation(A, 1));
    expect(examine(A, batch)).toEqual({ step: 'accept' });
  });
});
