/**
 * How a full peer says so. A connection that is merely closed looks like a crash, a wrong key or a bad network; one
 * stream with a sentence on it tells the newcomer what is the case, before it is hung up.
 */
import type { Connection, Stream } from '@libp2p/interface';
import { byteStream } from '@libp2p/utils';
import { REFUSAL_BYTES_MAX, REFUSAL_MS } from './limits.ts';

/** Tells the other side why it is refused, and closes the connection. Never rejects. */
export async function refuse(connection: Connection, protocol: string, reason: string): Promise<void> {
  const signal = AbortSignal.timeout(REFUSAL_MS);
  try {
    const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true });
    const bytes = byteStream(stream, { maxBufferSize: REFUSAL_BYTES_MAX });
    await bytes.write(new TextEncoder().encode(reason).subarray(0, REFUSAL_BYTES_MAX), { signal });
    await stream.close({ signal });
    // The other side hangs up when it has read; closing first could overtake the sentence.
    await bytes.read({ signal }).catch(() => null);
  } catch {
    // Not one of ours, or gone already: then it is only hung up.
  }
  await connection.close({ signal: AbortSignal.timeout(REFUSAL_MS) }).catch((error: Error) => connection.abort(error));
}

/** Reads the sentence of a peer that refuses this one. Rejects when there is none. */
export async function readRefusal(stream: Stream): Promise<string> {
  const signal = AbortSignal.timeout(REFUSAL_MS);
  const bytes = byteStream(stream, { maxBufferSize: REFUSAL_BYTES_MAX });
  const read = await bytes.read({ signal });
  await stream.close({ signal });
  const text = new TextDecoder().decode(read?.subarray());
  // What a stranger says is shown to the owner: one line of printable characters.
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, REFUSAL_BYTES_MAX);
}
