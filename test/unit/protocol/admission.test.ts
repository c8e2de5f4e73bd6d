/**
 * What is let in and what is not: each refusal once, with its step and code; what waits is let in when what it waits
 * for comes, in whatever order; load is never an offence; and nothing that an honest peer forwards is rejected.
 */
import { encode as encodeExchange } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Admission,
  Admissions,
  type Precheck,
  type RefusalCode,
  specProblem,
} from '../../../node/protocol/admission.ts';
import { fromHex } from '../../../node/protocol/bytes.ts';
import type { JobId, PeerKey } from '../../../node/protocol/ids.ts';
import {
  CLOCK_SKEW_MAX_MS,
  JOB_SPEC_BYTES_MAX,
  STATEMENT_BYTES_MAX,
  VERIFYING_MAX,
} from '../../../node/protocol/limits.ts';
import { openParameters } from '../../../node/protocol/parameters.ts';
import { Peers } from '../../../node/protocol/peers.ts';
import { digestOf } from '../../../node/protocol/wire/block.ts';
import { sealEnvelope } from '../../../node/protocol/wire/envelope.ts';
import type { Body, BodyOf } from '../../../node/protocol/wire/statement.ts';
import { JobBoard } from '../../../node/protocol/work/board.ts';
import type { JobSpec } from '../../../node/protocol/work/job.ts';
import { Bench } from './bench.ts';
import {
  type Attestation,
  announce,
  attest,
  digest,
  envelope,
  idOf,
  key,
  keys,
  leavesOf,
  modelJob,
  NETWORK,
  PARAMETERS,
  randomFrom,
  START_MS,
  shuffled,
} from './fixtures.ts';

const SUBMITTER = key('submitter');
const [A, B, C] = keys(3) as [PeerKey, PeerKey, PeerKey];
const STRANGER = key('stranger');
const DIRECT = { via: 'direct', peer: A } as const;
const GOSSIP = { via: 'gossip', peer: A } as const;

/** Admission alone, with the board of one job. */
function door(spec: Partial<JobSpec> = {}, roster: readonly PeerKey[] = [A, B, C]) {
  const job = modelJob(spec, roster);
  const body = announce(job);
  const id = idOf(SUBMITTER, body) as string as JobId;
  const board = new JobBoard(PARAMETERS, id, SUBMITTER, body, START_MS);
  const peers = new Peers(PARAMETERS, key('self'));
  const admissions = new Admissions(PARAMETERS, peers);
  const attestation = (author: PeerKey, unit = 0): Attestation =>
    attest(id, author, unit, leavesOf(unit, 4), digestOf(job.unitInputs[unit]!));
  const commitOf = (...list: readonly Attestation[]): BodyOf<'commit'> => ({
    kind: 'commit',
    job: id,
    entries: list.map(({ unit, seal }) => ({ unit, seal })),
  });
  const revealOf = (attestation_: Attestation): BodyOf<'reveal'> => ({
    kind: 'reveal',
    job: id,
    entries: [attestation_.reveal([attestation_.seal, digest('other')])],
  });
  const examine = (author: PeerKey, said: Body, now = START_MS): Admission =>
    admissions.examine(envelope(author, said), board, now);
  return { job, id, board, peers, admissions, attestation, commitOf, revealOf, examine };
}

const identity = (issuedAtMs: number): BodyOf<'identity'> => ({
  kind: 'identity',
  issuedAtMs,
  cores: 1,
  agent: 'a',
  addresses: [],
});

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

/** An authentic identity comes by gossip. */
function hear(admissions: Admissions, author: PeerKey, issuedAtMs: number): Precheck {
  const result = admissions.precheck(envelope(author, identity(issuedAtMs)).bytes, GOSSIP, START_MS);
  if (result.step === 'verify') admissions.charge(result.envelope, GOSSIP, START_MS);
  return result;
}

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
