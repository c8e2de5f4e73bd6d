/** Submitting a job: what is refused, who is asked to compute, and whose results are taken. */
import { describe, expect, it } from 'vitest';
import type { Cid, PeerKey } from '../../../../node/protocol/ids.ts';
import { Bench } from '../bench.ts';
import { key, keys, type ModelJob, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const [A, B] = keys(2) as [PeerKey, PeerKey];

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
