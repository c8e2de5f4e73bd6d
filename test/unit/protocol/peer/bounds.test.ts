/**
 * Every map of limits.ts is bounded: each is filled past its cap, through the peer's own door where that can be done
 * in reasonable time, else through the class that keeps it. A flood must cost memory up to the bound and no further.
 */
import { encode } from '@ipld/dag-cbor';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../../../node/protocol/bytes.ts';
import type { JobId, PeerKey, StatementId } from '../../../../node/protocol/ids.ts';
import { Ledger } from '../../../../node/protocol/ledger.ts';
import * as limits from '../../../../node/protocol/limits.ts';
import { Peers } from '../../../../node/protocol/peers.ts';
import { TokenBuckets } from '../../../../node/protocol/trust/bucket.ts';
import { WaitingRoom } from '../../../../node/protocol/waiting.ts';
import type { Body } from '../../../../node/protocol/wire/statement.ts';
import { JobBoard } from '../../../../node/protocol/work/board.ts';
import { Bench } from '../bench.ts';
import { announce, digest, envelope, idOf, key, keys, modelJob, PARAMETERS, START_MS } from '../fixtures.ts';

const SUBMITTER = key('submitter');

/** What the whole flood shares: one peer, and how large each of its maps ever was. */
let bench: Bench;
const largest: Record<string, number> = {};

function watch(): void {
  for (const [name, size] of Object.entries(bench.sizes())) largest[name] = Math.max(largest[name] ?? 0, size);
}

/** By the exchange, which no bucket slows down. */
function direct(from: PeerKey, ...envelopes: readonly Uint8Array[]): void {
  bench.handle({ type: 'direct-received', peer: from, bytes: encode(['statements', { envelopes }]) });
  watch();
}

function identity(issuedAtMs: number): Body {
  return { kind: 'identity', issuedAtMs, cores: 1, agent: 'a', addresses: [] };
}

describe('a flood', { timeout: 180_000 }, () => {
  beforeAll(() => {
    bench = new Bench();
  });

  it('of identities fills neither peers nor ids seen beyond their bounds', () => {
    const template = envelope(key('template'), identity(START_MS)).bytes;
    const count = limits.SEEN_MAX + 2_000;
    // First ever new authors, then one author with ever newer identities. Signatures are not looked at here.
    const lowTimeAt = Buffer.from(template).indexOf(Buffer.of(0x1b, 0, 0, 0x01, 0x8b)) + 5;
    const lowTime = new DataView(template.buffer).getUint32(lowTimeAt);
    let batch: Uint8Array[] = [];
    bench.held.add('verify');
    for (let i = 0; i < count; i++) {
      const bytes = template.slice();
      const view = new DataView(bytes.buffer);
      if (i < limits.PEERS_MAX + 500) view.setUint32(3, i);
      else view.setUint32(lowTimeAt, lowTime + i);
      batch.push(bytes);
      if (batch.length < 256) continue;
      bench.handle({ type: 'direct-received', peer: SUBMITTER, bytes: encode(['statements', { envelopes: batch }]) });
      for (const { ticket } of bench.effectsOf('verify')) bench.handle({ type: 'verified', ticket, valid: true });
      bench.effects.length = 0;
      bench.steps.length = 0;
      watch();
      batch = [];
    }
    bench.held.delete('verify');
    expect(largest.peers).toBe(limits.PEERS_MAX);
    expect(largest.seen).toBe(limits.SEEN_MAX);
  });

  it('of statements about unknown jobs fills the waiting room and no more', () => {
    for (let i = 0; i < limits.WAITING_MAX + 500; i++) {
      direct(SUBMITTER, envelope(SUBMITTER, { kind: 'cancel', job: digest(`unknown ${i}`) as never, seq: 0 }).bytes);
      bench.effects.length = 0;
      bench.steps.length = 0;
    }
    expect(largest.waiting).toBe(limits.WAITING_MAX);
  });

  it('of unverified statements fills the checks under way and no more', () => {
    bench.held.add('verify');
    for (let i = 0; i < limits.VERIFYING_MAX + 500; i++) direct(SUBMITTER, envelope(SUBMITTER, identity(i)).bytes);
    expect(largest.verifying).toBe(limits.VERIFYING_MAX);
    bench.held.delete('verify');
    for (const { ticket } of bench.effectsOf('verify')) bench.handle({ type: 'verified', ticket, valid: false });
    expect(bench.sizes().verifying).toBe(0);
    bench.effects.length = 0;
    bench.steps.length = 0;
  });

  it('of jobs fills the table of jobs; what is over makes room, what is running does not', () => {
    const model = modelJob();
    const ids: JobId[] = [];
    for (let i = 0; i < limits.JOBS_MAX + 50; i++) {
      const body = announce({ ...model, spec: { ...model.spec, title: `job ${i}` } });
      ids.push(idOf(SUBMITTER, body) as string as JobId);
      direct(SUBMITTER, envelope(SUBMITTER, body).bytes);
    }
    expect(largest.jobs).toBe(limits.JOBS_MAX);
    expect(bench.peer.jobView(ids[0]!, bench.now)).toBeDefined();
    expect(bench.peer.jobView(ids.at(-1)!, bench.now)).toBeUndefined();
    for (const job of ids.slice(0, 20)) direct(SUBMITTER, envelope(SUBMITTER, { kind: 'cancel', job, seq: 0 }).bytes);
    const late = announce({ ...model, spec: { ...model.spec, title: 'a late job' } });
    direct(SUBMITTER, envelope(SUBMITTER, late).bytes);
    expect(bench.peer.jobView(idOf(SUBMITTER, late) as string as JobId, bench.now)).toBeDefined();
    expect(bench.sizes().jobs).toBeLessThanOrEqual(limits.JOBS_MAX);
  });

  it('of jobs that come and go fills the memory of closed ones and no more', () => {
    // A peer without the thousand jobs of before, through which every turn would have to look.
    bench = new Bench();
    const model = modelJob();
    for (let i = 0; i < limits.CLOSED_JOBS_MAX + 200; i++) {
      const body = announce({ ...model, spec: { ...model.spec, title: `short ${i}` } });
      const job = idOf(SUBMITTER, body) as string as JobId;
      direct(SUBMITTER, envelope(SUBMITTER, body).bytes);
      bench.handle({ type: 'job-controlled', job, action: 'forget' });
      bench.effects.length = 0;
      bench.steps.length = 0;
    }
    watch();
    expect(largest.closed).toBe(limits.CLOSED_JOBS_MAX);
  });

  it('of lists of ids that never end fills the exchanges and no more', () => {
    const ids = Array.from({ length: limits.EXCHANGE_IDS_MAX }, (_, i) => fromHex(digest(`id ${i}`)));
    for (let i = 0; i < limits.EXCHANGES_MAX + 50; i++) {
      const bytes = encode(['ids', { job: fromHex(digest(`job ${i}`)), ids, more: true }]);
      bench.handle({ type: 'direct-received', peer: SUBMITTER, bytes });
      watch();
    }
    expect(largest.exchanges).toBe(limits.EXCHANGES_MAX);
    bench.handle({ type: 'peer-disconnected', peer: SUBMITTER });
    expect(bench.sizes().exchanges).toBe(0);
  });

  it('of failed dials fills their list and no more', () => {
    for (let i = 0; i < limits.DIAL_FAILURES_MAX + 10; i++) {
      bench.handle({ type: 'dial-failed', address: `/ip4/127.0.0.1/tcp/${i}`, code: 'refused', detail: 'refused' });
      watch();
    }
    expect(largest.dialFailures).toBe(limits.DIAL_FAILURES_MAX);
    const failed = bench.peer.view(bench.now).why.filter(({ code }) => code === 'dial-failed');
    expect(failed.at(-1)).toMatchObject({ address: `/ip4/127.0.0.1/tcp/${limits.DIAL_FAILURES_MAX + 9}` });
  });

  it('of own commits that nobody answers ends at its bound, and says so', () => {
    bench = new Bench({ cores: 4 });
    bench.introduce(SUBMITTER);
    const job = modelJob({ taskCount: 400, tasksPerUnit: 1 }, [bench.self]);
    bench.announce(SUBMITTER, job);
    for (let i = 0; i < 200; i++) {
      bench.advance(100);
      watch();
    }
    expect(largest.unrevealed).toBe(limits.UNREVEALED_MAX);
    expect(bench.peer.view(bench.now).why).toContainEqual({ code: 'unrevealed-full', commits: limits.UNREVEALED_MAX });
  });

  it('leaves no map of the peer unwatched', () => {
    expect(Object.keys(bench.sizes()).sort()).toEqual([
      'closed',
      'dialFailures',
      'exchanges',
      'jobs',
      'peers',
      'seen',
      'statements',
      'unrevealed',
      'verifying',
      'waiting',
    ]);
  });
});

describe('one part', { timeout: 120_000 }, () => {
  it('statements: the ledger takes none beyond its bound, and drops jobs whole', () => {
    const ledger = new Ledger();
    const bytes = new Uint8Array(1);
    const id = (n: number) => n.toString(16).padStart(64, '0') as StatementId;
    const jobs = ['a', 'b'].map((name) => digest(name) as string as JobId) as [JobId, JobId];
    for (let i = 0; i < limits.STATEMENTS_MAX; i++) ledger.add(jobs[i % 2]!, id(i), bytes);
    expect(ledger.size).toBe(limits.STATEMENTS_MAX);
    expect(ledger.isFull).toBe(true);
    expect(ledger.add(jobs[0], id(limits.STATEMENTS_MAX), bytes)).toBe(false);
    ledger.dropJob(jobs[1]);
    expect(ledger.size).toBe(limits.STATEMENTS_MAX / 2);
    expect(ledger.digest(jobs[1])).toBe('00'.repeat(32));
    expect(ledger.add(jobs[0], id(limits.STATEMENTS_MAX), bytes)).toBe(true);
  });

  it('buckets: refilled ones go first, then the oldest', () => {
    const buckets = new TokenBuckets(1, 2);
    for (let i = 0; i < limits.BUCKETS_MAX + 1_000; i++) buckets.take(`busy ${i}`, START_MS);
    expect(buckets.size).toBe(limits.BUCKETS_MAX);
    buckets.take('one more', START_MS + 10_000);
    expect(buckets.size).toBe(1);
  });

  it('peers: the connected stay; round trips: the newest stay', () => {
    const peers = new Peers(PARAMETERS, key('self'));
    const friend = key('friend');
    peers.connect({ type: 'peer-connected', peer: friend, address: 'a', agent: '' }, START_MS);
    for (let i = 0; i < 10 * limits.ROUND_TRIPS_MAX; i++) peers.measure(friend, 1_000);
    for (let i = 0; i < limits.ROUND_TRIPS_MAX; i++) peers.measure(friend, 10);
    expect(peers.holdMs()).toBe(30);
    for (let i = 0; i < limits.PEERS_MAX + 100; i++) peers.heard(key(i), START_MS + 1 + i);
    expect(peers.size).toBe(limits.PEERS_MAX);
    expect(peers.isConnected(friend)).toBe(true);
    expect(peers.isPresent(key(limits.PEERS_MAX + 99), START_MS + 5_000)).toBe(true);
    expect(peers.isPresent(key(0), START_MS + 5_000)).toBe(false);
  });

  it('peers: among nothing but connected ones the first goes', () => {
    const peers = new Peers(PARAMETERS, key('self'));
    for (let i = 0; i < limits.PEERS_MAX + 5; i++) {
      peers.connect({ type: 'peer-connected', peer: key(i), address: 'a', agent: '' }, START_MS);
    }
    expect(peers.size).toBe(limits.PEERS_MAX);
  });

  it('waiting: the oldest is dropped, and its id forgotten so that it can come again', () => {
    const dropped: StatementId[] = [];
    const room = new WaitingRoom(({ envelope: { id } }) => dropped.push(id));
    const said = envelope(key('a'), identity(0));
    const waiter = (n: number) => ({
      envelope: { ...said, id: `${n}` as StatementId },
      source: { via: 'direct', peer: key('a') } as const,
      until: undefined,
    });
    for (let i = 0; i < limits.WAITING_MAX + 3; i++) room.add(`key ${i % 2}`, waiter(i));
    expect(room.size).toBe(limits.WAITING_MAX);
    expect(dropped).toHaveLength(3);
    expect(room.take('key 0').length + room.take('key 1').length).toBe(limits.WAITING_MAX);
    expect(room.size).toBe(0);
    expect(room.take('key 0')).toEqual([]);
  });

  const board = (spec: Parameters<typeof modelJob>[0], roster: readonly PeerKey[]): JobBoard =>
    new JobBoard(PARAMETERS, digest('job') as never, SUBMITTER, announce(modelJob(spec, roster)), START_MS);

  it('claims: so many of one identity, so many of a job', () => {
    const members = keys(1_000);
    const job = board({ taskCount: 10_000, tasksPerUnit: 1 }, members.slice(0, 16));
    const units = Array.from({ length: 50 }, (_, i) => i);
    job.applyClaim(members[0]!, units, START_MS + 1_000, 100);
    expect(job.claimsHeldBy(members[0]!)).toBe(limits.CLAIMS_PER_IDENTITY_MAX);
    job.applyClaim(members[1]!, units, START_MS + 1_000, 2);
    expect(job.claimsHeldBy(members[1]!)).toBe(2);
    for (const [i, member] of members.entries()) {
      job.applyClaim(
        member,
        Array.from({ length: 8 }, (_, n) => 8 * i + n),
        START_MS + 1_000,
        8,
      );
    }
    const claims = [...job.rows()].reduce((sum, [, row]) => sum + row.claims.size, 0);
    expect(claims).toBe(limits.CLAIMS_PER_JOB_MAX);
    job.dropClaim(0, members[0]!);
    expect(job.claimsHeldBy(members[0]!)).toBe(limits.CLAIMS_PER_IDENTITY_MAX - 1);
  });

  it('claimants of a unit: the oldest are forgotten', () => {
    const job = board({}, keys(10));
    for (let i = 0; i < 100; i++) {
      job.applyClaim(key(i), [0], START_MS + 1_000 + i, 8);
      job.settle({
        now: START_MS + i,
        self: SUBMITTER,
        parameters: PARAMETERS,
        holdMs: 10,
        goneSince: () => undefined,
      });
    }
    expect(job.row(0).claimedSinceMs.size).toBe(limits.CLAIMANTS_PER_UNIT_MAX);
  });

  it('authors of a unit: those of lowest rank and the submitter stay, in whatever order they come', () => {
    const members = keys(60);
    for (const order of [members, [...members].reverse()]) {
      const job = board({ pacePerSecond: 1 }, members);
      for (const author of order) {
        const body: Body = { kind: 'commit', job: job.id, entries: [{ unit: 0, seal: digest(author) }] };
        job.applyCommit(idOf(author, body), author, body, START_MS);
      }
      const kept = [...job.row(0).evidence.commits.keys()];
      expect(kept.sort()).toEqual(
        job.roster
          .ranksFor(0)
          .slice(0, limits.AUTHORS_PER_UNIT_MAX + 1)
          .toSorted(),
      );
      expect(job.row(0).committedAtMs.size).toBe(kept.length);
    }
  });
});
