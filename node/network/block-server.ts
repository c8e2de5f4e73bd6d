/**
 * Serves kept blocks to other peers. Requests are taken at once into a short queue; one at a time is answered, and
 * only when the stream takes another frame, so a reader that stalls costs one frame, however much it has asked for.
 */
import type { Stream } from '@libp2p/interface';
import type { Cid } from '../protocol/ids.ts';
import type { BlockStore } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import {
  BlockWireError,
  decodeRequest,
  encodeFound,
  encodeNotFound,
  type RangeRequest,
  REQUEST_BYTES_MAX,
} from './block-wire.ts';
import { messageOf } from './error.ts';
import { exchangeFrames, type Frame } from './frames.ts';
import { SERVED_CACHE_BYTES, SERVED_READS_MAX, SERVED_REQUESTS_MAX } from './limits.ts';
import { Semaphore } from './turns.ts';

export class BlockServer {
  readonly #reader: CachedReader;

  constructor(blocks: BlockStore, logger: Logger) {
    this.#reader = new CachedReader(blocks, logger);
  }

  /** Answers requests until the stream ends. Rejects if the other side misbehaves or the stream breaks. */
  async serve(stream: Stream): Promise<void> {
    const requests = new RequestQueue();
    try {
      await exchangeFrames(
        stream,
        this.#answers(requests),
        (frame) => requests.push(decodeRequest(frame)),
        REQUEST_BYTES_MAX,
      );
    } finally {
      requests.end();
    }
  }

  async *#answers(requests: RequestQueue): AsyncGenerator<Frame> {
    for await (const request of requests) {
      const block = await this.#reader.read(request.cid);
      yield block === undefined ? encodeNotFound(request) : encodeFound(request, block);
    }
  }
}

class RequestQueue implements AsyncIterable<RangeRequest> {
  #requests: RangeRequest[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  push(request: RangeRequest): void {
    if (this.#requests.length >= SERVED_REQUESTS_MAX) throw new BlockWireError('too many requests at once');
    this.#requests.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#requests = [];
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RangeRequest> {
    while (!this.#ended) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** A block is asked for in several ranges, often by several peers: the last few stay in memory. */
class CachedReader {
  readonly #blocks: BlockStore;
  readonly #logger: Logger;
  readonly #reads = new Semaphore(SERVED_READS_MAX);
  /** Least recently used first. */
  readonly #cache = new Map<Cid, Uint8Array>();
  #cachedBytes = 0;

  constructor(blocks: BlockStore, logger: Logger) {
    this.#blocks = blocks;
    this.#logger = logger;
  }

  async read(cid: Cid): Promise<Uint8Array | undefined> {
    const cached = this.#cache.get(cid);
    if (cached !== undefined) {
      this.#cache.delete(cid);
      this.#cache.set(cid, cached);
      return cached;
    }
    const block = await this.#reads.run(() => this.#readStored(cid));
    if (block !== undefined && !this.#cache.has(cid)) this.#keep(cid, block);
    return block;
  }

  async #readStored(cid: Cid): Promise<Uint8Array | undefined> {
    try {
      return await this.#blocks.get(cid);
    } catch (error) {
      this.#logger.log('warn', 'a block could not be read for another peer', { cid, error: messageOf(error) });
      return undefined;
    }
  }

  #keep(cid: Cid, block: Uint8Array): void {
    this.#cache.set(cid, block);
    this.#cachedBytes += block.length;
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cachedBytes <= SERVED_CACHE_BYTES) return;
      this.#cache.delete(oldest);
      this.#cachedBytes -= bytes.length;
    }
  }
}
