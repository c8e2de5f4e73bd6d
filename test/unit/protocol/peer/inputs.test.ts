/** Inputs that are missing, late or wrong. */
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../../../node/protocol/bytes.ts';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { cidOf } from '../../../../node/protocol/wire/block.ts';
import { Bench } from '../bench.ts';
import { key, keys, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

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
