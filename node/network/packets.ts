/**
 * When the last packet of a WebRTC connection came in, as the browser's own network code knows it. That code answers
 * each packet of the other side by itself, also while the page there has no time: so a page that starves beside its
 * workers can be told from one whose process is gone, whose packets end at once.
 */
import type { Connection } from '@libp2p/interface';

/** What is used of libp2p's connection that its interface does not show. A test in a browser fails when it changes. */
interface ConnectionInside {
  readonly maConn?: { readonly peerConnection?: { getStats?(): Promise<Iterable<readonly [string, unknown]>> } };
}

/** `RTCIceCandidatePairStats`, as far as it is used. */
interface PairStats {
  readonly type: string;
  /** Wall clock, in ms. What is needed to keep the path open is no such packet. */
  readonly lastPacketReceivedTimestamp?: number;
  /** Wall clock of the same source, when these figures were taken. */
  readonly timestamp: number;
}

/** Time since then in ms; undefined where nobody tells, as on Node.js. Never rejects. */
export async function lastPacketAgoMs(connection: Connection): Promise<number | undefined> {
  try {
    const stats = await (connection as unknown as ConnectionInside).maConn?.peerConnection?.getStats?.();
    let agoMs: number | undefined;
    for (const [, report] of stats ?? []) {
      const { type, lastPacketReceivedTimestamp: atMs, timestamp } = report as PairStats;
      if (type !== 'candidate-pair' || atMs === undefined) continue;
      agoMs = Math.min(agoMs ?? Number.POSITIVE_INFINITY, timestamp - atMs);
    }
    return agoMs;
  } catch {
    return undefined;
  }
}
