/** Opens a stream to a peer, through a relay too. */
import type { Connection, Stream } from '@libp2p/interface';
import { OPEN_STREAM_TIMEOUT_MS } from './limits.ts';

export function openStream(connection: Connection, protocol: string): Promise<Stream> {
  const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
  return connection.newStream(protocol, { signal, runOnLimitedConnection: true });
}
