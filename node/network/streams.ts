/**
 * Which streams others may open here, and who takes them: direct messages, requests for blocks, beats, refusals and
 * challenges of membership. All but the last two belong to a link, and are not read before it is up.
 */
import type { Libp2p } from '@libp2p/interface';
import type { Logger } from '../runtime/log.ts';
import { answerBeats } from './beats.ts';
import type { BlockServer } from './block-server.ts';
import type { DialFailureReports } from './dial-failure-reports.ts';
import { messageOf } from './error.ts';
import { INBOUND_STREAMS_MAX, OPEN_STREAM_TIMEOUT_MS } from './limits.ts';
import type { Links } from './links.ts';
import { answerChallenge } from './membership.ts';
import { peerKeyOf } from './peer-key.ts';
import type { ProtocolNames } from './protocols.ts';
import { readRefusal } from './refusal.ts';
import type { SwarmKey } from './swarm-key.ts';

export interface StreamsHooks {
  readonly names: ProtocolNames;
  readonly swarmKey: SwarmKey | undefined;
  readonly links: Links;
  readonly server: BlockServer;
  readonly failures: DialFailureReports;
  readonly logger: Logger;
}

export async function handleStreams(node: Libp2p, hooks: StreamsHooks): Promise<void> {
  const { names, links } = hooks;
  const limits = { maxInboundStreams: INBOUND_STREAMS_MAX, runOnLimitedConnection: true };
  await node.handle(
    names.direct,
    async (stream, connection) => {
      const link = links.of(connection);
      // Not read before the link is up: the stream holds what arrives until then.
      if (await link?.ready) void link?.runIncoming(stream);
      else stream.abort(new Error('not welcome'));
    },
    limits,
  );
  await node.handle(
    names.blocks,
    async (stream, connection) => {
      if (!(await links.of(connection)?.ready)) return stream.abort(new Error('not welcome'));
      hooks.server.serve(stream).catch((error: unknown) => {
        hooks.logger.log('debug', 'a block stream ended', { error: messageOf(error) });
      });
    },
    limits,
  );
  await node.handle(
    names.beats,
    async (stream, connection) => {
      const link = links.of(connection);
      if (await link?.ready) answerBeats(stream, () => links.heard(link!.peer));
      else stream.abort(new Error('not welcome'));
    },
    limits,
  );
  await node.handle(
    names.refusal,
    async (stream, connection) => {
      try {
        hooks.failures.full(connection.remoteAddr.toString(), await readRefusal(stream));
      } finally {
        connection.abort(new Error('the peer is full'));
      }
    },
    limits,
  );
  const swarmKey = hooks.swarmKey;
  if (swarmKey === undefined) return;
  await node.handle(
    names.membership,
    async (stream, connection) => {
      const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
      try {
        await answerChallenge(stream, swarmKey, links.self, peerKeyOf(connection.remotePeer), signal);
      } catch (error) {
        stream.abort(error instanceof Error ? error : new Error(String(error)));
      }
    },
    limits,
  );
}
