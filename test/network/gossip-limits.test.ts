/** The bounds of the gossip adapter, against a gossipsub of paper. */
import { type GossipSub, type Message, type TopicValidatorFn, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gossip } from '../../node/network/gossip.ts';
import { PUBLISH_QUEUE_MAX, VALIDATION_TIMEOUT_MS, VALIDATIONS_MAX } from '../../node/network/limits.ts';
import { STATEMENT_BYTES_MAX } from '../../node/protocol/limits.ts';

const TOPIC = 'topic';
const SOURCE = {} as PeerId;
const MESSAGE: Message = { type: 'unsigned', topic: TOPIC, data: Uint8Array.of(1) };

class PaperGossipsub {
  readonly topicValidators = new Map<string, TopicValidatorFn>();
  readonly published: Uint8Array[] = [];
  subscribe(): void {}
  async publish(_topic: string, bytes: Uint8Array): Promise<void> {
    if (bytes[0] === 13) throw new Error('unlucky');
    this.published.push(bytes);
  }
}

describe('gossip adapter', () => {
  let paper: PaperGossipsub;
  let gossip: Gossip;
  let tokens: number[];
  let logged: string[];
  let ready: Promise<boolean>;

  beforeEach(() => {
    vi.useFakeTimers();
    paper = new PaperGossipsub();
    tokens = [];
    logged = [];
    ready = Promise.resolve(true);
    gossip = new Gossip(paper as unknown as GossipSub, TOPIC, {
      logger: { log: (_level, message) => logged.push(message) },
      ready: () => ready,
      received: (token) => tokens.push(token),
      soon: (callback) => void setTimeout(callback, 0),
    });
    gossip.start();
  });

  afterEach(() => {
    gossip.stop();
    vi.useRealTimers();
  });

  function validate(): Promise<TopicValidatorResult> {
    return Promise.resolve(paper.topicValidators.get(TOPIC)!(SOURCE, MESSAGE));
  }

  test("gives the listener's answer, by token", async () => {
    const results = [validate(), validate(), validate()];
    await vi.advanceTimersByTimeAsync(1);
    gossip.answer(tokens[1]!, 'reject');
    gossip.answer(tokens[0]!, 'ignore');
    gossip.answer(tokens[2]!, 'accept');
    expect(await Promise.all(results)).toEqual([
      TopicValidatorResult.Ignore,
      TopicValidatorResult.Reject,
      TopicValidatorResult.Accept,
    ]);
  });

  test('ignores what is not answered in time', async () => {
    const result = validate();
    await vi.advanceTimersByTimeAsync(VALIDATION_TIMEOUT_MS + 1_000);
    expect(await result).toBe(TopicValidatorResult.Ignore);
  });

  test('ignores what exceeds its bound, until answers make room', async () => {
    const waiting = Array.from({ length: VALIDATIONS_MAX }, validate);
    expect(await validate()).toBe(TopicValidatorResult.Ignore);
    await vi.advanceTimersByTimeAsync(1);
    expect(tokens).toHaveLength(VALIDATIONS_MAX);
    gossip.answer(tokens[0]!, 'accept');
    expect(await waiting[0]).toBe(TopicValidatorResult.Accept);
    void validate();
    await vi.advanceTimersByTimeAsync(1);
    expect(tokens).toHaveLength(VALIDATIONS_MAX + 1);
  });

  test('ignores peers that are no members, and counts those whose proof is under way', async () => {
    ready = Promise.resolve(false);
    expect(await validate()).toBe(TopicValidatorResult.Ignore);
    expect(tokens).toEqual([]);
    ready = new Promise(() => undefined);
    for (let i = 0; i < VALIDATIONS_MAX; i++) void validate();
    expect(await validate()).toBe(TopicValidatorResult.Ignore);
  });

  test('publishes later, in order, and survives failures', async () => {
    vi.useRealTimers();
    for (const byte of [1, 13, 2]) gossip.publish(Uint8Array.of(byte));
    expect(paper.published).toEqual([]);
    await vi.waitUntil(() => paper.published.length === 2);
    expect(paper.published).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(logged).toEqual(['a message could not be published']);
  });

  test('bounds what waits to be published', () => {
    for (let i = 0; i < PUBLISH_QUEUE_MAX; i++) gossip.publish(Uint8Array.of(1));
    expect(logged).toEqual([]);
    gossip.publish(Uint8Array.of(1));
    expect(logged).toEqual(['too many messages wait to be published; one was dropped']);
    gossip.publish(new Uint8Array(STATEMENT_BYTES_MAX + 1));
    expect(logged[1]).toBe('a message is too large to publish');
  });
});
