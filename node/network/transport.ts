/**
 * libp2p as the `Transport` of a peer, the same on Node.js and in a tab. This file wires the parts and keeps one
 * `Link` per connected peer; each part has a file of its own: gossip, the block exchange (wire, server, channel,
 * client), the dialer, proof of membership. Reports leave through one ordered queue, never inside a call.
 */
import type { Connection, IdentifyResult, Libp2p, PeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { toHex } from '../protocol/bytes.ts';
import type { PeerKey } from '../protocol/ids.ts';
import type { FetchOutcome, FetchRequest, TransportListener } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { parseAddress, parseListenAddress } from './address.ts';
import { answerBeats } from './beats.ts';
import { BlockChannel } from './block-channel.ts';
import { BlockClient } from './block-client.ts';
import { BlockServer } from './block-server.ts';
import type { Carriers } from './carriers.ts';
import { DialFailureReports } from './dial-failure-reports.ts';
import { Dialer } from './dialer.ts';
import { Dialling } from './dialling.ts';
import { messageOf, NetworkError } from './error.ts';
import { Gossip, SharedHosts } from './gossip.ts';
import { createNode, type Services } from './libp2p-node.ts';
import {
  DIAL_TIMEOUT_MS,
  GOSSIP_DEGREE,
  IDENTIFY_TIMEOUT_MS,
  INBOUND_STREAMS_MAX,
  INCOMPATIBLE_MAX,
  OPEN_STREAM_TIMEOUT_MS,
  PROVIDER_PATIENCE_MS,
  TAB_GOSSIP_DEGREE,
  WEBRTC_TIMEOUT_MS,
} from './limits.ts';
import { Link } from './link.ts';
import { answerChallenge, challengeMember, MembershipError } from './membership.ts';
import type { ConnectedPeer, NetworkTransport, NetworkUsage, TransportOptions } from './options.ts';
import { lastPacketAgoMs } from './packets.ts';
import { peerKeyOf } from './peer-key.ts';
import { incompatibility, type ProtocolNames, protocolNames } from './protocols.ts';
import { Pulse } from './pulse.ts';
import { readRefusal } from './refusal.ts';
import { RelayClient } from './relay-client.ts';
import { isRelayed, isWebRtc, relayHost, SIGNALLING } from './relayed.ts';
import { Room } from './room.ts';
import { parseSwarmKey, type SwarmKey } from './swarm-key.ts';
import { every, soon, Turns } from './turns.ts';
import { Upgrades } from './upgrades.ts';

export type { ConnectedPeer, NetworkTransport, NetworkUsage, TransportOptions } from './options.ts';

/** Throws a NetworkError for a malformed address, swarm key or private key. Nothing is opened before `start`. */
export function createTransport(options: TransportOptions): NetworkTransport {
  return new Libp2pTransport(options);
}

/** Connections of one peer opened within this time of each other come from both sides dialling at once: no dial takes longer. */
const SIMULTANEOUS_MS = DIAL_TIMEOUT_MS + 1_000;

class Libp2pTransport implements NetworkTransport {
  readonly self: PeerKey;
  readonly #options: TransportOptions;
  readonly #logger: Logger;
  readonly #names: ProtocolNames;
  readonly #swarmKey: SwarmKey | undefined;
  readonly #listen: readonly Multiaddr[];
  readonly #announce: readonly Multiaddr[];
  readonly #links = new Map<PeerKey, Link>();
  readonly #turns = new Turns();
  readonly #dialling: Dialling;
  readonly #dialer: Dialer;
  readonly #server: BlockServer;
  readonly #client: BlockClient;
  readonly #failures: DialFailureReports;
  readonly #upgrades: Upgrades;
  readonly #pulse: Pulse;
  readonly #room: Room;
  readonly #sharedHosts = new SharedHosts();
  #relayClient: RelayClient | undefined;
  #reservationsMax: number | undefined;
  #node: Libp2p<Services> | undefined;
  #gossip: Gossip | undefined;
  #listener: TransportListener | undefined;
  #stopped = false;

  constructor(options: TransportOptions) {
    if (options.privateKey.type !== 'Ed25519') {
      throw new NetworkError('key-unsupported', `a peer's key must be Ed25519, not ${options.privateKey.type}`);
    }
    this.#options = options;
    this.#logger = options.logger;
    this.self = toHex(options.privateKey.publicKey.raw) as PeerKey;
    this.#names = protocolNames(options.parameters);
    this.#swarmKey = options.swarmKey === undefined ? undefined : parseSwarmKey(options.swarmKey);
    this.#listen = options.listen.map((address) => parseListenAddress(address, this.#swarmKey !== undefined));
    this.#announce = (options.announce ?? []).map(parseAddress);
    this.#failures = new DialFailureReports(this.#swarmKey !== undefined, options.logger, (address, code, detail) =>
      this.#report((to) => to.dialFailed(address, code, detail)),
    );
    const dialling = new Dialling(this.#links, () => (this.#stopped ? undefined : this.#node));
    this.#dialling = dialling;
    this.#dialer = new Dialer(options.bootstrap.map(parseAddress), {
      self: this.self,
      logger: options.logger,
      dial: (addresses) => dialling.dial(addresses),
      isConnected: (peer, addresses) => dialling.isConnected(peer, addresses),
      wantsMore: (addresses) => dialling.wantsMore(addresses),
      isReachable: this.#listen.length > 0,
      failed: (address, error, reachedBefore) => this.#failures.dialFailed(address, error, reachedBefore),
    });
    this.#room = new Room(options.peersMax, {
      links: this.#links,
      logger: options.logger,
      protocol: this.#names.refusal,
      ready: (peer) => this.#ready(peer),
    });
    this.#pulse = new Pulse({
      self: this.self,
      logger: options.logger,
      protocol: this.#names.beats,
      every: options.every ?? every,
      lastPacketAgoMs,
      links: () => this.#linksUp(),
      reaches: ({ peerId }) => this.#gossip!.reaches(peerId),
      measured: ({ peer }, roundTripMs) => this.#report((to) => to.roundTrip(peer, roundTripMs)),
      dead: (link, reason) => this.#hangUp(link, reason),
    });
    this.#upgrades = new Upgrades({
      self: this.self,
      logger: options.logger,
      canSignal: () => this.#node?.getProtocols().includes(SIGNALLING) === true,
      dial: (address) => this.#node!.dial(address, { force: true, signal: AbortSignal.timeout(WEBRTC_TIMEOUT_MS) }),
    });
    this.#server = new BlockServer(options.blocks, options.logger);
    this.#client = new BlockClient({
      blocks: options.blocks,
      sha256: options.sha256,
      logger: options.logger,
      peers: () => this.#linksUp().map(({ peer }) => peer),
      channel: (peer) => this.#linkUp(peer)?.blocks,
    });
  }

  async start(listener: TransportListener): Promise<void> {
    this.#listener = listener;
    const { transports, relay, relayed } = await this.#options.carriers();
    this.#reservationsMax = relay?.reservationsMax;
    const relayClient = relayed && this.#createRelayClient(relayed);
    this.#relayClient = relayClient;
    const meetings =
      relayClient === undefined || this.#swarmKey !== undefined ? [] : [...relayClient.listen, '/webrtc'];
    const node = await createNode({
      privateKey: this.#options.privateKey,
      listen: [...this.#listen, ...meetings.map(parseAddress)],
      announce: this.#announce,
      swarmKey: this.#swarmKey,
      topic: this.#names.topic,
      sha256: this.#options.sha256,
      penalisesColocation: this.#options.parameters.preset === 'open',
      sharedHosts: this.#sharedHosts.hosts,
      // Who meets others at relays is a tab.
      degree: relayClient === undefined ? GOSSIP_DEGREE : TAB_GOSSIP_DEGREE,
      agent: this.#options.agent,
      transports: relayClient === undefined ? transports : [...transports, relayClient.transport],
      relay: relay?.factory,
      peersMax: this.#room.peersMax,
      gater: this.#room.gater,
      inboundFailed: (address, error) => this.#failures.inboundFailed(address, error),
    });
    this.#node = node;
    await this.#handleStreams(node);
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail));
    node.addEventListener('connection:close', ({ detail }) => this.#closed(detail));
    node.addEventListener('peer:identify', ({ detail }) => this.#identified(detail));
    node.addEventListener('peer:disconnect', ({ detail }) => this.#disconnected(detail));
    this.#gossip = new Gossip(node.services.gossip, this.#names.topic, {
      logger: this.#logger,
      soon: this.#options.soon ?? soon,
      ready: (source) => this.#ready(source),
      received: (token, source, bytes) => {
        const peer = peerKeyOf(source);
        this.#heard(peer);
        this.#report((to) => to.gossip(token, peer, bytes));
      },
    });
    try {
      await node.start();
    } catch (error) {
      const where = this.#listen.join(', ');
      throw new NetworkError('listen-failed', `cannot listen on ${where}: ${messageOf(error)}`, { cause: error });
    }
    this.#gossip.start();
    this.#relayClient?.start();
    this.#pulse.start();
    this.#dialer.start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#turns.close();
    this.#dialer.stop();
    this.#upgrades.stop();
    this.#relayClient?.stop();
    this.#pulse.stop();
    this.#gossip?.stop();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await this.#node?.stop();
  }

  multiaddrs(): readonly string[] {
    const own = this.#node?.getMultiaddrs().map(String) ?? [];
    // What libp2p lists of a relay are all of its addresses, on most of which nobody can reach it.
    return [...own.filter((address) => !address.includes('/p2p-circuit')), ...(this.#relayClient?.addresses() ?? [])];
  }

  async dial(address: string): Promise<void> {
    const parsed = parseAddress(address);
    try {
      await this.#dialling.dial([parsed]);
    } catch (error) {
      this.#failures.dialFailed(address, error, false);
      throw new NetworkError('dial-failed', `${address}: ${messageOf(error)}`, { cause: error });
    }
  }

  learn(peer: PeerKey, addresses: readonly string[]): void {
    this.#dialer.learn(peer, addresses);
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#links.values()].map(({ peer, address, agent, connection, state, isRelayed, roundTripMs }) => {
      return { peer, address, agent, direction: connection.direction, state, isRelayed, roundTripMs };
    });
  }

  usage(): NetworkUsage {
    return this.#room.usage(this.#node?.services, this.#reservationsMax);
  }

  publish(bytes: Uint8Array): void {
    this.#gossip?.publish(bytes);
  }

  answer(token: number, answer: 'accept' | 'ignore' | 'reject'): void {
    this.#gossip?.answer(token, answer);
  }

  send(peer: PeerKey, bytes: Uint8Array): void {
    this.#linkUp(peer)?.send(bytes);
  }

  fetch(request: FetchRequest, done: (outcome: FetchOutcome) => void): void {
    void this.#client.fetch(request).then((outcome) => this.#turns.later(() => done(outcome)));
  }

  #createRelayClient({ factory, relays }: NonNullable<Carriers['relayed']>): RelayClient {
    return new RelayClient(factory, relays, {
      self: this.self,
      logger: this.#logger,
      candidates: () => this.#linksUp(),
      changed: () => this.#turns.later(() => this.#options.addressesChanged?.(this.multiaddrs())),
      full: (address, detail) => this.#failures.full(address, detail),
    });
  }

  #report(report: (listener: TransportListener) => void): void {
    this.#turns.later(() => {
      if (this.#listener !== undefined) report(this.#listener);
    });
  }

  #linkUp(peer: PeerKey): Link | undefined {
    const link = this.#links.get(peer);
    return link?.state === 'up' ? link : undefined;
  }

  #linksUp(): readonly Link[] {
    return [...this.#links.values()].filter(({ state }) => state === 'up');
  }

  #heard(peer: PeerKey): void {
    const link = this.#links.get(peer);
    if (link !== undefined) this.#pulse.heard(link);
  }

  // Streams

  async #handleStreams(node: Libp2p<Services>): Promise<void> {
    const limits = { maxInboundStreams: INBOUND_STREAMS_MAX, runOnLimitedConnection: true };
    await node.handle(
      this.#names.direct,
      async (stream, connection) => {
        const link = this.#linkOf(connection);
        // Not read before the link is up: the stream holds what arrives until then.
        if (await link?.ready) void link?.runIncoming(stream);
        else stream.abort(new Error('not welcome'));
      },
      limits,
    );
    await node.handle(
      this.#names.blocks,
      async (stream, connection) => {
        if (!(await this.#linkOf(connection)?.ready)) return stream.abort(new Error('not welcome'));
        this.#server.serve(stream).catch((error: unknown) => {
          this.#logger.log('debug', 'a block stream ended', { error: messageOf(error) });
        });
      },
      limits,
    );
    await node.handle(
      this.#names.beats,
      async (stream, connection) => {
        const link = this.#linkOf(connection);
        if (await link?.ready) answerBeats(stream, () => this.#pulse.heard(link!));
        else stream.abort(new Error('not welcome'));
      },
      limits,
    );
    await node.handle(
      this.#names.refusal,
      async (stream, connection) => {
        try {
          this.#failures.full(connection.remoteAddr.toString(), await readRefusal(stream));
        } finally {
          connection.abort(new Error('the peer is full'));
        }
      },
      limits,
    );
    const swarmKey = this.#swarmKey;
    if (swarmKey === undefined) return;
    await node.handle(
      this.#names.membership,
      async (stream, connection) => {
        const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
        try {
          await answerChallenge(stream, swarmKey, this.self, peerKeyOf(connection.remotePeer), signal);
        } catch (error) {
          stream.abort(error instanceof Error ? error : new Error(String(error)));
        }
      },
      limits,
    );
  }

  // Links

  /** The link of this connection's peer; made when the first of its streams or its identity comes in. */
  #linkOf(connection: Connection): Link | undefined {
    if (this.#stopped || connection.status !== 'open' || this.#room.hasRefused(connection)) return undefined;
    const peer = peerKeyOf(connection.remotePeer);
    const known = this.#links.get(peer);
    if (known !== undefined) return known;
    const link: Link = new Link({
      peer,
      peerId: connection.remotePeer,
      connection,
      blocks: new BlockChannel({
        open: () => openStream(link.connection, this.#names.blocks),
        slowestRoundTripMs: () => this.#pulse.slowestRoundTripMs(link),
        patienceMs: this.#options.providerPatienceMs ?? PROVIDER_PATIENCE_MS,
      }),
      logger: this.#logger,
      received: (bytes) => {
        this.#heard(peer);
        this.#report((to) => to.direct(peer, bytes));
      },
      broken: (reason) => this.#hangUp(link, reason),
    });
    this.#links.set(peer, link);
    return link;
  }

  async #ready(source: PeerId): Promise<boolean> {
    const connection = this.#node?.getConnections(source).find(({ status }) => status === 'open');
    return (connection !== undefined && (await this.#linkOf(connection)?.ready)) ?? false;
  }

  #opened(connection: Connection): void {
    const host = relayHost(connection.remoteAddr);
    if (host !== undefined) this.#sharedHosts.add(host);
    if (!this.#room.admits(connection)) return;
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
    this.#room.closed(connection);
    const link = this.#links.get(peerKeyOf(connection.remotePeer));
    // A relay hears at once when a tab is gone; WebRTC takes half a minute. It may also be the relay that is gone.
    if (link?.state === 'up' && link.connection !== connection && isWebRtc(link.connection.remoteAddr)) {
      this.#pulse.suspect(link);
    }
  }

  /** A direct connection to a peer that was reached through a relay: everything moves over, and nothing is lost. */
  async #move(link: Link, connection: Connection): Promise<void> {
    try {
      const stream = await openStream(connection, this.#names.direct);
      await this.#gossip!.move(connection);
      if (link.state !== 'up') return stream.abort(new Error('the link has closed'));
      link.moveTo(connection, stream);
    } catch (error) {
      this.#logger.log('info', 'a link stays on its relay', { peer: link.peer, error: messageOf(error) });
      return connection.abort(error instanceof Error ? error : new Error(String(error)));
    }
    this.#logger.log('info', 'a link is direct now', { peer: link.peer, address: link.address });
    // Told again: whoever lists peers sees how this one is reached, and both sides compare what they know once more.
    this.#report((to) => to.connected(link.peer, link.address, link.agent));
    this.#pulse.begin(link);
  }

  #watchIdentify(connection: Connection): void {
    const link = this.#linkOf(connection);
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
    this.#logger.log('info', 'a peer connected anew', { peer: link.peer });
    this.#drop(link);
    link.connection.abort(new Error('replaced by a newer connection'));
  }

  #identified(result: IdentifyResult): void {
    const link = this.#linkOf(result.connection);
    if (link === undefined || link.state !== 'identifying') return;
    link.agent = result.agentVersion ?? '';
    link.offers = result.protocols;
    const detail = incompatibility(result.protocols, this.#names);
    if (detail !== undefined) return this.#refuse(link, detail);
    link.state = 'joining';
    this.#join(link).catch((error: unknown) => {
      if (error instanceof MembershipError) this.#failures.dialFailed(link.address, error, false);
      this.#hangUp(link, messageOf(error));
    });
  }

  async #join(link: Link): Promise<void> {
    if (this.#swarmKey !== undefined) {
      const stream = await openStream(link.connection, this.#names.membership);
      const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
      if (!(await challengeMember(stream, this.#swarmKey, this.self, link.peer, signal))) {
        throw new MembershipError('the peer could not prove that it has the swarm key');
      }
    }
    const stream = await openStream(link.connection, this.#names.direct);
    if (!(await this.#gossip!.reached(link.peerId, () => link.state === 'joining'))) {
      this.#logger.log('warn', 'a peer does not take part in gossip yet', { peer: link.peer });
    }
    if (link.state !== 'joining') {
      stream.abort(new Error('the link has closed'));
      return;
    }
    const { peer, address, agent } = link;
    this.#report((to) => to.connected(peer, address, agent));
    link.up();
    this.#dialer.connected(peer);
    void link.runOutgoing(stream);
    this.#pulse.begin(link);
    this.#relayClient?.check();
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
    this.#report((to) => to.incompatible(peer, address, agent, detail));
    const refused = [...this.#links.values()].filter(({ state }) => state === 'incompatible');
    if (refused.length > INCOMPATIBLE_MAX) this.#hangUp(refused[0]!, 'too many incompatible peers');
  }

  #hangUp(link: Link, reason: string): void {
    if (this.#stopped || this.#links.get(link.peer) !== link) return;
    this.#logger.log('info', 'a link is closed', { peer: link.peer, reason });
    this.#drop(link);
    this.#node?.hangUp(link.peerId, { signal: AbortSignal.timeout(1_000) }).catch(() => {
      for (const connection of this.#node?.getConnections(link.peerId) ?? []) connection.abort(new Error(reason));
    });
  }

  #disconnected(peerId: PeerId): void {
    if (this.#node !== undefined) this.#room.gone(peerId, this.#node.services);
    const link = this.#links.get(peerKeyOf(peerId));
    if (link !== undefined) this.#drop(link);
    this.#dialer.disconnected(peerKeyOf(peerId));
  }

  #drop(link: Link): void {
    const wasUp = link.state === 'up';
    this.#links.delete(link.peer);
    link.close();
    this.#pulse.forget(link);
    if (wasUp) this.#report((to) => to.disconnected(link.peer));
    this.#relayClient?.check();
  }
}

function openStream(connection: Connection, protocol: string): Promise<Stream> {
  const signal = AbortSignal.timeout(OPEN_STREAM_TIMEOUT_MS);
  return connection.newStream(protocol, { signal, runOnLimitedConnection: true });
}
