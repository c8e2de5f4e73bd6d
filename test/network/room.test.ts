/** Room for others: a full peer says so by name, places become free again, and twenty may come at once. */
import { connect } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { generateSwarmKey } from '../../node/network/swarm-key.ts';
import type { DialFailureCode } from '../../node/protocol/event.ts';
import type { TransportListener } from '../../node/runtime/environment.ts';
import { RecordingListener } from '../contract/transport.ts';
import { createPeer, LOOPBACK_WS, type TestPeer, until } from '../support/network/peers.ts';
import { createTabLike } from '../support/network/tabs.ts';

// Real connections: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000 });

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

interface Failure {
  readonly address: string;
  readonly code: DialFailureCode;
  readonly detail: string;
}

interface Started extends TestPeer {
  readonly heard: RecordingListener;
  readonly failures: readonly Failure[];
}

async function started(peer: TestPeer): Promise<Started> {
  const heard = new RecordingListener();
  const failures: Failure[] = [];
  const listener: TransportListener = Object.assign(Object.create(heard) as RecordingListener, {
    dialFailed: (address: string, code: DialFailureCode, detail: string) => failures.push({ address, code, detail }),
  });
  cleanups.push(() => peer.transport.stop());
  await peer.transport.start(listener);
  return { ...peer, heard, failures };
}

const isUp = ({ transport }: Started): boolean => transport.peers().some(({ state }) => state === 'up');

describe('a full peer', () => {
  test('tells the one that is too much, who gets in when somebody leaves', async () => {
    const full = await started(await createPeer({ listen: [LOOPBACK_WS], peersMax: 2 }));
    const bootstrap = full.transport.multiaddrs();
    const first = await started(await createTabLike({ bootstrap }));
    const second = await started(await createPeer({ bootstrap }));
    await until(() => isUp(first) && isUp(second), 'two peers');
    const third = await started(await createTabLike({ bootstrap }));
    await until(() => third.failures.length > 0, 'the refusal');
    expect(third.failures[0]).toEqual({
      address: bootstrap[0],
      code: 'full',
      detail: 'all 2 places are taken',
    });
    expect(third.heard.of('connected')).toEqual([]);
    expect(full.transport.usage().connections).toEqual({ now: 2, max: 2 });
    expect(full.heard.of('connected')).toHaveLength(2);
    await first.transport.stop();
    await until(() => isUp(third), 'the place that has become free');
    await until(() => full.heard.of('connected').length === 3, 'the newcomer on the other side');
  });

  test('still dials others itself, and knows those again that it has', async () => {
    const full = await started(await createPeer({ peersMax: 1 }));
    const one = await started(await createPeer({ bootstrap: full.transport.multiaddrs() }));
    await until(() => isUp(one), 'the only place');
    const other = await started(await createPeer());
    await full.transport.dial(other.transport.multiaddrs()[0]!);
    await until(() => full.heard.of('connected').length === 2 && isUp(other), 'the peer it has dialled');
    await one.transport.dial(full.transport.multiaddrs()[0]!);
    expect(one.failures).toEqual([]);
  });

  test('tells a tab that there is no place at its relay, and gives it one that is freed', async () => {
    const relay = await started(await createPeer({ listen: [LOOPBACK_WS], reservationsMax: 1 }));
    const bootstrap = relay.transport.multiaddrs();
    const first = await started(await createTabLike({ bootstrap }));
    await until(() => first.transport.multiaddrs().length === 2, 'the only place');
    const second = await started(await createTabLike({ bootstrap }));
    await until(() => second.failures.length > 0, 'the refusal');
    expect(second.failures[0]).toEqual({
      address: `${bootstrap[0]}/p2p-circuit`,
      code: 'full',
      detail: 'all places at its relay are taken',
    });
    expect(isUp(second)).toBe(true);
    expect(second.transport.multiaddrs()).toEqual([]);
    expect(relay.transport.usage().relay).toEqual({ reservations: 1, max: 1 });
    await first.transport.stop();
    await until(() => second.transport.multiaddrs().length === 2, 'the place that has become free');
  });
});

test('twenty peers that come at once from one address all get in, and get places at the relay', async () => {
  const daemon = await started(await createPeer({ listen: [LOOPBACK_WS] }));
  const tabs = await Promise.all(
    Array.from({ length: 20 }, () => createTabLike({ bootstrap: daemon.transport.multiaddrs() })),
  );
  const joined = await Promise.all(tabs.map(started));
  await until(() => joined.every(isUp), 'everybody');
  await until(() => daemon.transport.usage().relay?.reservations === 20, 'twenty places');
  // All of them share one processor with the daemon here: one may run out of time and try again, but none is refused.
  const codes = joined.flatMap(({ failures }) => failures.map(({ code }) => code));
  expect(codes.filter((code) => code === 'full' || code === 'refused')).toEqual([]);
  await until(() => new Set(daemon.heard.of('connected').map(({ peer }) => peer)).size === 20, 'twenty reports');
});

test('forty connections within a second from one address are all answered', async () => {
  const daemon = await started(await createPeer());
  const port = Number(/\/tcp\/(\d+)/.exec(daemon.transport.multiaddrs()[0]!)![1]);
  const greet = (): Promise<string> =>
    new Promise((resolve, reject) => {
      // What every libp2p node says first, and says back.
      const socket = connect(port, '127.0.0.1', () => socket.write('\x13/multistream/1.0.0\n'));
      cleanups.push(async () => socket.destroy());
      socket.once('data', (data) => resolve(data.toString()));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed without an answer')));
    });
  const answers = await Promise.all(Array.from({ length: 40 }, greet));
  for (const answer of answers) expect(answer).toContain('/multistream/1.0.0');
});

test('a peer without a relay, or with a swarm key, says that it is none', async () => {
  const none = await started(await createPeer({ listen: [LOOPBACK_WS], reservationsMax: 0 }));
  expect(none.transport.usage()).toEqual({ connections: { now: 0, max: 128 }, relay: undefined });
  const tab = await started(await createTabLike({ bootstrap: none.transport.multiaddrs() }));
  await until(() => isUp(tab), 'the tab');
  expect(tab.transport.multiaddrs()).toEqual([]);
  const member = await started(await createPeer({ swarmKey: generateSwarmKey().text }));
  expect(member.transport.usage().relay).toBeUndefined();
});
