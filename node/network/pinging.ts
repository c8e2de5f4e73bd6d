/** One ping over one connection: libp2p's own picks a connection itself, and may ask a relay's where WebRTC is meant. */

import type { Connection } from '@libp2p/interface';
import { PING_PROTOCOL } from '@libp2p/ping';
import { byteStream } from '@libp2p/utils';
import { equalBytes } from '../protocol/bytes.ts';
import { INBOUND_STREAMS_MAX } from './limits.ts';

const PING_BYTES = 32;

/** Resolves to the round trip in milliseconds. Rejects when the answer is wrong or late, or the connection closes. */
export async function pingOver(connection: Connection, signal: AbortSignal): Promise<number> {
  // One ping may be slow when the next one is due; libp2p would take the second for too much.
  const limits = { maxOutboundStreams: INBOUND_STREAMS_MAX, runOnLimitedConnection: true };
  const stream = await connection.newStream(PING_PROTOCOL, { signal, ...limits });
  try {
    const bytes = byteStream(stream, { maxBufferSize: PING_BYTES });
    const sent = crypto.getRandomValues(new Uint8Array(PING_BYTES));
    const startedAtMs = performance.now();
    await bytes.write(sent, { signal });
    const answer = (await bytes.read({ bytes: PING_BYTES, signal })).subarray();
    const roundTripMs = Math.round(performance.now() - startedAtMs);
    if (!equalBytes(sent, answer)) throw new Error('the answer to a ping was not what had been sent');
    stream.close({ signal }).catch((error: Error) => stream.abort(error));
    return roundTripMs;
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
