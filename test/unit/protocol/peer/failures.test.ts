/** Runs that fail at this peer: what it says, what it tries again, and what it leaves to others. */
import { describe, expect, it } from 'vitest';
import type { ExecutionFailureCode } from '../../../../node/protocol/effect.ts';
import type { JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { Bench } from '../bench.ts';
import { key, keys, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

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
