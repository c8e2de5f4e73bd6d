/**
 * Gossip: one topic, messages named by the hash of their bytes, nothing signed by gossipsub itself, because every
 * statement carries its author's signature and the listener checks that once. A message is forwarded when, and only
 * when, the listener has answered `accept`; whoever forwards what every honest peer would reject loses score.
 */
import {
  type GossipSub,
  type GossipsubOpts,
  gossipsub,
  type Message,
  StrictNoSign,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub';
import { createTopicScoreParams } from '@chainsafe/libp2p-gossipsub/score';
import type { Connection, PeerId } from '@libp2p/interface';
import { STATEMENT_BYTES_MAX } from '../protocol/limits.ts';
import type { Logger } from '../runtime/log.ts';
import { messageOf } from './error.ts';
import {
  GOSSIP_BUFFER_BYTES_MAX,
  GOSSIP_FRAME_BYTES_MAX,
  type GossipDegree,
  IDONTWANT_BYTES_MIN,
  PUBLISH_PER_TURN,
  PUBLISH_QUEUE_MAX,
  SUBSCRIPTION_WAIT_MS,
  VALIDATION_TIMEOUT_MS,
  VALIDATIONS_MAX,
} from './limits.ts';

/** SHA-256 by the platform, e.g. `node:crypto` or `crypto.subtle`. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Peers of one machine share one address; elsewhere five behind one address start to look like one operator. */
const LOOPBACK = ['127.0.0.1', '::1'];
/** Hosts of relays that are remembered. A tab has two, and dials others by what their peers announce. */
const RELAY_HOSTS_MAX = 1_024;
const SCORE_DECAY_INTERVAL_MS = 1_000;
/** An invalid message weighs a hundredth after ten minutes. */
const INVALID_DECAY = 0.01 ** (1 / 600);

export interface GossipServiceOptions {
  readonly topic: string;
  readonly sha256: Sha256;
  /** Whether peers that share an address lose score: among strangers yes; behind a swarm key they are colleagues. */
  readonly penalisesColocation: boolean;
  /** Addresses that several peers may share; those of this machine by default. Read whenever scores are. */
  readonly sharedHosts?: ReadonlySet<string>;
  readonly degree: GossipDegree;
}

export function gossipService({
  topic,
  sha256,
  penalisesColocation,
  sharedHosts = new Set(LOOPBACK),
  degree,
}: GossipServiceOptions): ReturnType<typeof gossipsub> {
  const options: Partial<GossipsubOpts> = {
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => sha256(message.data),
    dataTransform: { inboundTransform: refuseLarge, outboundTransform: (_topic, data) => data },
    allowedTopics: [topic],
    emitSelf: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    // Tabs that cannot make WebRTC hear each other through a relay.
    runOnLimitedConnection: true,
    ignoreDuplicatePublishError: true,
    // Own messages go to every subscriber at once: in a network of five nobody should wait for a mesh.
    floodPublish: true,
    ...degree,
    idontwantMinDataSize: IDONTWANT_BYTES_MIN,
    heartbeatInterval: 700,
    // Peers learn of each other from signed Identity statements, not from whoever prunes them.
    doPX: false,
    maxInboundDataLength: GOSSIP_FRAME_BYTES_MAX,
    maxOutboundBufferSize: GOSSIP_BUFFER_BYTES_MAX,
    scoreThresholds: { gossipThreshold: -500, publishThreshold: -1_000, graylistThreshold: -2_500 },
    scoreParams: {
      decayInterval: SCORE_DECAY_INTERVAL_MS,
      IPColocationFactorThreshold: 4,
      IPColocationFactorWeight: penalisesColocation ? -50 : 0,
      IPColocationFactorWhitelist: sharedHosts as Set<string>,
      topics: {
        [topic]: createTopicScoreParams({
          topicWeight: 1,
          // A quiet topic is no fault of a mesh peer, so missing deliveries cost nothing.
          meshMessageDeliveriesWeight: 0,
          meshFailurePenaltyWeight: 0,
          invalidMessageDeliveriesWeight: -100,
          invalidMessageDeliveriesDecay: INVALID_DECAY,
        }),
      },
    },
  };
  return gossipsub(options);
}

/** Before anything else is done with a message, even hashing. */
function refuseLarge(_topic: string, data: Uint8Array): Uint8Array {
  if (data.length > STATEMENT_BYTES_MAX) throw new RangeError(`a message of ${data.length} bytes is too large`);
  return data;
}

export interface GossipHooks {
  /** Resolves to true once the forwarding peer counts as connected, to false if it never will. */
  ready(source: PeerId): Promise<boolean>;
  received(token: number, source: PeerId, bytes: Uint8Array): void;
  /** Calls back in a turn of its own, so that a closed loop of publishing cannot starve timers and sockets. */
  soon(callback: () => void): void;
  readonly logger: Logger;
}

interface Validation {
  readonly resolve: (result: TopicValidatorResult) => void;
  readonly startedAtMs: number;
}

const RESULTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const;

interface GossipStream {
  close(): Promise<void>;
}

/** What `move` needs of gossipsub that its interface does not show. A test fails when it changes. */
interface GossipsubInside {
  streamsOutbound: Map<string, GossipStream>;
  createOutboundStream(peer: PeerId, connection: Connection): Promise<void>;
}

/** Hosts of relays, behind which many honest peers stand; those of this machine from the start. */
export class SharedHosts {
  readonly hosts = new Set(LOOPBACK);

  add(host: string): void {
    if (this.hosts.size < RELAY_HOSTS_MAX) this.hosts.add(host);
  }
}

export class Gossip {
  readonly #gossipsub: GossipSub;
  readonly #topic: string;
  readonly #hooks: GossipHooks;
  /** In order of arrival, so that the oldest stands first. */
  readonly #validations = new Map<number, Validation>();
  #tokens = 0;
  #waitingForPeer = 0;
  #outgoing: Uint8Array[] = [];
  #publishing = false;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor(service: GossipSub, topic: string, hooks: GossipHooks) {
    this.#gossipsub = service;
    this.#topic = topic;
    this.#hooks = hooks;
  }

  start(): void {
    this.#gossipsub.topicValidators.set(this.#topic, (source, message) => this.#validate(source, message));
    this.#gossipsub.subscribe(this.#topic);
    this.#sweep = setInterval(() => this.#expire(), 1_000);
  }

  stop(): void {
    clearInterval(this.#sweep);
    this.#outgoing = [];
    for (const { resolve } of this.#validations.values()) resolve(TopicValidatorResult.Ignore);
    this.#validations.clear();
  }

  publish(bytes: Uint8Array): void {
    if (bytes.length > STATEMENT_BYTES_MAX) {
      this.#hooks.logger.log('error', 'a message is too large to publish', { bytes: bytes.length });
      return;
    }
    if (this.#outgoing.length >= PUBLISH_QUEUE_MAX) {
      this.#hooks.logger.log('warn', 'too many messages wait to be published; one was dropped');
      return;
    }
    this.#outgoing.push(bytes);
    if (this.#publishing) return;
    this.#publishing = true;
    this.#hooks.soon(() => void this.#publishAll());
  }

  answer(token: number, answer: 'accept' | 'ignore' | 'reject'): void {
    this.#validations.get(token)?.resolve(RESULTS[answer]);
    this.#validations.delete(token);
  }

  /** Whether messages reach this peer: it has subscribed, and the stream to it is open. */
  reaches(peer: PeerId): boolean {
    const { streamsOutbound } = this.#gossipsub as unknown as {
      readonly streamsOutbound: ReadonlyMap<string, unknown>;
    };
    return (
      streamsOutbound.has(peer.toString()) &&
      this.#gossipsub.getSubscribers(this.#topic).some((subscriber) => subscriber.equals(peer))
    );
  }

  /**
   * Sends to this peer over that connection from now on. gossipsub itself keeps to the first connection it had with a
   * peer, and loses the peer with it. The new stream stands before the old one ends, so nothing is lost in between.
   * Rejects when the stream cannot be opened; then the old one is still used.
   */
  async move(connection: Connection): Promise<void> {
    const id = connection.remotePeer.toString();
    const inner = this.#gossipsub as unknown as GossipsubInside;
    const opened = new Map<string, GossipStream>();
    // The same router, which has no stream to this peer yet: so it opens one, and says what it subscribes to.
    const opener = Object.create(inner, {
      streamsOutbound: { value: opened, writable: true },
    }) as GossipsubInside;
    await opener.createOutboundStream(connection.remotePeer, connection);
    const stream = opened.get(id);
    if (stream === undefined) throw new Error('gossip could not be moved to the new connection');
    // From here on the end of the stream is noticed by the router itself.
    opener.streamsOutbound = inner.streamsOutbound;
    const former = inner.streamsOutbound.get(id);
    inner.streamsOutbound.set(id, stream);
    await former?.close();
  }

  /** Resolves when messages reach this peer, to false if that takes too long. */
  async reached(peer: PeerId, stillConnected: () => boolean): Promise<boolean> {
    const untilMs = Date.now() + SUBSCRIPTION_WAIT_MS;
    while (!this.reaches(peer)) {
      if (Date.now() > untilMs || !stillConnected()) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  async #publishAll(): Promise<void> {
    const turn = this.#outgoing.splice(0, PUBLISH_PER_TURN);
    for (const bytes of turn) {
      try {
        await this.#gossipsub.publish(this.#topic, bytes);
      } catch (error) {
        this.#hooks.logger.log('warn', 'a message could not be published', { error: messageOf(error) });
      }
    }
    if (this.#outgoing.length > 0) this.#hooks.soon(() => void this.#publishAll());
    else this.#publishing = false;
  }

  async #validate(source: PeerId, message: Message): Promise<TopicValidatorResult> {
    if (this.#validations.size + this.#waitingForPeer >= VALIDATIONS_MAX) return TopicValidatorResult.Ignore;
    this.#waitingForPeer++;
    const known = await this.#hooks.ready(source).finally(() => this.#waitingForPeer--);
    if (!known) return TopicValidatorResult.Ignore;
    return new Promise((resolve) => {
      const token = ++this.#tokens;
      this.#validations.set(token, { resolve, startedAtMs: Date.now() });
      this.#hooks.received(token, source, message.data);
    });
  }

  #expire(): void {
    const beforeMs = Date.now() - VALIDATION_TIMEOUT_MS;
    for (const [token, { resolve, startedAtMs }] of this.#validations) {
      if (startedAtMs > beforeMs) return;
      this.#validations.delete(token);
      resolve(TopicValidatorResult.Ignore);
    }
  }
}
