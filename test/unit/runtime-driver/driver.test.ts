/**
 * The driver against a scripted machine and surroundings that a test moves by hand: what stands behind a write waits
 * for it, writes are grouped and keep their order, failures are tried again with everything behind them waiting, one
 * timer is armed, the inbox is bounded, and nothing is ever called back inside the call that caused it.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { asciiBytes } from '../../../node/protocol/bytes.ts';
import type { Effect } from '../../../node/protocol/effect.ts';
import type { Event } from '../../../node/protocol/event.ts';
import type { Cid, JobId, PeerKey } from '../../../node/protocol/ids.ts';
import { StorageError } from '../../../node/runtime/environment.ts';
import { Surroundings } from './surroundings.ts';

const persist = (key: string, sync = false): Effect => ({
  type: 'persist',
  writes: [{ key, value: Uint8Array.of(1) }],
  sync,
});
const publish = (text: string): Effect => ({ type: 'publish', bytes: asciiBytes(text) });
const put = (cid: string): Effect => ({
  type: 'put-block',
  job: 'job' as JobId,
  cid: cid as Cid,
  bytes: new Uint8Array(1),
});
const gossip = (token: number): Event => ({
  type: 'message-received',
  token,
  source: 'bb' as PeerKey,
  bytes: Uint8Array.of(token & 255),
});
const woke: Event = { type: 'woke' };

let world: Surroundings;
/** Each `woke` takes the next of these. */
let script: (readonly Effect[])[];

beforeEach(() => {
  world = new Surroundings();
  script = [];
  world.react = (event) => (event.type === 'woke' ? (script.shift() ?? []) : []);
});

describe('effects behind a write', () => {
  it('wait for it, and those before it do not', async () => {
    script = [[publish('before'), persist('a', true), publish('after'), persist('b'), publish('last')]];
    await world.dispatch(woke);
    expect(world.calls).toEqual(['publish before']);
    expect(await world.finish('write')).toEqual({ keys: ['a'], sync: true });
    expect(world.calls).toEqual(['publish before', 'publish after']);
    await world.finish('write');
    expect(world.calls).toEqual(['publish before', 'publish after', 'publish last']);
  });

  it('of another step do not wait for it', async () => {
    script = [[persist('a', true), publish('behind')], [publish('free')]];
    await world.dispatch(woke, woke);
    expect(world.calls).toEqual(['publish free']);
  });

  it('may be signatures and checks, which are then asked for', async () => {
    const verify: Effect = {
      type: 'verify',
      ticket: 7,
      author: 'bb' as PeerKey,
      bytes: new Uint8Array(1),
      signature: new Uint8Array(64),
    };
    script = [[persist('a'), { type: 'sign', ticket: 6, bytes: new Uint8Array(1) }, verify]];
    await world.dispatch(woke);
    expect(world.waiting('sign') + world.waiting('verify')).toBe(0);
    await world.finish('write');
    expect([world.waiting('sign'), world.waiting('verify')]).toEqual([1, 1]);
    await world.finish('sign', new Uint8Array(64));
    await world.finish('verify', [true]);
    expect(world.events.slice(1)).toMatchObject([
      { type: 'signed', ticket: 6 },
      { type: 'verified', ticket: 7, valid: true },
    ]);
  });

  it('of a block wait for the block', async () => {
    script = [[put('cid'), persist('a'), publish('after')]];
    await world.dispatch(woke);
    expect([world.waiting('put'), world.waiting('write')]).toEqual([1, 0]);
    await world.finish('put');
    expect(world.calls).toEqual([]);
    await world.finish('write');
    expect(world.calls).toEqual(['publish after']);
  });
});

describe('writes', () => {
  it('that come while one is under way go together, in order, synced if one of them asks for it', async () => {
    script = [
      [persist('a'), publish('A')],
      [persist('b'), publish('B')],
      [put('cid'), publish('block')],
      [persist('c', true), publish('C')],
    ];
    await world.dispatch(woke);
    await world.dispatch(woke, woke, woke);
    expect(world.waiting('write')).toBe(1);
    expect(await world.finish('write')).toEqual({ keys: ['a'], sync: false });
    expect(world.calls).toEqual(['publish A']);
    await world.finish('put');
    expect(await world.finish('write')).toEqual({ keys: ['b', 'c'], sync: true });
    expect(world.calls).toEqual(['publish A', 'publish B', 'publish block', 'publish C']);
  });

  it('that fail are tried again, ever more rarely, with everything behind them waiting', async () => {
    script = [
      [persist('a', true), publish('A')],
      [persist('b'), publish('B')],
    ];
    await world.dispatch(woke);
    await world.fail('write', new StorageError('disk-full', 'no space'));
    expect(world.events.at(-1)).toEqual({ type: 'storage-failed', code: 'disk-full', detail: 'no space' });
    await world.dispatch(woke);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = world.now;
      await world.fire();
      waits.push(world.now - before);
      expect(world.waiting('write')).toBe(1);
      await world.fail('write', new Error('still broken'));
    }
    expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    expect(world.calls).toEqual([]);
    expect(world.events.filter(({ type }) => type === 'storage-failed')).toHaveLength(1);
    await world.fire();
    await world.finish('write');
    expect(world.events.at(-1)).toEqual({ type: 'storage-recovered' });
    expect(world.calls).toEqual(['publish A']);
    await world.finish('write');
    expect(world.calls).toEqual(['publish A', 'publish B']);
  });

  it('that fail without a code are told as such', async () => {
    script = [[put('cid')]];
    await world.dispatch(woke);
    await world.fail('put', 'a string');
    expect(world.events.at(-1)).toEqual({ type: 'storage-failed', code: 'failed', detail: 'a string' });
  });
});

describe('the timer', () => {
  it('is one, armed for the next deadline, and moved with it', async () => {
    world.deadline = 5_000;
    await world.dispatch(woke);
    expect(world.timers.filter(({ live }) => live).map(({ at }) => at)).toEqual([5_000]);
    await world.dispatch(woke);
    expect(world.timers).toHaveLength(1);
    world.deadline = 3_000;
    await world.dispatch(woke);
    expect(world.timers.filter(({ live }) => live).map(({ at }) => at)).toEqual([3_000]);
    world.deadline = undefined;
    const before = world.events.length;
    await world.fire();
    expect(world.events.slice(before)).toEqual([{ type: 'woke' }]);
    expect(world.timers.filter(({ live }) => live)).toEqual([]);
  });

  it('is armed again for the same moment after it fired', async () => {
    world.deadline = 2_000;
    await world.dispatch(woke);
    await world.fire();
    expect(world.timers.filter(({ live }) => live).map(({ at }) => at)).toEqual([2_000]);
  });
});

describe('the inbox', () => {
  it('ignores gossip and drops direct messages when it is full, and keeps completions and the rest', () => {
    const direct: Event = { type: 'direct-received', peer: 'bb' as PeerKey, bytes: new Uint8Array(1) };
    for (let token = 1; token <= 16_384; token++) world.driver.dispatch(gossip(token));
    world.driver.dispatch(gossip(99_999));
    world.driver.dispatch(direct);
    world.driver.dispatch({ type: 'verified', ticket: 1, valid: true });
    world.driver.dispatch({ type: 'stopping' });
    expect(world.calls).toEqual(['answer 99999 ignore']);
    while (world.deferred.length > 0) world.deferred.shift()!();
    expect(world.events).toHaveLength(16_386);
    expect(world.events.slice(-2).map(({ type }) => type)).toEqual(['verified', 'stopping']);
  });

  it('is emptied in turns, so that the process gets to do other things', () => {
    for (let token = 1; token <= 300; token++) world.driver.dispatch(gossip(token));
    const turns: number[] = [];
    while (world.deferred.length > 0) {
      const before = world.events.length;
      world.deferred.shift()!();
      turns.push(world.events.length - before);
    }
    expect(turns).toEqual([128, 128, 44]);
  });

  it('takes nothing in the middle of a dispatch: the machine is only called from a turn of its own', () => {
    world.inside = 1;
    world.driver.dispatch(woke);
    world.inside = 0;
    expect(world.events).toEqual([]);
    world.deferred.shift()!();
    expect(world.events).toEqual([woke]);
  });

  it('gets what surroundings call back too early in a later turn', async () => {
    world.environment.executor.execute = (_ticket, _request, done) => {
      world.inside = 1;
      done({ ok: false, code: 'out-of-memory', detail: 'at once' });
      world.inside = 0;
    };
    script = [[{ type: 'execute', ticket: 3, request: {} as never }]];
    await world.dispatch(woke);
    expect(world.events.at(-1)).toEqual({
      type: 'execution-failed',
      ticket: 3,
      code: 'out-of-memory',
      detail: 'at once',
    });
  });
});

describe('runs', () => {
  const job = 'job' as JobId;
  const run = (unit: number, task: number | undefined, ticket: number): Effect => {
    return { type: 'execute', ticket, request: { job, unit, task } as never };
  };

  it('show how far they have come, in the view, until they end', async () => {
    const row = { job, unit: 3, phase: 'executing', sinceMs: 0 };
    world.replicas = [row, { ...row, unit: 4 }, { ...row, unit: 3, phase: 'committed' }];
    script = [[run(3, 0, 7)], [run(3, undefined, 8)]];
    const progress = { tasksDone: 1, tasks: 4, stepsDone: 2, steps: 5, resumedAt: 0 };
    await world.dispatch(woke);
    // One task that is executed again is not the unit.
    world.progress!({ ...progress, tasks: 1 });
    await world.dispatch(woke);
    world.progress!(progress);
    const [, ...others] = world.replicas;
    expect(world.driver.view().replicas).toEqual([{ ...row, progress }, ...others]);
    world.executed!({ ok: false, code: 'cancelled', detail: 'enough' });
    expect(world.driver.view().replicas).toEqual(world.replicas);
  });

  it('are kept where that is asked for, told of at the next start, and dropped with their job', async () => {
    const key = { job, unit: 3, task: undefined };
    await world.checkpoints.put(key, Uint8Array.of(1));
    await world.checkpoints.put({ job, unit: 4, task: 0 }, Uint8Array.of(1));
    await world.driver.start();
    await world.settle();
    expect(world.events.slice(0, 2)).toEqual([
      { type: 'started', records: [{ key: 'a', value: Uint8Array.of(1) }] },
      { type: 'work-kept', units: [{ job, unit: 3 }] },
    ]);
    world.react = () => [
      { type: 'cancel-execution', ticket: 4, keep: true },
      { type: 'release-blocks', job },
    ];
    await world.dispatch(woke);
    expect(world.calls).toContain('cancel 4, keep');
    expect(await world.checkpoints.keys()).toEqual([]);
  });
});

describe('completions', () => {
  it('carry the tickets of what was asked', async () => {
    script = [
      [
        { type: 'execute', ticket: 1, request: {} as never },
        { type: 'fetch-blocks', ticket: 2, job: 'job' as JobId, cids: [], providers: [], bytesMax: 1 },
        { type: 'read-block', ticket: 3, cid: 'cid' as Cid },
        { type: 'cancel-execution', ticket: 4, keep: false },
        { type: 'send', peer: 'bb' as PeerKey, bytes: asciiBytes('hello') },
        { type: 'answer', token: 5, answer: 'accept' },
      ],
    ];
    await world.dispatch(woke);
    expect(world.calls).toEqual(['execute 1', 'fetch', 'cancel 4', 'send hello', 'answer 5 accept']);
    const execution = { leaves: new Uint8Array(41) } as never;
    world.executed!({ ok: true, execution });
    world.fetched!({ ok: true });
    await world.finish('get', Uint8Array.of(9));
    expect(world.events.slice(1)).toEqual([
      { type: 'executed', ticket: 1, execution },
      { type: 'blocks-fetched', ticket: 2 },
      { type: 'block-read', ticket: 3, bytes: Uint8Array.of(9) },
    ]);
    world.fetched!({ ok: false, missing: ['cid' as Cid], asked: ['bb' as PeerKey] });
    await world.settle();
    expect(world.events.at(-1)).toEqual({ type: 'blocks-unavailable', ticket: 2, missing: ['cid'], asked: ['bb'] });
  });

  it('of what went wrong outside: an unreadable block is none, an unanswered check is no, a lost release is logged', async () => {
    const verify = (ticket: number): Effect => ({
      type: 'verify',
      ticket,
      author: 'bb' as PeerKey,
      bytes: new Uint8Array(1),
      signature: new Uint8Array(64),
    });
    script = [
      [
        { type: 'read-block', ticket: 3, cid: 'cid' as Cid },
        verify(4),
        verify(5),
        { type: 'release-blocks', job: 'job' as JobId },
        { type: 'sign', ticket: 6, bytes: new Uint8Array(1) },
      ],
    ];
    await world.dispatch(woke);
    expect(world.pending.find(({ what }) => what === 'verify')!.detail).toBe(2);
    await world.fail('get', new Error('bad sector'));
    await world.fail('verify', new Error('no verifier'));
    await world.fail('release', new Error('locked'));
    await world.fail('sign', new Error('no key'));
    expect(world.events.slice(1)).toEqual([
      { type: 'block-read', ticket: 3, bytes: undefined },
      { type: 'verified', ticket: 4, valid: false },
      { type: 'verified', ticket: 5, valid: false },
    ]);
    expect(world.logged).toHaveLength(3);
  });
});

describe('life', () => {
  it('begins with the records, then the transport, whose reports become events', async () => {
    const started = world.driver.start();
    await world.settle();
    await started;
    expect(world.events[0]).toEqual({ type: 'started', records: [{ key: 'a', value: Uint8Array.of(1) }] });
    const peer = 'bb' as PeerKey;
    world.listener!.connected(peer, 'address', 'agent');
    world.listener!.roundTrip(peer, 5);
    world.listener!.gossip(1, peer, new Uint8Array(1));
    world.listener!.direct(peer, new Uint8Array(1));
    world.listener!.incompatible(peer, 'address', 'agent', 'other');
    world.listener!.dialFailed('address', 'timeout', 'late');
    world.listener!.disconnected(peer);
    await world.settle();
    expect(world.events.slice(1).map(({ type }) => type)).toEqual([
      'peer-connected',
      'link-measured',
      'message-received',
      'direct-received',
      'peer-incompatible',
      'dial-failed',
      'peer-disconnected',
    ]);
  });

  it('ends with a goodbye that goes out, writes flushed, and everything closed after that; twice is once', async () => {
    world.react = ({ type }) => (type === 'stopping' ? [persist('last', true), publish('goodbye')] : []);
    const stopped = world.driver.stop();
    await world.settle();
    expect(world.waiting('write')).toBe(1);
    await world.fire();
    expect(world.calls).not.toContain('store closed');
    await world.finish('write');
    await stopped;
    expect(world.calls).toEqual(['executor closed', 'publish goodbye', 'transport stopped', 'store closed']);
    const count = world.events.length;
    await world.driver.stop();
    await world.dispatch(woke);
    expect(world.events).toHaveLength(count);
  });

  it('ends also when a write can never be done', async () => {
    world.react = ({ type }) => (type === 'stopping' ? [persist('last', true)] : []);
    const stopped = world.driver.stop();
    await world.settle();
    await world.fire();
    await world.fail('write', new StorageError('failed', 'gone'));
    await stopped;
    expect(world.calls).toContain('store closed');
  });

  it('tells subscribers until they leave, and shows the view of this moment', async () => {
    const heard: string[] = [];
    const leave = world.driver.subscribe(({ type }) => heard.push(type));
    const notify: Effect = { type: 'notify', notification: { type: 'job-finished', job: 'job' as JobId } };
    script = [[notify], [notify]];
    await world.dispatch(woke);
    leave();
    await world.dispatch(woke);
    expect(heard).toEqual(['job-finished']);
    world.now = 4_711;
    expect(world.driver.view().nowMs).toBe(4_711);
    expect(world.driver.jobView('job' as JobId)).toBeUndefined();
  });
});
