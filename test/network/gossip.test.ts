/** Gossip over real connections: who hears what, who forwards what. */

import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { peerKeyOf } from '../../node/network/peer-key.ts';
import { STATEMENT_BYTES_MAX } from '../../node/protocol/limits.ts';
import { RecordingListener } from '../contract/transport.ts';
import { createPeer, type TestPeer, until } from '../support/network/peers.ts';
import { RAW_NAMES, startRawNode } from '../support/network/raw-node.ts';

// Real connections and processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

interface Member extends TestPeer {
  readonly heard: RecordingListener;
}

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

async function join(bootstrap: readonly Member[]): Promise<Member> {
  const peer = await createPeer({ bootstrap: bootstrap.map(({ transport }) => transport.multiaddrs()[0]!) });
  cleanups.push(() => peer.transport.stop());
  const heard = new RecordingListener();
  await peer.transport.start(heard);
  await until(() => heard.of('connected').length === bootstrap.length, 'the bootstrap peers');
  return { ...peer, heard };
}

function text({ bytes }: { readonly bytes: Uint8Array }): string {
  return new TextDecoder().decode(bytes);
}

function say(member: Member, words: string): void {
  member.transport.publish(new TextEncoder().encode(words));
}

/** Answers everything heard from now on by `decide`. */
function answering(member: Member, decide: (words: string) => 'accept' | 'ignore' | 'reject'): void {
  const timer = setInterval(() => {
    for (const message of member.heard.of('gossip')) member.transport.answer(message.token, decide(text(message)));
  }, 5);
  cleanups.push(async () => clearInterval(timer));
}

describe('gossip', () => {
  test('five peers that learn of each other all hear a message, once', async () => {
    const first = await join([]);
    const members = [first];
    for (let i = 1; i < 5; i++) members.push(await join([first]));
    for (const { transport } of members) {
      for (const other of members) transport.learn(other.transport.self, other.transport.multiaddrs());
    }
    await until(() => members.every(({ heard }) => heard.of('connected').length === 4), 'everybody connected');
    for (const member of members) answering(member, () => 'accept');
    for (const [i, member] of members.entries()) say(member, `from ${i}`);
    await until(() => members.every(({ heard }) => heard.of('gossip').length >= 4), 'every message everywhere');
    for (const [i, { heard }] of members.entries()) {
      const expected = [0, 1, 2, 3, 4].filter((j) => j !== i).map((j) => `from ${j}`);
      expect(heard.of('gossip').map(text).sort()).toEqual(expected);
    }
  });

  test('only accepted messages are forwarded', async () => {
    const middle = await join([]);
    const left = await join([middle]);
    const right = await join([middle]);
    const decisions = { good: 'accept', bad: 'reject', early: 'ignore', later: 'accept' } as const;
    answering(middle, (words) => decisions[words as keyof typeof decisions]);
    answering(right, () => 'accept');
    for (const words of ['bad', 'early', 'good']) {
      say(left, words);
      await until(() => middle.heard.of('gossip').some((message) => text(message) === words), words);
    }
    await until(() => right.heard.of('gossip').length > 0, 'the good message on the far side');
    say(left, 'later');
    await until(() => right.heard.of('gossip').length > 1, 'the later message on the far side');
    expect(right.heard.of('gossip').map(text)).toEqual(['good', 'later']);
    expect(right.heard.of('gossip')[0]!.source).toBe(middle.transport.self);
  });

  test('a message that is too large never reaches the listener', async () => {
    const honest = await join([]);
    const rude = await startRawNode();
    cleanups.push(async () => rude.stop());
    await rude.dial(multiaddr(honest.transport.multiaddrs()[0]!));
    const self = peerKeyOf(rude.peerId);
    await until(() => honest.heard.of('connected').some(({ peer }) => peer === self), 'the rude peer');
    await until(() => rude.services.gossip.getSubscribers(RAW_NAMES.topic).length > 0, 'the subscription');
    await rude.services.gossip.publish(RAW_NAMES.topic, new Uint8Array(STATEMENT_BYTES_MAX + 1));
    await rude.services.gossip.publish(RAW_NAMES.topic, new Uint8Array(STATEMENT_BYTES_MAX));
    await until(() => honest.heard.of('gossip').length > 0, 'the message of allowed size');
    expect(honest.heard.of('gossip').map(({ bytes }) => bytes.length)).toEqual([STATEMENT_BYTES_MAX]);
  });

  test('a burst of messages arrives completely', async () => {
    const first = await join([]);
    const second = await join([first]);
    answering(second, () => 'accept');
    const count = 1_000;
    for (let i = 0; i < count; i++) say(first, `message ${i}`);
    await until(() => second.heard.of('gossip').length === count, 'the whole burst');
  });

  test('who sends what everybody rejects is no longer listened to', async () => {
    const honest = await join([]);
    const friend = await join([honest]);
    answering(honest, (words) => (words.startsWith('bad') ? 'reject' : 'accept'));
    const rude = await startRawNode();
    cleanups.push(async () => rude.stop());
    await rude.dial(multiaddr(honest.transport.multiaddrs()[0]!));
    await until(() => rude.services.gossip.getSubscribers(RAW_NAMES.topic).length > 0, 'the subscription');
    const rudeSays = (words: string) => rude.services.gossip.publish(RAW_NAMES.topic, new TextEncoder().encode(words));
    const hears = (words: string) => honest.heard.of('gossip').some((message) => text(message) === words);
    for (let i = 0; i < 8; i++) await rudeSays(`bad ${i}`);
    // Scores are looked up once a heartbeat, so a probe or two may still come through.
    let round = 0;
    const ignored = async () => {
      const probe = `probe ${++round}`;
      await rudeSays(probe);
      for (const mark of [`mark ${round} a`, `mark ${round} b`, `mark ${round} c`]) {
        say(friend, mark);
        await until(() => hears(mark), mark);
      }
      return !hears(probe);
    };
    await until(ignored, 'a probe that is not heard');
  });
});
