/**
 * The asking end of the block exchange with one peer: one long-lived stream, requests matched to answers in order,
 * never more outstanding than the window. What a peer sends unasked, out of order or of the wrong length ends the
 * stream, and so does silence in the end; then every outstanding request fails and the next one opens a new stream.
 */
import type { Stream } from '@libp2p/interface';
import type { Cid } from '../protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../protocol/limits.ts';
import type { RangeSource } from './block-client.ts';
import { ANSWER_BYTES_MAX, BlockWireError, decodeAnswer, encodeRequest, type RangeAnswer } from './block-wire.ts';
import { exchangeFrames, FrameQueue } from './frames.ts';
import { WINDOW_BYTES, WINDOW_REQUESTS } from './limits.ts';
import { Patience } from './patience.ts';
import { type Deferred, deferred } from './turns.ts';

interface Asked {
  readonly cid: Cid;
  readonly offset: number;
  readonly length: number;
  readonly late: () => void;
  readonly answer: Deferred<RangeAnswer>;
}

export interface BlockChannelInit {
  open(): Promise<Stream>;
  /** Longest of the last round trips of the link. */
  slowestRoundTripMs(): number;
  /** The least time without an answer after which the peer is late. */
  readonly patienceMs: number;
}

export class BlockChannel implements RangeSource {
  readonly #open: () => Promise<Stream>;
  readonly #patience: Patience;
  #outgoing: FrameQueue | undefined;
  #stream: Stream | undefined;
  #waiting: Asked[] = [];
  /** Sent and not answered, oldest first; ids are consecutive. */
  #asked: Asked[] = [];
  #firstId = 0;
  #askedBytes = 0;
  #closed = false;
  /** The stream is left as soon as everything asked for on it has been answered. */
  #reopening = false;

  constructor({ open, slowestRoundTripMs, patienceMs }: BlockChannelInit) {
    this.#open = open;
    this.#patience = new Patience(patienceMs, {
      slowestRoundTripMs,
      late: () => {
        for (const { late } of [...this.#asked, ...this.#waiting]) late();
      },
      over: () => this.#break(new BlockWireError('the peer stopped answering')),
    });
  }

  /** Bytes asked for here and not received, waiting ones included: how busy this peer is with us. */
  get load(): number {
    return this.#askedBytes + this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  get isLate(): boolean {
    return this.#patience.isLate;
  }

  /** Rejects when the stream breaks, or the peer is given up. */
  request(cid: Cid, offset: number, length: number, late: () => void): Promise<RangeAnswer> {
    if (this.#closed) return Promise.reject(new BlockWireError('the peer has gone'));
    const asked: Asked = { cid, offset, length, late, answer: deferred() };
    this.#waiting.push(asked);
    this.#patience.asked();
    if (this.#outgoing === undefined) {
      this.#outgoing = new FrameQueue(Number.POSITIVE_INFINITY);
      void this.#run(this.#outgoing);
    }
    this.#fillWindow();
    return asked.answer.promise;
  }

  /** Later requests go out on a new stream: the peer can be reached by a better way now. */
  reopen(): void {
    if (this.#outgoing === undefined) return;
    this.#reopening = true;
    this.#leaveIfDone();
  }

  close(): void {
    this.#closed = true;
    this.#break(new BlockWireError('the peer has gone'));
  }

  async #run(outgoing: FrameQueue): Promise<void> {
    try {
      const stream = await this.#open();
      if (this.#outgoing !== outgoing) {
        stream.abort(new BlockWireError('no longer wanted'));
        return;
      }
      this.#stream = stream;
      await exchangeFrames(stream, outgoing, (frame) => this.#receive(outgoing, frame), ANSWER_BYTES_MAX);
      throw new BlockWireError('the peer closed the stream');
    } catch (error) {
      if (this.#outgoing === outgoing) this.#break(error);
    }
  }

  #leaveIfDone(): void {
    if (!this.#reopening || this.#asked.length > 0) return;
    this.#reopening = false;
    this.#outgoing?.end();
    this.#outgoing = undefined;
    this.#stream = undefined;
    if (this.#waiting.length === 0) return;
    this.#outgoing = new FrameQueue(Number.POSITIVE_INFINITY);
    void this.#run(this.#outgoing);
  }

  #fillWindow(): void {
    if (this.#reopening) return;
    while (this.#asked.length < WINDOW_REQUESTS) {
      const next = this.#waiting[0];
      if (next === undefined || this.#askedBytes + next.length > WINDOW_BYTES) return;
      this.#waiting.shift();
      const id = (this.#firstId + this.#asked.length) >>> 0;
      this.#asked.push(next);
      this.#askedBytes += next.length;
      this.#outgoing?.push(encodeRequest({ id, cid: next.cid, offset: next.offset, length: next.length }));
    }
  }

  #receive(outgoing: FrameQueue, frame: Uint8Array): void {
    if (this.#outgoing !== outgoing) return;
    const answer = decodeAnswer(frame);
    const asked = this.#asked[0];
    if (asked === undefined || answer.id !== this.#firstId) throw new BlockWireError('an answer nobody asked for');
    if (answer.found) {
      if (answer.total > BLOCK_BYTES_MAX) throw new BlockWireError(`a block of ${answer.total} bytes`);
      const expected = Math.max(0, Math.min(asked.length, answer.total - asked.offset));
      if (answer.bytes.length !== expected) throw new BlockWireError('an answer of the wrong length');
    }
    this.#asked.shift();
    this.#firstId = (this.#firstId + 1) >>> 0;
    this.#askedBytes -= asked.length;
    this.#patience.answered(this.#asked.length + this.#waiting.length > 0);
    this.#leaveIfDone();
    this.#fillWindow();
    asked.answer.resolve(answer);
  }

  #break(error: unknown): void {
    this.#patience.ended();
    const failed = [...this.#asked, ...this.#waiting];
    this.#firstId = (this.#firstId + this.#asked.length) >>> 0;
    this.#asked = [];
    this.#waiting = [];
    this.#askedBytes = 0;
    this.#outgoing?.end();
    this.#outgoing = undefined;
    this.#reopening = false;
    this.#stream?.abort(error instanceof Error ? error : new Error(String(error)));
    this.#stream = undefined;
    for (const { answer } of failed) answer.reject(error);
  }
}
