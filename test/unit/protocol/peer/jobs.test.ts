/** A job's life at one peer: submitting, being refused, pausing, ending, and what is said when nothing moves. */
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../../../node/protocol/bytes.ts';
import type { ExecutionFailureCode } from '../../../../node/protocol/effect.ts';
import type { Cid, JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import type { Reason } from '../../../../node/protocol/view.ts';
import { cidOf, digestOf } from '../../../../node/protocol/wire/block.ts';
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
  outputBlock,
} from '../fixtures.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

function reasonOf<C extends Reason['code']>(
  bench: Bench,
  code: C,
  job?: JobId,
): Extract<Reason, { code: C }> | undefined {
  const reasons = job === undefined ? bench.peer.view(bench.now).why : bench.peer.jobView(job, bench.now)!.why;
  return reasons.find((reason) => reason.code === code) as Extract<Reason, { code: C }> | undefined;
}

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

describe('submitting', () => {
  it.each<readonly [string, (job: ModelJob) => ModelJob, RegExp]>([
    [
      'units that do not fit its inputs',
      (job) => ({ ...job, unitInputs: job.unitInputs.slice(1) }),
      /3 unit inputs for 16 tasks/,
    ],
    [
      'a quorum nobody can reach',
      (job) => ({ ...job, spec: { ...job.spec, appends: false } }),
      /0 peers cannot reach a quorum of 2/,
    ],
    ['replicas below its quorum', (job) => ({ ...job, spec: { ...job.spec, replicas: 1 } }), /cannot reach a quorum/],
    [
      'a kernel that is no CID',
      (job) => ({ ...job, spec: { ...job.spec, kernel: 'nonsense' as Cid } }),
      /not a CID: nonsense/,
    ],
  ])('a job with %s is refused with a reason', (_what, spoil, detail) => {
    const bench = new Bench();
    expect(bench.submit(spoil(modelJob()))).toBeUndefined();
    const [refused] = bench.notified('job-refused');
    expect(refused).toMatchObject({ ticket: 1_000_000, code: 'invalid-job' });
    expect(refused!.detail).toMatch(detail);
  });

  it('rosters whoever offers cores, and appends later ones together', () => {
    const bench = new Bench();
    bench.introduce(A);
    bench.introduce(key('looker-on'), 0);
    const job = bench.submit(modelJob({ quorum: 3, replicas: 3 }))!;
    expect(bench.peer.jobView(job, bench.now)!.rosterPeers).toEqual([A]);
    // The submitter is a worker of its own job, too.
    expect(reasonOf(bench, 'roster-below-quorum', job)).toMatchObject({ roster: 2, quorum: 3 });
    bench.introduce(B);
    bench.introduce(key('c'));
    bench.advance(1_000);
    const appends = bench.publishedOf('roster-append');
    expect(appends.map(({ seq, from, roster }) => [seq, from, roster.length])).toEqual([[0, 0, 2]]);
    expect(bench.peer.jobView(job, bench.now)!.roster).toBe(3);
    bench.advance(60_000);
    expect(bench.publishedOf('roster-append')).toHaveLength(1);
  });

  it('gives a large roster a pace, and appends to it from the first unit that is not open', () => {
    const bench = new Bench();
    for (const peer of keys(20, 'member')) bench.introduce(peer);
    const job = bench.submit(modelJob({ taskCount: 400, tasksPerUnit: 1, expectedUnitMs: 1_000 }))!;
    expect(bench.peer.jobView(job, bench.now)!.spec.pacePerSecond).toBe(10);
    bench.advance(5_000);
    bench.introduce(key('late'));
    bench.advance(1_000);
    const [append] = bench.publishedOf('roster-append');
    expect(append!.from).toBeGreaterThanOrEqual(50);
    expect(append!.from).toBeLessThan(65);
    expect(append!.pacePerSecond).toBeGreaterThan(10);
  });

  it('alone takes its own results, says so, and tells others what it no longer needs', () => {
    const bench = new Bench({ cores: 1 });
    const job = bench.submit(modelJob({ ownResults: 'alone' }))!;
    expect(reasonOf(bench, 'alone', job)).toBeDefined();
    bench.advance(5_000);
    expect(bench.notified('job-finished')).toEqual([{ type: 'job-finished', job }]);
    expect(bench.notified('unit-result').map(({ label }) => label.kind)).toEqual(['own', 'own', 'own', 'own']);
    const satisfied = bench.publishedOf('satisfied').flatMap(({ ranges }) => ranges);
    expect(satisfied).toContainEqual({ first: 0, count: 4 });
  });

  it('takes a commit of its own that nobody answered once everybody has left', () => {
    const bench = new Bench({ cores: 1 });
    bench.introduce(A);
    const job = bench.submit(modelJob({ ownResults: 'alone', taskCount: 4 }))!;
    bench.advance(20_000);
    expect(bench.publishedOf('commit')).toHaveLength(1);
    expect(reasonOf(bench, 'waiting-for-quorum', job)).toMatchObject({ have: 1, need: 2, units: 1 });
    bench.handle({ type: 'peer-disconnected', peer: A });
    bench.advance(5_000);
    expect(bench.notified('unit-result').map(({ label }) => label)).toEqual([{ kind: 'own' }]);
  });
});

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

describe('control', () => {
  it('pauses and resumes own jobs, here only', () => {
    const bench = new Bench({ cores: 1 });
    bench.held.add('execute');
    const job = bench.submit(modelJob({ ownResults: 'alone' }))!;
    bench.advance(100);
    expect(bench.peer.view(bench.now).replicas.length).toBeGreaterThan(0);
    bench.handle({ type: 'job-controlled', job, action: 'pause' });
    expect(bench.peer.jobView(job, bench.now)!.state).toBe('paused');
    expect(reasonOf(bench, 'job-paused')).toEqual({ code: 'job-paused', job });
    bench.advance(1_000);
    expect(bench.peer.view(bench.now).replicas).toEqual([]);
    bench.handle({ type: 'job-controlled', job, action: 'resume' });
    bench.advance(1_000);
    expect(bench.peer.view(bench.now).replicas.length).toBeGreaterThan(0);
  });

  it("cancels own jobs for everybody, and no one else's", () => {
    const bench = new Bench();
    const job = bench.submit(modelJob())!;
    bench.handle({ type: 'job-controlled', job, action: 'cancel' });
    bench.handle({ type: 'job-controlled', job, action: 'cancel' });
    expect(bench.publishedOf('cancel')).toHaveLength(1);
    expect(bench.peer.jobView(job, bench.now)).toMatchObject({ state: 'cancelled', why: [] });
    const other = bench.announce(SUBMITTER, modelJob());
    for (const action of ['cancel', 'pause'] as const) bench.handle({ type: 'job-controlled', job: other, action });
    expect(bench.peer.jobView(other, bench.now)!.state).toBe('running');
    bench.handle({ type: 'job-controlled', job: digest('no job') as never, action: 'cancel' });
  });

  it('forgets a job whole: statements, records, blocks, and does not take it again', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({}, [A, B]);
    const job = bench.announce(SUBMITTER, model);
    bench.advance(200);
    expect([...bench.records.keys()].some((name) => name.includes(job))).toBe(true);
    bench.handle({ type: 'job-controlled', job, action: 'forget' });
    expect([...bench.records.keys()].filter((name) => name.includes(job))).toEqual([]);
    expect(bench.effectsOf('release-blocks')).toEqual([{ type: 'release-blocks', job }]);
    expect(bench.peer.jobView(job, bench.now)).toBeUndefined();
    expect(bench.gossip(SUBMITTER, { kind: 'job-announce', spec: model.spec, roster: model.roster })).toBe('ignore');
    bench.advance(600_000);
    expect(bench.sizes()).toMatchObject({ jobs: 0, statements: 0 });
  });

  it('lets jobs of others go half an hour after they are over, own results never by themselves', () => {
    const bench = new Bench();
    const expired = bench.announce(SUBMITTER, modelJob({ ttlMs: 10_000 }));
    const cancelled = bench.announce(SUBMITTER, modelJob({ title: 'cancelled' }));
    bench.gossip(SUBMITTER, { kind: 'cancel', job: cancelled, seq: 0 });
    const done = bench.announce(SUBMITTER, modelJob({ title: 'done' }));
    bench.gossip(SUBMITTER, { kind: 'satisfied', job: done, seq: 0, ranges: [{ first: 0, count: 4 }] });
    const own = bench.submit(modelJob({ ttlMs: 10_000 }))!;
    bench.advance(11_000);
    const state = (job: JobId) => bench.peer.jobView(job, bench.now)?.state;
    expect([expired, cancelled, done, own].map(state)).toEqual(['expired', 'cancelled', 'finished', 'expired']);
    bench.advance(31 * 60_000);
    expect([expired, cancelled, done, own].map(state)).toEqual([undefined, undefined, undefined, 'expired']);
  });
});

describe('inputs', () => {
  it('that nobody has are asked for again, ever more rarely, and the job says whom it asked', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({}, [A, B]);
    const job = bench.announce(SUBMITTER, { ...model, blocks: new Map() });
    bench.advance(20_000);
    expect(bench.effectsOf('fetch-blocks').length).toBeGreaterThan(3);
    expect(bench.effectsOf('fetch-blocks').length).toBeLessThan(12);
    expect(reasonOf(bench, 'inputs-unavailable')).toEqual({
      code: 'inputs-unavailable',
      job,
      missing: 2,
      asked: [SUBMITTER, B],
    });
    for (const [cid, bytes] of model.blocks) bench.blocks.set(cid, bytes);
    bench.advance(60_000);
    expect(bench.publishedOf('commit').length).toBeGreaterThan(0);
    expect(reasonOf(bench, 'inputs-unavailable')).toBeUndefined();
  });

  it('whose index vanishes between fetching and reading are asked for again', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    bench.held.add('read-block');
    bench.announce(SUBMITTER, modelJob({}, [A, B]));
    bench.advance(100);
    const [read] = bench.effectsOf('read-block');
    bench.handle({ type: 'block-read', ticket: read!.ticket, bytes: undefined });
    expect(reasonOf(bench, 'inputs-unavailable')).toMatchObject({ missing: 1 });
    bench.held.delete('read-block');
    bench.advance(5_000);
    expect(bench.publishedOf('commit').length).toBeGreaterThan(0);
  });

  it('are not asked for faster because other things happen, but at once when somebody comes', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({}, [A, B]);
    bench.announce(SUBMITTER, { ...model, blocks: new Map() });
    for (let i = 0; i < 400; i++) {
      bench.gossip(key('somebody'), { kind: 'identity', issuedAtMs: bench.now, cores: 1, agent: 'a', addresses: [] });
      bench.advance(50);
    }
    const asked = bench.effectsOf('fetch-blocks').length;
    expect(asked).toBeLessThan(12);
    bench.connect(B);
    bench.advance(10);
    expect(bench.effectsOf('fetch-blocks').length).toBe(asked + 1);
  });

  it.each([
    ['is no index', asciiBytes('no index')],
    ['names another number of units', undefined],
  ])('whose index %s make a job that can never run', (_what, index) => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({}, [A, B]);
    const short = modelJob({ taskCount: 8 });
    const bytes = index ?? short.blocks.get(short.spec.input)!;
    const input = cidOf(bytes, 'dag-cbor');
    const job = bench.announce(SUBMITTER, {
      ...model,
      spec: { ...model.spec, input },
      blocks: new Map([...model.blocks, [input, bytes]]),
    });
    bench.advance(5_000);
    expect(bench.effectsOf('execute')).toEqual([]);
    expect(reasonOf(bench, 'poison-unit')).toMatchObject({
      job,
      how: expect.stringMatching(/not dag-cbor|input index/),
    });
  });

  it('of one unit that nobody has let it go, for others or for later', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    const model = modelJob({ taskCount: 4 }, [A, B]);
    const blocks = new Map(model.blocks);
    blocks.delete(model.unitInputs[0]!);
    bench.announce(SUBMITTER, { ...model, blocks });
    bench.advance(1_000);
    expect(bench.peer.view(bench.now).replicas).toEqual([]);
    expect(bench.publishedOf('claim').some(({ leaseMs }) => leaseMs === 0)).toBe(true);
    bench.blocks.set(model.unitInputs[0]!, model.blocks.get(model.unitInputs[0]!)!);
    bench.advance(30_000);
    expect(bench.publishedOf('commit')).toHaveLength(1);
  });
});

describe('a run that fails here', () => {
  function failing(code: ExecutionFailureCode): { bench: Bench; job: JobId } {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    bench.held.add('execute');
    const job = bench.announce(SUBMITTER, modelJob({}, [A, B]));
    bench.advance(100);
    const [execute] = bench.effectsOf('execute');
    bench.handle({ type: 'execution-failed', ticket: execute!.ticket, code, detail: 'in words' });
    return { bench, job };
  }

  it('is no result: the peer abstains from the unit, lets go of it and says why', () => {
    const { bench, job } = failing('out-of-memory');
    expect(bench.notified('unit-failed-here')).toMatchObject([{ job, code: 'out-of-memory', detail: 'in words' }]);
    expect(reasonOf(bench, 'poison-unit', job)).toMatchObject({ how: 'out-of-memory: in words' });
    expect(bench.publishedOf('commit')).toEqual([]);
    bench.advance(5_000);
    const { unit } = bench.effectsOf('execute')[0]!.request;
    expect(bench.effectsOf('execute').filter(({ request }) => request.unit === unit)).toHaveLength(1);
    expect(bench.effectsOf('execute').length).toBeGreaterThan(1);
  });

  it('because of its kernel makes it abstain from the whole job', () => {
    const { bench, job } = failing('kernel-refused');
    const begun = bench.effectsOf('execute').length;
    bench.advance(60_000);
    expect(bench.effectsOf('execute').length - begun).toBeLessThanOrEqual(1);
    expect(reasonOf(bench, 'poison-unit')).toMatchObject({ job, how: 'in words' });
  });

  it('because it was cancelled may be tried again', () => {
    const { bench } = failing('cancelled');
    const { unit } = bench.effectsOf('execute')[0]!.request;
    bench.advance(5_000);
    expect(bench.effectsOf('execute').filter(({ request }) => request.unit === unit).length).toBeGreaterThan(1);
  });
});

describe('a run that ends with its worker', () => {
  it('is tried again, but not for ever: a unit that is there each time is left to others', () => {
    const bench = new Bench({ self: A, cores: 1 });
    bench.introduce(SUBMITTER);
    bench.held.add('execute');
    const job = bench.announce(SUBMITTER, modelJob({ taskCount: 4 }, [A, B]));
    const begun = () => bench.effectsOf('execute').filter(({ request }) => request.unit === 0);
    for (let round = 1; round <= 3; round++) {
      bench.advance(5_000);
      expect(begun()).toHaveLength(round);
      bench.handle({
        type: 'execution-failed',
        ticket: begun().at(-1)!.ticket,
        code: 'worker-crashed',
        detail: 'gone',
      });
    }
    bench.advance(60_000);
    expect(begun()).toHaveLength(3);
    expect(bench.notified('unit-failed-here')).toHaveLength(3);
    expect(reasonOf(bench, 'poison-unit', job)).toMatchObject({ unit: 0, how: 'worker-crashed: gone' });
  });
});

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

describe('peers in the view', () => {
  it('are named with what is known of them', () => {
    const bench = new Bench({ self: A });
    expect(reasonOf(bench, 'no-peers')).toBeDefined();
    expect(reasonOf(bench, 'computes-nothing')).toBeDefined();
    expect(reasonOf(bench, 'no-job')).toBeDefined();
    bench.introduce(B, 3);
    for (const roundTripMs of [5, 50, 7]) bench.handle({ type: 'link-measured', peer: B, roundTripMs });
    const stranger = key('other version');
    bench.handle({
      type: 'peer-incompatible',
      peer: stranger,
      address: '/x',
      agent: 'shoal/9',
      detail: 'speaks /shoal/2',
    });
    const view = bench.peer.view(bench.now);
    expect(view.peers.find(({ peer }) => peer === B)).toMatchObject({ connected: true, cores: 3, roundTripMs: 7 });
    expect(view.peers.find(({ peer }) => peer === stranger)).toMatchObject({
      connected: false,
      incompatible: 'speaks /shoal/2',
      cores: undefined,
    });
    expect(view.holdMs).toBe(150);
    bench.handle({ type: 'peer-disconnected', peer: B });
    bench.handle({ type: 'peer-disconnected', peer: key('never seen') });
    expect(bench.peer.view(bench.now).holdMs).toBe(20);
    bench.announce(SUBMITTER, modelJob({}, [B]));
    expect(reasonOf(bench, 'not-rostered')).toBeDefined();
  });

  it("are told this peer's addresses when they change, and its identity again every ten minutes", () => {
    const bench = new Bench();
    bench.handle({ type: 'addresses-changed', addresses: ['/ip4/127.0.0.1/tcp/1'] });
    expect(bench.publishedOf('identity').at(-1)!.addresses).toEqual(['/ip4/127.0.0.1/tcp/1']);
    const before = bench.publishedOf('identity').length;
    bench.advance(25 * 60_000);
    expect(bench.publishedOf('identity').length).toBe(before + 2);
    bench.connect(B);
    expect(bench.effectsOf('send').some(({ peer }) => peer === B)).toBe(true);
    expect(envelope(B, bench.publishedOf('identity')[0]!).author).toBe(B);
  });

  it('that send nonsense directly are named to the owner, no more', () => {
    const bench = new Bench();
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0xff),
      Uint8Array.of(0x82, 0x61, 0x61, 0xa0),
      Uint8Array.of(0x80),
    ]) {
      bench.handle({ type: 'direct-received', peer: B, bytes });
    }
    expect(bench.notified('statement-refused')).toHaveLength(4);
    expect(bench.sizes().peers).toBe(0);
  });

  it('complete nothing twice: an answer that nobody waits for is dropped', () => {
    const bench = new Bench();
    const nothing = [
      { type: 'verified', ticket: 999, valid: true },
      { type: 'signed', ticket: 999, signature: new Uint8Array(64) },
      { type: 'block-read', ticket: 999, bytes: undefined },
      { type: 'blocks-fetched', ticket: 999 },
      { type: 'blocks-unavailable', ticket: 999, missing: [], asked: [] },
      { type: 'execution-failed', ticket: 999, code: 'cancelled', detail: '' },
    ] as const;
    for (const event of nothing) expect(bench.handle(event)).toEqual([]);
  });
});
