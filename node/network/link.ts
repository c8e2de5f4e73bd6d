/**
 * One peer, from its first connection to its last. A link goes through `identifying` and `joining` to `up`, or ends
 * as `incompatible`. It counts as up only when everything works that the protocol needs: the peer is known to speak
 * our version, has proved its membership, takes direct messages, and gossip reaches it. So the exchange of have and
 * want that the protocol starts on `connected` misses nothing that is published later. A link with a broken part is
 * hung up as a whole and made anew, which makes that exchange happen again. A link that began through a relay may
 * move to a direct connection while it is up; the relayed one then stays open beside it, without a use.
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import type { BlockChannel } from './block-channel.ts';
import { messageOf } from './error.ts';
import { exchangeFrames, FrameQueue } from './frames.ts';
import { CHANGEOVER_MS, DIRECT_BYTES_MAX, DIRECT_QUEUE_BYTES_MAX } from './limits.ts';
import { isRelayed } from './relayed.ts';
import { type Deferred, deferred } from './turns.ts';

export type LinkState = 'identifying' | 'joining' | 'up' | 'incompatible' | 'closed';

export interface LinkInit {
  readonly peer: PeerKey;
  readonly peerId: PeerId;
  readonly connection: Connection;
  readonly blocks: BlockChannel;
  readonly logger: Logger;
  /** A direct message came in; only called while the link is up. */
  received(bytes: Uint8Array): void;
  /** Something of this link broke: hang up. */
  broken(reason: string): void;
}

export class Link {
  readonly peer: PeerKey;
  readonly peerId: PeerId;
  readonly blocks: BlockChannel;
  /** Protocols it offers, once it has identified itself. */
  offers: readonly string[] = [];
  state: LinkState = 'identifying';
  agent = '';
  roundTripMs: number | undefined;
  readonly #init: LinkInit;
  readonly #ready: Deferred<boolean> = deferred();
  #connection: Connection;
  #outgoing = new FrameQueue(DIRECT_QUEUE_BYTES_MAX);
  #outbound: Stream | undefined;
  #inbound: Stream | undefined;
  /** Settles when the stream of direct messages in use is done, in either direction. */
  #sending: Promise<unknown> = Promise.resolve();
  #receiving: Promise<unknown> = Promise.resolve();
  #dropped = 0;

  constructor(init: LinkInit) {
    this.#init = init;
    this.peer = init.peer;
    this.peerId = init.peerId;
    this.#connection = init.connection;
    this.blocks = init.blocks;
  }

  /** Where new streams are opened. */
  get connection(): Connection {
    return this.#connection;
  }

  get address(): string {
    return this.#connection.remoteAddr.toString();
  }

  get isRelayed(): boolean {
    return isRelayed(this.#connection);
  }

  /** Resolves to true when the link is up, to false if it never will be. */
  get ready(): Promise<boolean> {
    return this.#ready.promise;
  }

  up(): void {
    this.state = 'up';
    this.#ready.resolve(true);
  }

  incompatible(): void {
    this.state = 'incompatible';
    this.#ready.resolve(false);
  }

  close(): void {
    this.state = 'closed';
    this.#ready.resolve(false);
    this.#outgoing.end();
    this.blocks.close();
  }

  send(bytes: Uint8Array): void {
    if (bytes.length > DIRECT_BYTES_MAX) {
      this.#init.logger.log('error', 'a direct message is too large to send', { bytes: bytes.length });
      return;
    }
    if (this.#outgoing.push(bytes)) return;
    if (this.#dropped++ === 0) {
      this.#init.logger.log('warn', 'a peer does not take its direct messages; they are dropped', { peer: this.peer });
    }
  }

  /** From now on direct messages leave on this stream, and blocks are asked for on this connection. */
  moveTo(connection: Connection, stream: Stream): void {
    const former = this.#outgoing;
    this.#connection = connection;
    this.#outgoing = new FrameQueue(DIRECT_QUEUE_BYTES_MAX);
    former.end();
    this.blocks.reopen();
    void this.runOutgoing(stream);
  }

  /** Sends what `send` queues, until the stream ends; then the link is broken, unless it has moved to another. */
  async runOutgoing(stream: Stream): Promise<void> {
    this.#outbound = stream;
    const before = this.#sending;
    const queue = this.#outgoing;
    const sent = deferred<void>();
    this.#sending = sent.promise;
    await within(before, CHANGEOVER_MS);
    const reason = await settle(
      exchangeFrames(stream, this.#draining(queue, sent), () => undefined, DIRECT_BYTES_MAX),
      'the peer closed the stream for direct messages',
    );
    sent.resolve();
    if (this.#outbound === stream && this.state !== 'closed') this.#init.broken(reason);
  }

  /** Takes direct messages from the peer. A second stream replaces the first, which is read to its end before. */
  async runIncoming(stream: Stream): Promise<void> {
    const before = this.#inbound;
    const received = this.#receiving;
    this.#inbound = stream;
    const run = async (): Promise<string> => {
      await within(received, CHANGEOVER_MS);
      before?.abort(new Error('replaced by a newer stream'));
      const none = new FrameQueue(0);
      const reason = await settle(
        exchangeFrames(stream, none, (frame) => this.#init.received(frame), DIRECT_BYTES_MAX),
        'the peer closed its stream of direct messages',
      );
      none.end();
      return reason;
    };
    const running = run();
    this.#receiving = running;
    const reason = await running;
    if (this.#inbound === stream && this.state !== 'closed') this.#init.broken(reason);
  }

  async *#draining(queue: FrameQueue, sent: Deferred<void>): AsyncGenerator<Uint8Array> {
    for await (const frame of queue) {
      yield frame.subarray();
      // Something is missing in between: only a new link, with a new exchange, makes up for it.
      if (this.#dropped > 0 && queue.byteLength === 0) {
        throw new Error(`${this.#dropped} direct messages were dropped`);
      }
    }
    sent.resolve();
  }
}

async function within(done: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}

async function settle(running: Promise<void>, otherwise: string): Promise<string> {
  try {
    await running;
    return otherwise;
  } catch (error) {
    return messageOf(error);
  }
}
