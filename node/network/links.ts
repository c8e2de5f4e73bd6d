/**
 * The links of this peer, one for each peer it is connected with: what becomes of a connection that opens or ends, who is
 * identified, let in or refused, and when a link moves to a better connection, is replaced or hung up.
 */
import type { Connection, IdentifyResult, Libp2p, PeerId } from '@libp2p/interface';
import type { PeerKey } from '../protocol/ids.ts';
import type { TransportListener } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { BlockChannel } from './block-channel.ts';
import type { DialFailureReports } from './dial-failure-reports.ts';
import type { Dialer } from './dialer.ts';
import { messageOf } from './error.ts';
import { type Gossip, SharedHosts } from './gossip.ts';
import type { Services } from './libp2p-node.ts';
import {
  DIAL_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  INCOMPATIBLE_MAX,
  OPEN_STREAM_TIMEOUT_MS,
  WEBRTC_TIMEOUT_MS,
} from './limits.ts';
import { Link } from './link.ts';
import { challengeMember, MembershipError } from './membership.ts';
import { openStream } from './open-stream.ts';
import { lastPacketAgoMs } from './packets.ts';
import { peerKeyOf } from './peer-key.ts';
import { incompatibility, type ProtocolNames } from './protocols.ts';
import { Pulse } from './pulse.ts';
import { isRelayed, isWebRtc, relayHost, SIGNALLING } from './relayed.ts';
import { Room } from './room.ts';
import type { SwarmKey } from './swarm-key.ts';
import { Upgrades } from './upgrades.ts';

/** Connections of one peer opened within this time of each other come from both sides dialling at once: no dial takes longer. */
const SIMULTANEOUS_MS = DIAL_TIMEOUT_MS + 1_000;

export interface LinksHooks {
  readonly self: PeerKey;
  readonly names: ProtocolNames;
  readonly swarmKey: SwarmKey | undefined;
  readonly peersMax: number | undefined;
  /** See `BlockChannel`. */
  readonly patienceMs: number;
  readonly logger: Logger;
  readonly dialer: Dialer;
  readonly failures: DialFailureReports;
  every(intervalMs: number, callback: () => void): () => void;
  report(report: (listener: TransportListener) => void): void;
  /** A link is up, or has ended. */
  changed(): void;
}

export class Links {
  readonly self: PeerKey;
  readonly room: Room;
  /** Hosts of relays: many peers come from there. */
  readonly sharedHosts = new SharedHosts();
  readonly #hooks: LinksHooks;
  readonly #links: Map<PeerKey, Link>;
  readonly #upgrades: Upgrades;
  readonly #pulse: Pulse;
  #node: Libp2p<Services> | undefined;
  #gossip: Gossip | undefined;
  #stopped = false;

  /** `links` is what others may read; only this changes it. */
  constructor(links: Map<PeerKey, Link>, hooks: LinksHooks) {
    const { self, logger, names } = hooks;
    this.self = self;
    this.#hooks = hooks;
    this.#links = links;
    this.room = new Room(hooks.peersMax, {
      links,
      logger,
      protocol: names.refusal,
      ready: (peer) => this.ready(peer),
    });
    this.#pulse = new Pulse({
      self,
      logger,
      protocol: names.beats,
      every: hooks.every,
      lastPacketAgoMs,
      links: () => this.allUp(),
      reaches: ({ peerId }) => this.#gossip!.reaches(peerId),
      measured: ({ peer }, roundTripMs) => hooks.report((to) => to.roundTrip(peer, roundTripMs)),
      dead: (link, reason) => this.#hangUp(link, reason),
    });
    this.#upgrades = new Upgrades({
      self,
      logger,
      canSignal: () => this.#node?.getProtocols().includes(SIGNALLING) === true,
      dial: (address) => this.#node!.dial(address, { force: true, signal: AbortSignal.timeout(WEBRTC_TIMEOUT_MS) }),
    });
  }

  /** From now on connections of this node become links. */
  watch(node: Libp2p<Services>, gossip: Gossip): void {
    this.#node = node;
    this.#gossip = gossip;
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail));
    node.addEventListener('connection:close', ({ detail }) => this.#closed(detail));
    node.addEventListener('peer:identify', ({ detail }) => this.#identified(detail));
    node.addEventListener('peer:disconnect', ({ detail }) => this.#disconnected(detail));
  }

  /** The node is started. */
  start(): void {
    this.#pulse.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#upgrades.stop();
    this.#pulse.stop();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  up(peer: PeerKey): Link | undefined {
    const link = this.#links.get(peer);
    return link?.state === 'up' ? link : undefined;
  }

  /** In whatever state. */
  all(): readonly Link[] {
    return [...this.#links.values()];
  }

  allUp(): readonly Link[] {
    return [...this.#links.values()].filter(({ state }) => state === 'up');
  }

  /** Something has come in from this peer. */
  heard(peer: PeerKey): void {
    const link = this.#links.get(peer);
    if (link !== undefined) this.#pulse.heard(link);
  }

  /** The link of this connection's peer; made when the first of its streams or its identity comes in. */
  of(connection: Connection): Link | undefined {
    if (this.#stopped || connection.status !== 'open' || this.room.hasRefused(connection)) return undefined;
    const peer = peerKeyOf(connection.remotePeer);
    const known = this.#links.get(peer);
    if (known !== undefined) return known;
    const link: Link = new Link({
      peer,
      peerId: connection.remotePeer,
      connection,
      blocks: new BlockChannel({
        open: () => openStream(link.connection, this.#hooks.names.blocks),
        slowestRoundTripMs: () => this.#pulse.slowestRoundTripMs(link),
        patienceMs: this.#hooks.patienceMs,
      }),
      logger: this.#hooks.logger,
      received: (bytes) => {
        this.heard(peer);
        this.#hooks.report((to) => to.direct(peer, bytes));
      },
      broken: (reason) => this.#hangUp(link, reason),
    });
    this.#links.set(peer, link);
    return link;
  }

  async ready(source: PeerId): Promise<boolean> {
    const connection = this.#node?.getConnections(source).find(({ status }) => status === 'open');
    return (connection !== undefined && (await this.of(connection)?.ready)) ?? false;
  }

  #opened(connection: Connection): void {
    const host = relayHost(connection.remoteAddr);
    if (host !== undefined) this.sharedHosts.add(host);
    if (!this.room.admits(connection)) return;
    const known = this.#links.get(peerKeyOf(connection.remotePeer));
    if (known?.state === 'up' && known.connection !== connection) {
      if (isRelayed(connection))
        return known.isRelayed ? this.#replaceOld(known, connection) : this.#pulse.suspect(known);
      if (known.isRelayed) return void this.#move(known, connection);
      this.#replaceOld(known, connection);
    }
    this.#watchIdentify(connection);
  }

  #closed(connection: Connection): void {
    this.room.closed(connection);
    const link = this.#links.get(peerKeyOf(connection.remotePeer));
    // A relay hears at once when a tab is gone; WebRTC takes half a minute. It may also be the relay that is gone.
    if (link?.state === 'up' && link.connection !== connection && isWebRtc(link.connection.remoteAddr)) {
      this.#pulse.suspect(link);
    }
  }

  /** A direct connection to a peer that was reached through a relay: everything moves over, and nothing is lost. */
  async #move(link: Link, connection: Connection): Promise<void> {
    try {
      const stream = await openStream(connection, this.#hooks.names.direct);
      await this.#gossip!.move(connection);
      if (link.state !== 'up') return stream.abort(new Error('the link has closed'));
      link.moveTo(connection, stream);
    } catch (error) {
      this.#hooks.logger.log('info', 'a link stays on its relay', { peer: link.peer, error: messageOf(error) });
      return connection.abort(error instanceof Error ? error : new Error(String(error)));
    }
    this.#hooks.logger.log('info', 'a link is direct now', { peer: link.peer, address: link.address });
    // Told again: whoever lists peers sees how this one is reached, and both sides compare what they know once more.
    this.#hooks.report((to) => to.connected(link.peer, link.address, link.agent));
    this.#pulse.begin(link);
  }

  #watchIdentify(connection: Connection): void {
    const link = this.of(connection);
    if (link === undefined || link.state !== 'identifying') return;
    const timer = setTimeout(() => void this.#identifyAgain(link), IDENTIFY_TIMEOUT_MS);
    void link.ready.then(() => clearTimeout(timer));
  }

  /** libp2p tries once. A busy peer gets a second chance, and after that a new connection; a stranger is named. */
  async #identifyAgain(link: Link): Promise<void> {
    if (link.state !== 'identifying' || this.#stopped) return;
    try {
      const signal = AbortSignal.timeout(IDENTIFY_TIMEOUT_MS);
      await this.#node?.services.identify.identify(link.connection, { signal });
    } catch (error) {
      if (link.state !== 'identifying') return;
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') this.#refuse(link, 'not a Shoal peer');
      else this.#hangUp(link, `it did not identify itself (${messageOf(error)})`);
    }
  }

  /**
   * A peer that connects anew while its link looks alive has most likely been restarted, and its old connection is
   * dead. Two connections made at the same time by both sides are left alone.
   */
  #replaceOld(link: Link, connection: Connection): void {
    if (connection.timeline.open - link.connection.timeline.open < SIMULTANEOUS_MS) return;
    this.#hooks.logger.log('info', 'a peer connected anew', { peer: link.peer });
    this.#drop(link);
    link.connection.abort(new Error('replaced by a newer connection'));
  }

  #identified(result: IdentifyResult): void {
    const link = this.of(result.connection);
    if (link === undefined || link.state !== 'identifying') return;
    link.agent = result.agentVersion ?? '';
    link.offers = result.protocols;
    const detail = incompatibility(result.protocols, this.#hooks.names);
    if (detail !== undefined) return this.#refuse(link, detail);
    link.state = 'joining';
    this.#join(link).catch((error: unknown) => {
      if (error instanceof MembershipError) this.#hooks.failures.dialFailed(link.address, error, false);
      this.#hangUp(link, messageOf(error));
    });
  }

  async #join(link: Link): Promise<void> {
    if (this.#hooks.swarmKey !== undefined) {
      const stream = await openStream(link.connection, this.#hooks.names.membership);
      const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
      if (!(await challengeMember(stream, this.#hooks.swarmKey, this.self, link.peer, signal))) {
        throw new MembershipError('the peer could not prove that it has the swarm key');
      }
    }
    const stream = await openStream(link.connection, this.#hooks.names.direct);
    if (!(await this.#gossip!.reached(link.peerId, () => link.state === 'joining'))) {
      this.#hooks.logger.log('warn', 'a peer does not take part in gossip yet', { peer: link.peer });
    }
    if (link.state !== 'joining') {
      stream.abort(new Error('the link has closed'));
      return;
    }
    const { peer, address, agent } = link;
    this.#hooks.report((to) => to.connected(peer, address, agent));
    link.up();
    this.#hooks.dialer.connected(peer);
    void link.runOutgoing(stream);
    this.#pulse.begin(link);
    this.#hooks.changed();
    if (!link.isRelayed) return;
    const better = this.#node
      ?.getConnections(link.peerId)
      .find((other) => other.status === 'open' && !isRelayed(other));
    if (better === undefined) this.#upgrades.consider(link);
    else void this.#move(link, better);
  }

  #refuse(link: Link, detail: string): void {
    const { peer, address, agent } = link;
    link.incompatible();
    this.#hooks.report((to) => to.incompatible(peer, address, agent, detail));
    const refused = [...this.#links.values()].filter(({ state }) => state === 'incompatible');
    if (refused.length > INCOMPATIBLE_MAX) this.#hangUp(refused[0]!, 'too many incompatible peers');
  }

  #hangUp(link: Link, reason: string): void {
    if (this.#stopped || this.#links.get(link.peer) !== link) return;
    this.#hooks.logger.log('info', 'a link is closed', { peer: link.peer, reason });
    this.#drop(link);
    this.#node?.hangUp(link.peerId, { signal: AbortSignal.timeout(1_000) }).catch(() => {
      for (const connection of this.#node?.getConnections(link.peerId) ?? []) connection.abort(new Error(reason));
    });
  }

  #disconnected(peerId: PeerId): void {
    if (this.#node !== undefined) this.room.gone(peerId, this.#node.services);
    const link = this.#links.get(peerKeyOf(peerId));
    if (link !== undefined) this.#drop(link);
    this.#hooks.dialer.disconnected(peerKeyOf(peerId));
  }

  #drop(link: Link): void {
    const wasUp = link.state === 'up';
    this.#links.delete(link.peer);
    link.close();
    this.#pulse.forget(link);
    if (wasUp) this.#hooks.report((to) => to.disconnected(link.peer));
    this.#hooks.changed();
  }
}
