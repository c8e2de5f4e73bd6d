/** Pausing, cancelling and forgetting a job, and how jobs that are over go by themselves. */
import { describe, expect, it } from 'vitest';
import type { JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { Bench } from '../bench.ts';
import { digest, key, keys, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

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
