/** What is refused: each code once, with its step. */
import { encode as encodeExchange } from '@ipld/dag-cbor';
import { describe, expect, it } from 'vitest';
import { type Admission, type Precheck, type RefusalCode, specProblem } from '../../../../node/protocol/admission.ts';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import {
  CLOCK_SKEW_MAX_MS,
  JOB_SPEC_BYTES_MAX,
  STATEMENT_BYTES_MAX,
  VERIFYING_MAX,
} from '../../../../node/protocol/limits.ts';
import { openParameters } from '../../../../node/protocol/parameters.ts';
import type { Body, BodyOf } from '../../../../node/protocol/wire/statement.ts';
import type { JobSpec } from '../../../../node/protocol/work/job.ts';
import { Bench } from '../bench.ts';
import { announce, digest, envelope, idOf, key, keys, leavesOf, modelJob, PARAMETERS, START_MS } from '../fixtures.ts';
import { A, B, C, door, GOSSIP, hear, identity, STRANGER, SUBMITTER } from './door.ts';

type Refused = Precheck | Admission;

/** One case for each code; the compiler refuses this table when a code is missing. */
const REFUSALS: { readonly [code in RefusalCode]: readonly ['ignore' | 'reject', () => Refused] } = {
  'too-large': ['reject', () => door().admissions.precheck(new Uint8Array(STATEMENT_BYTES_MAX + 1), GOSSIP, START_MS)],
  malformed: ['reject', () => door().admissions.precheck(Uint8Array.of(1, 2, 3), GOSSIP, START_MS)],
  'weak-key': [
    'reject',
    () => door().admissions.precheck(envelope(`01${'00'.repeat(31)}` as PeerKey, identity(1)).bytes, GOSSIP, START_MS),
  ],
  duplicate: [
    'ignore',
    () => {
      const { admissions } = door();
      const { id, bytes } = envelope(A, identity(1));
      admissions.remember(id);
      return admissions.precheck(bytes, GOSSIP, START_MS);
    },
  ],
  'rate-limited': [
    'ignore',
    () => {
      const { admissions } = door();
      let last: Precheck | undefined;
      for (let i = 0; i <= PARAMETERS.messageBurst; i++) last = hear(admissions, A, i);
      return last!;
    },
  ],
  'bad-signature': [
    'reject',
    () => {
      const bench = new Bench();
      const { bytes } = envelope(A, identity(START_MS));
      bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1;
      return answerOf(bench, bench.gossipBytes(bytes, A));
    },
  ],
  busy: [
    'ignore',
    () => {
      const bench = new Bench();
      bench.held.add('verify');
      for (let i = 0; i < VERIFYING_MAX; i++) {
        bench.handle({
          type: 'direct-received',
          peer: A,
          bytes: statements(envelope(key(i), identity(START_MS)).bytes),
        });
      }
      expect(bench.sizes().verifying).toBe(VERIFYING_MAX);
      return { step: bench.gossip(B, identity(START_MS)) as 'ignore', code: 'busy' };
    },
  ],
  closed: [
    'ignore',
    () => {
      const bench = new Bench();
      const job = bench.announce(SUBMITTER, modelJob());
      bench.handle({ type: 'job-controlled', job, action: 'forget' });
      return { step: bench.gossip(SUBMITTER, { kind: 'cancel', job, seq: 0 }) as 'ignore', code: 'closed' };
    },
  ],
  expired: [
    'ignore',
    () => {
      const { examine, job } = door();
      return examine(SUBMITTER, announce(job), START_MS + job.spec.ttlMs + 1);
    },
  ],
  stale: [
    'ignore',
    () => {
      const { examine, peers } = door();
      peers.learn(A, { ...identity(START_MS), id: idOf(A, identity(START_MS)), bytes: new Uint8Array() }, START_MS);
      return examine(A, identity(START_MS - 1));
    },
  ],
  'from-the-future': ['ignore', () => door().examine(A, identity(START_MS + CLOCK_SKEW_MAX_MS + 1))],
  'invalid-spec': [
    'reject',
    () => {
      const { examine, job } = door();
      return examine(SUBMITTER, announce({ ...job, spec: { ...job.spec, quorum: 3, replicas: 2 } }));
    },
  ],
  'unknown-version': [
    'ignore',
    () => {
      const { examine, job } = door();
      return examine(SUBMITTER, announce({ ...job, spec: { ...job.spec, abi: 99 } }));
    },
  ],
  'no-such-unit': [
    'reject',
    () => {
      const { examine, commitOf, attestation } = door();
      return examine(A, commitOf({ ...attestation(A), unit: 4 }));
    },
  ],
  'not-submitter': [
    'reject',
    () => {
      const { examine, id } = door();
      return examine(A, { kind: 'cancel', job: id, seq: 0 });
    },
  ],
  'too-many': [
    'reject',
    () => {
      const { examine, id } = door();
      return examine(A, { kind: 'close', job: id, unit: 0, n: PARAMETERS.closesMax, seals: [digest('seal')] });
    },
  ],
  'bad-opening': [
    'reject',
    () => {
      const { examine, id } = door();
      return examine(A, { kind: 'opening', job: id, unit: 0, leaves: leavesOf(0, 3) });
    },
  ],
  'bad-evidence': [
    'reject',
    () => {
      const { examine, id } = door();
      const same = envelope(B, identity(1)).bytes;
      return examine(A, { kind: 'two-statements', job: id, unit: 0, first: same, second: same });
    },
  ],
};

function answerOf(bench: Bench, step: 'accept' | 'ignore' | 'reject' | undefined): Refused {
  const code = bench.notified('statement-refused').at(-1)?.code;
  return { step, code } as Refused;
}

/** The exchange's message that carries envelopes. */
function statements(...envelopes: readonly Uint8Array[]): Uint8Array {
  return encodeExchange(['statements', { envelopes }]);
}

describe('refusals', () => {
  it.each(Object.keys(REFUSALS) as RefusalCode[])('%s', (code) => {
    const [step, reach] = REFUSALS[code];
    expect(reach()).toEqual({ step, code });
  });

  it.each<readonly [string, Partial<JobSpec>, readonly PeerKey[], RegExp]>([
    ['too many units', { taskCount: 65_537, tasksPerUnit: 1 }, [], /65537 work units/],
    ['more tasks in a unit than in the job', { taskCount: 2, tasksPerUnit: 4 }, [], /4 tasks per unit/],
    ['outputs beyond a block', { taskCount: 1_024, tasksPerUnit: 1_024, outputBytesPerTaskMax: 4_096 }, [], /outputs/],
    ['a large roster without a pace', {}, keys(17), /pace/],
    ['an unsorted roster', {}, [B, A], /sorted/],
    ['somebody twice in the roster', {}, [A, A], /twice/],
    ['replicas below the quorum', { quorum: 3, replicas: 2 }, [], /cannot reach/],
  ])('an announcement with %s is rejected everywhere, and says why at home', (_name, spec, roster, why) => {
    const { examine } = door();
    const job = modelJob({ taskCount: 16, ...spec }, roster);
    expect(examine(SUBMITTER, announce(job))).toEqual({ step: 'reject', code: 'invalid-spec' });
    expect(why.test(String(specProblem(job.spec, roster, PARAMETERS)))).toBe(true);
  });

  it("a description of more than 4 KiB, a quorum below the network's, fuel that no number holds", () => {
    const { spec } = modelJob({
      parameters: new Uint8Array(1_024),
      title: '\u{1f41f}'.repeat(64),
      purpose: '\u{1f41f}'.repeat(256),
    });
    expect(specProblem(spec, [], PARAMETERS)).toBeUndefined();
    expect(specProblem({ ...spec, parameters: new Uint8Array(JOB_SPEC_BYTES_MAX) }, [], PARAMETERS)).toMatch(
      /at most 4096/,
    );
    expect(specProblem({ ...spec, quorum: 1, replicas: 1 }, [], openParameters())).toMatch(/at least 2/);
    expect(specProblem({ ...spec, replicas: 9 }, [], PARAMETERS)).toMatch(/at most 8/);
    expect(specProblem({ ...spec, fuelPerTaskMax: 2 ** 52 }, [], PARAMETERS)).toMatch(/fuel/);
  });

  it('of other kinds of statements', () => {
    const { examine, id, attestation, commitOf, revealOf, board } = door({ appends: false });
    const append: BodyOf<'roster-append'> = {
      kind: 'roster-append',
      job: id,
      seq: 0,
      from: 0,
      nonce: digest('n'),
      openAtMs: 0,
      pacePerSecond: 0,
      roster: [STRANGER],
    };
    expect(examine(A, append)).toEqual({ step: 'reject', code: 'not-submitter' });
    expect(examine(SUBMITTER, append)).toEqual({ step: 'reject', code: 'invalid-spec' });
    const open = door();
    expect(open.examine(SUBMITTER, { ...append, job: open.id, roster: [B, A] })).toEqual({
      step: 'reject',
      code: 'invalid-spec',
    });
    expect(open.examine(SUBMITTER, { ...append, job: open.id, from: 4 })).toEqual({
      step: 'reject',
      code: 'no-such-unit',
    });
    const far = { ...attestation(A), unit: 9 };
    expect(
      examine(A, { ...revealOf(attestation(A)), entries: [{ ...revealOf(attestation(A)).entries[0]!, unit: 9 }] }),
    ).toEqual({ step: 'reject', code: 'no-such-unit' });
    expect(examine(A, { kind: 'claim', job: id, issuedAtMs: 0, leaseMs: 1, units: [far.unit] })).toEqual({
      step: 'reject',
      code: 'no-such-unit',
    });
    expect(examine(A, { kind: 'close', job: id, unit: 9, n: 0, seals: [digest('s')] })).toEqual({
      step: 'reject',
      code: 'no-such-unit',
    });
    expect(examine(A, { kind: 'opening', job: id, unit: 9, leaves: leavesOf(0, 4) })).toEqual({
      step: 'reject',
      code: 'no-such-unit',
    });
    expect(examine(A, { kind: 'wrong-leaf', job: id, unit: 0, root: digest('r'), leaf: 4 })).toEqual({
      step: 'reject',
      code: 'no-such-unit',
    });
    const unknownTrap = leavesOf(0, 4);
    unknownTrap[0] = 9;
    expect(examine(A, { kind: 'opening', job: id, unit: 0, leaves: unknownTrap })).toEqual({
      step: 'reject',
      code: 'bad-opening',
    });
    const a = attestation(A);
    board.applyCommit(idOf(A, commitOf(a)), A, commitOf(a), START_MS);
    board.applyReveal(idOf(A, revealOf(a)), A, revealOf(a), START_MS);
    const opening: Body = { kind: 'opening', job: id, unit: 0, leaves: a.leaves };
    expect(examine(B, opening)).toEqual({ step: 'accept' });
    board.applyOpening(opening);
    expect(examine(C, opening)).toEqual({ step: 'ignore', code: 'duplicate' });
  });
});
