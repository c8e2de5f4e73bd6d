/**
 * Beats to one peer: a few random bytes on a stream that stays open, which the peer sends back as they are. libp2p's
 * ping opens a stream each time; between tabs, which are asked all the time, that is a data channel of its own each
 * time, and a peer that is slow to close the old ones is taken for one that does not answer.
 */
import type { Connection, Stream } from '@libp2p/interface';
import { toHex } from '../protocol/bytes.ts';
import { BEATS_UNANSWERED_MAX, INBOUND_STREAMS_MAX, OPEN_STREAM_TIMEOUT_MS } from './limits.ts';

export const BEAT_BYTES = 8;

export interface BeatsHooks {
  /** The connection that is in use now. */
  connection(): Connection;
  readonly protocol: string;
  /** The peer has sent back what was sent, after this time. */
  answered(roundTripMs: number): void;
}

export class Beats {
  readonly #hooks: BeatsHooks;
  /** Time of sending, by the bytes sent; oldest first. */
  readonly #sent = new Map<string, number>();
  #stream: Stream | undefined;
  #openOn: Connection | undefined;
  #received = new Uint8Array();
  #ended = false;

  constructor(hooks: BeatsHooks) {
    this.#hooks = hooks;
  }

  /** Sends one now, or as soon as there is a stream for it. Never throws: whoever does not answer is found out by that. */
  send(): void {
    const connection = this.#hooks.connection();
    if (this.#openOn !== connection) void this.#open(connection);
    else if (this.#stream !== undefined) this.#sendOn(this.#stream);
  }

  end(): void {
    this.#ended = true;
    this.#close(new Error('the link has closed'));
  }

  async #open(connection: Connection): Promise<void> {
    this.#close(new Error('the link has another connection'));
    this.#openOn = connection;
    try {
      const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
      const limits = { maxOutboundStreams: INBOUND_STREAMS_MAX, runOnLimitedConnection: true };
      const stream = await connection.newStream(this.#hooks.protocol, { signal, ...limits });
      if (this.#ended || this.#openOn !== connection) return stream.abort(new Error('not needed any more'));
      this.#stream = stream;
      stream.addEventListener('message', ({ data }) => this.#take(stream, data.subarray()));
      stream.addEventListener('close', () => this.#lost(stream));
      this.#sendOn(stream);
    } catch {
      // Too slow, or gone. The next beat tries again.
      if (this.#openOn === connection) this.#openOn = undefined;
    }
  }

  #sendOn(stream: Stream): void {
    const bytes = crypto.getRandomValues(new Uint8Array(BEAT_BYTES));
    this.#sent.set(toHex(bytes), performance.now());
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > BEATS_UNANSWERED_MAX && oldest !== undefined) this.#sent.delete(oldest);
    try {
      // A stream that is full of earlier ones takes no more.
      if (!stream.writableNeedsDrain) stream.send(bytes);
    } catch {
      this.#lost(stream);
    }
  }

  #take(stream: Stream, bytes: Uint8Array): void {
    if (this.#stream !== stream) return;
    const all = new Uint8Array(this.#received.length + bytes.length);
    all.set(this.#received);
    all.set(bytes, this.#received.length);
    let at = 0;
    for (; at + BEAT_BYTES <= all.length; at += BEAT_BYTES) {
      const key = toHex(all.subarray(at, at + BEAT_BYTES));
      const sentAtMs = this.#sent.get(key);
      // What was never sent proves nothing.
      if (sentAtMs === undefined) continue;
      this.#sent.delete(key);
      this.#hooks.answered(Math.round(performance.now() - sentAtMs));
    }
    this.#received = all.slice(at);
  }

  #lost(stream: Stream): void {
    if (this.#stream !== stream) return;
    this.#close(new Error('the stream has ended'));
  }

  #close(reason: Error): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#openOn = undefined;
    this.#received = new Uint8Array();
    this.#sent.clear();
    stream?.abort(reason);
  }
}

/** Sends back what comes in on a peer's stream, until it ends. `heard` is called with each piece. */
export function answerBeats(stream: Stream, heard: () => void): void {
  stream.addEventListener('message', ({ data }) => {
    heard();
    // Whoever does not take its answers gets no more of them, and what is no beat gets none.
    if (stream.writableNeedsDrain || data.byteLength > BEATS_UNANSWERED_MAX * BEAT_BYTES) return;
    try {
      stream.send(data);
    } catch {
      // It has just been closed.
    }
  });
  stream.addEventListener('remoteCloseWrite', () => {
    stream.close().catch((error: Error) => stream.abort(error));
  });
}
