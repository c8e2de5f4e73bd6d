/** Leaving in good order: what is not committed is let go of, what is frozen is revealed at once. */
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import { Bench } from '../bench.ts';
import { attest, key, keys, leavesOf, modelJob } from '../fixtures.ts';

const SUBMITTER = key('submitter');
const [A] = keys(1) as [PeerKey];

function worker(): { bench: Bench; job: ReturnType<Bench['announce']>; model: ReturnType<typeof modelJob> } {
  const bench = new Bench({ self: key('worker'), cores: 1 });
  bench.introduce(SUBMITTER);
  const model = modelJob({ taskCount: 8 }, [bench.self, A]);
  bench.held.add('execute');
  const job = bench.announce(SUBMITTER, model);
  bench.advance(100);
  return { bench, job, model };
}

describe('stopping', () => {
  it('cancels what runs and lets go of its claims', () => {
    const { bench } = worker();
    const claimed = bench.publishedOf('claim').flatMap(({ units }) => units);
    expect(claimed.length).toBeGreaterThan(0);
    bench.handle({ type: 'stopping' });
    const released = bench.publishedOf('claim').filter(({ leaseMs }) => leaseMs === 0);
    expect(released.flatMap(({ units }) => units).sort()).toEqual([...claimed].sort());
    expect(bench.effectsOf('cancel-execution')).toHaveLength(bench.effectsOf('execute').length);
    const [last] = bench.effectsOf('execute');
    bench.handle({ type: 'executed', ticket: last!.ticket, execution: bench.execution(last!.request) });
    bench.advance(10_000);
    expect(bench.publishedOf('commit')).toEqual([]);
  });

  it('reveals at once what is frozen, before its hold is over', () => {
    const { bench, job, model } = worker();
    const [execute] = bench.effectsOf('execute');
    const { unit } = execute!.request;
    bench.handle({ type: 'link-measured', peer: SUBMITTER, roundTripMs: 300 });
    bench.handle({ type: 'executed', ticket: execute!.ticket, execution: bench.execution(execute!.request) });
    const other = attest(job, A, unit, leavesOf(unit, 4), digestOf(model.unitInputs[unit]!));
    bench.gossip(A, { kind: 'commit', job, entries: [{ unit, seal: other.seal }] });
    bench.advance(400);
    expect(bench.peer.view(bench.now).replicas.find((replica) => replica.unit === unit)!.phase).toBe('frozen');
    expect(bench.peer.view(bench.now).why.map(({ code }) => code)).toContain('held');
    expect(bench.publishedOf('reveal')).toEqual([]);
    bench.handle({ type: 'stopping' });
    expect(bench.publishedOf('reveal').flatMap(({ entries }) => entries.map((entry) => entry.unit))).toEqual([unit]);
  });

  it('is heard: a claim with lease 0 frees the unit at once', () => {
    const bench = new Bench({ self: key('worker'), cores: 0 });
    const job = bench.announce(SUBMITTER, modelJob({}, [A]));
    bench.gossip(A, { kind: 'claim', job, issuedAtMs: bench.now, leaseMs: 60_000, units: [0, 1] });
    const claimedBy = () => bench.peer.jobView(job, bench.now)!.unitRows.map((row) => row.claimedBy.length);
    expect(claimedBy()).toEqual([1, 1, 0, 0]);
    bench.gossip(A, { kind: 'claim', job, issuedAtMs: bench.now, leaseMs: 0, units: [0] });
    expect(claimedBy()).toEqual([0, 1, 0, 0]);
  });

  it('pausing lets go as well, and coming back takes work again', () => {
    const { bench } = worker();
    bench.handle({ type: 'capacity-changed', cores: 1, paused: ['battery'] });
    bench.advance(10);
    expect(bench.peer.view(bench.now).replicas).toEqual([]);
    expect(bench.publishedOf('identity').at(-1)!.cores).toBe(0);
    expect(bench.peer.view(bench.now).why).toContainEqual({ code: 'paused', reasons: ['battery'] });
    bench.handle({ type: 'capacity-changed', cores: 1, paused: [] });
    bench.advance(1_000);
    expect(bench.peer.view(bench.now).replicas.length).toBeGreaterThan(0);
    expect(bench.publishedOf('identity').at(-1)!.cores).toBe(1);
  });

  it('a sandbox that does not start lets go of everything, offers nothing and says why, until it is over', () => {
    const { bench } = worker();
    bench.handle({ type: 'sandbox-changed', failure: 'the sandbox process does not start: bad option' });
    bench.advance(5_000);
    const view = bench.peer.view(bench.now);
    expect(view.replicas).toEqual([]);
    expect(view.why).toContainEqual({ code: 'sandbox', detail: 'the sandbox process does not start: bad option' });
    expect(bench.publishedOf('identity').at(-1)!.cores).toBe(0);
    bench.handle({ type: 'sandbox-changed', failure: undefined });
    bench.advance(5_000);
    expect(bench.peer.view(bench.now).replicas.length).toBeGreaterThan(0);
    expect(bench.peer.view(bench.now).why.map(({ code }) => code)).not.toContain('sandbox');
    expect(bench.publishedOf('identity').at(-1)!.cores).toBe(1);
  });

  it('a full disk makes an observer of the peer until it is over', () => {
    const { bench } = worker();
    bench.handle({ type: 'storage-failed', code: 'disk-full', detail: 'no space' });
    expect(bench.peer.view(bench.now)).toMatchObject({ observer: 'disk-full: no space', replicas: [] });
    expect(bench.peer.view(bench.now).why).toContainEqual({ code: 'storage', detail: 'disk-full: no space' });
    bench.advance(5_000);
    expect(bench.peer.view(bench.now).replicas).toEqual([]);
    bench.handle({ type: 'storage-recovered' });
    bench.advance(5_000);
    expect(bench.peer.view(bench.now).replicas.length).toBeGreaterThan(0);
  });
});
