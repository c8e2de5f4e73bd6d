/**
 * Length-prefixed frames over one libp2p stream, in both directions at once. A stream of libp2p 3 buffers without
 * bound what nobody reads, so `onFrame` is synchronous: it takes each frame at once, and whoever needs to bound
 * what arrives must bound what it asks for. Writing follows the stream's backpressure: the next frame is pulled
 * from `outgoing` only when the stream takes more.
 */
import type { Stream } from '@libp2p/interface';
import { messageStreamToDuplex } from '@libp2p/utils';
import { decode, encode } from 'it-length-prefixed';
import { pipe } from 'it-pipe';
import type { Uint8ArrayList } from 'uint8arraylist';

export type Frame = Uint8Array | Uint8ArrayList;

/**
 * Runs until the remote closes, the stream breaks or `onFrame` throws; the stream is closed or aborted afterwards.
 * A received frame larger than `frameBytesMax` breaks it. `outgoing` must be ended by the caller.
 */
export async function exchangeFrames(
  stream: Stream,
  outgoing: AsyncIterable<Frame>,
  onFrame: (frame: Uint8Array) => void,
  frameBytesMax: number,
): Promise<void> {
  try {
    await pipe(
      prefixed(outgoing),
      messageStreamToDuplex(stream),
      (source) => decode(source, { maxDataLength: frameBytesMax }),
      async (source) => {
        for await (const frame of source) onFrame(frame.subarray());
      },
    );
    await stream.close();
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function* prefixed(frames: AsyncIterable<Frame>): AsyncGenerator<Uint8ArrayList> {
  for await (const frame of frames) yield encode.single(frame);
}

/** Frames waiting to be sent, bounded in bytes. One reader. */
export class FrameQueue implements AsyncIterable<Frame> {
  readonly #bytesMax: number;
  #frames: Frame[] = [];
  #byteLength = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** False if the frame was not taken because the queue is full or ended. */
  push(frame: Frame): boolean {
    if (this.#ended || this.#byteLength + frame.byteLength > this.#bytesMax) return false;
    this.#frames.push(frame);
    this.#byteLength += frame.byteLength;
    this.#wake?.();
    return true;
  }

  /** What is queued still goes out. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#byteLength -= frame.byteLength;
        yield frame;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
