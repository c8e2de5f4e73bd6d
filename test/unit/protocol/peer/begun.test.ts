/** Units that were begun here and not finished: what is cancelled is worth keeping or not, and what is kept comes first. */
import { describe, expect, it } from 'vitest';
import type { JobId, PeerKey, UnitIndex } from '../../../../node/protocol/ids.ts';
import { Bench } from '../bench.ts';
import { key, keys, modelJob } from '../fixtures.ts';

const SUBMITTER = key('submitter');
const [A] = keys(1) as [PeerKey];

function worker(options: Partial<ConstructorParameters<typeof Bench>[0]> = {}): Bench {
  const bench = new Bench({ self: key('worker'), cores: 1, ...options });
  bench.introduce(SUBMITTER);
  bench.held.add('execute');
  return bench;
}

/** Eight units of one task. */
const model = (self: PeerKey) => modelJob({ taskCount: 8, tasksPerUnit: 1 }, [self, A]);
const executed = (bench: Bench): UnitIndex[] => bench.effectsOf('execute').map(({ request }) => request.unit);
const cancelled = (bench: Bench): boolean[] => bench.effectsOf('cancel-execution').map(({ keep }) => keep);

describe('what is computed so far', () => {
  it('is kept when the peer pauses, and taken up first when it goes on', () => {
    const bench = worker();
    bench.announce(SUBMITTER, model(bench.self));
    bench.advance(100);
    const before = executed(bench);
    expect(before.length).toBeGreaterThan(0);
    bench.handle({ type: 'capacity-changed', cores: 1, paused: ['battery'] });
    expect(cancelled(bench)).toEqual(before.map(() => true));
    bench.handle({ type: 'capacity-changed', cores: 1, paused: [] });
    bench.advance(100);
    expect(new Set(executed(bench).slice(before.length))).toEqual(new Set(before));
  });

  it('is kept when the peer stops', () => {
    const bench = worker();
    bench.announce(SUBMITTER, model(bench.self));
    bench.advance(100);
    bench.handle({ type: 'stopping' });
    expect(cancelled(bench)).toEqual(executed(bench).map(() => true));
  });

  it('is not kept of a unit that nobody wants any more', () => {
    const bench = worker();
    const job = bench.announce(SUBMITTER, model(bench.self));
    bench.advance(100);
    bench.gossip(SUBMITTER, { kind: 'cancel', job, seq: 0 });
    bench.advance(100);
    expect(cancelled(bench)).toEqual(executed(bench).map(() => false));
  });
});

describe('a unit that an earlier run has begun', () => {
  const chosenBy = (units: readonly UnitIndex[], known: 'before' | 'after'): UnitIndex[] => {
    const bench = worker({ start: false });
    bench.start();
    const tell = (job: JobId) => bench.handle({ type: 'work-kept', units: units.map((unit) => ({ job, unit })) });
    const job = model(bench.self);
    if (known === 'before') {
      // Its job comes back by exchange only.
      tell(new Bench({ self: key('worker'), cores: 0 }).announce(SUBMITTER, job));
      bench.announce(SUBMITTER, job);
    } else {
      bench.handle({ type: 'capacity-changed', cores: 0, paused: [] });
      tell(bench.announce(SUBMITTER, job));
      bench.handle({ type: 'capacity-changed', cores: 1, paused: [] });
    }
    bench.advance(100);
    return executed(bench);
  };

  it('is taken before all others, whether its job is known already or comes later', () => {
    const usual = chosenBy([], 'after');
    const last = [7, 6].filter((unit) => !usual.includes(unit));
    expect(last.length).toBeGreaterThan(0);
    for (const known of ['before', 'after'] as const) {
      expect(chosenBy(last, known).slice(0, last.length).toSorted()).toEqual(last.toSorted());
    }
  });

  it('is no reason to compute what others have settled, or what is no unit of the job', () => {
    const usual = chosenBy([], 'after');
    expect(chosenBy([999], 'after')).toEqual(usual);
  });
});
