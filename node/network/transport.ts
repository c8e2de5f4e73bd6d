/**
 * libp2p as the `Transport` of a peer, the same on Node.js and in a tab. This file wires the parts, starts and stops
 * them; each has a file of its own: links to peers, the streams they open, gossip, the block exchange (wire, server,
 * channel, client), the dialer. Reports leave through one ordered queue, never inside a call.
 */
import type { Libp2p } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { toHex } from '../protocol/bytes.ts';
import type { PeerKey } from '../protocol/ids.ts';
import type { FetchOutcome, FetchRequest, TransportListener } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { parseAddress, parseListenAddress } from './address.ts';
import { BlockClient } from './block-client.ts';
import { BlockServer } from './block-server.ts';
import type { Carriers } from './carriers.ts';
import { DialFailureReports } from './dial-failure-reports.ts';
import { Dialer } from './dialer.ts';
import { Dialling } from './dialling.ts';
import { messageOf, NetworkError } from './error.ts';
import { Gossip } from './gossip.ts';
import { createNode, type Services } from './libp2p-node.ts';
import { GOSSIP_DEGREE, PROVIDER_PATIENCE_MS, TAB_GOSSIP_DEGREE } from './limits.ts';
import type { Link } from './link.ts';
import { Links } from './links.ts';
import type { ConnectedPeer, NetworkTransport, NetworkUsage, TransportOptions } from './options.ts';
import { peerKeyOf } from './peer-key.ts';
import { type ProtocolNames, protocolNames } from './protocols.ts';
import { RelayClient } from './relay-client.ts';
import { handleStreams } from './streams.ts';
import { parseSwarmKey, type SwarmKey } from './swarm-key.ts';
import { every, soon, Turns } from './turns.ts';

export type { ConnectedPeer, NetworkTransport, NetworkUsage, TransportOptions } from './options.ts';

/** Throws a NetworkError for a malformed address, swarm key or private key. Nothing is opened before `start`. */
export function createTransport(options: TransportOptions): NetworkTransport {
  return new Libp2pTransport(options);
}

class Libp2pTransport implements NetworkTransport {
  readonly self: PeerKey;
  readonly #options: TransportOptions;
  readonly #logger: Logger;
  readonly #names: ProtocolNames;
  readonly #swarmKey: SwarmKey | undefined;
  readonly #listen: readonly Multiaddr[];
  readonly #announce: readonly Multiaddr[];
  readonly #turns = new Turns();
  readonly #dialling: Dialling;
  readonly #dialer: Dialer;
  readonly #server: BlockServer;
  readonly #client: BlockClient;
  readonly #failures: DialFailureReports;
  readonly #links: Links;
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
    const links = new Map<PeerKey, Link>();
    const dialling = new Dialling(links, () => (this.#stopped ? undefined : this.#node));
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
    this.#links = new Links(links, {
      self: this.self,
      names: this.#names,
      swarmKey: this.#swarmKey,
      peersMax: options.peersMax,
      patienceMs: options.providerPatienceMs ?? PROVIDER_PATIENCE_MS,
      logger: options.logger,
      dialer: this.#dialer,
      failures: this.#failures,
      every: options.every ?? every,
      report: (report) => this.#report(report),
      changed: () => this.#relayClient?.check(),
    });
    this.#server = new BlockServer(options.blocks, options.logger);
    this.#client = new BlockClient({
      blocks: options.blocks,
      sha256: options.sha256,
      logger: options.logger,
      peers: () => this.#links.allUp().map(({ peer }) => peer),
      channel: (peer) => this.#links.up(peer)?.blocks,
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
      sharedHosts: this.#links.sharedHosts.hosts,
      // Who meets others at relays is a tab.
      degree: relayClient === undefined ? GOSSIP_DEGREE : TAB_GOSSIP_DEGREE,
      agent: this.#options.agent,
      transports: relayClient === undefined ? transports : [...transports, relayClient.transport],
      relay: relay?.factory,
      peersMax: this.#links.room.peersMax,
      gater: this.#links.room.gater,
      inboundFailed: (address, error) => this.#failures.inboundFailed(address, error),
    });
    this.#node = node;
    this.#gossip = new Gossip(node.services.gossip, this.#names.topic, {
      logger: this.#logger,
      soon: this.#options.soon ?? soon,
      ready: (source) => this.#links.ready(source),
      received: (token, source, bytes) => {
        const peer = peerKeyOf(source);
        this.#links.heard(peer);
        this.#report((to) => to.gossip(token, peer, bytes));
      },
    });
    this.#links.watch(node, this.#gossip);
    await handleStreams(node, {
      names: this.#names,
      swarmKey: this.#swarmKey,
      links: this.#links,
      server: this.#server,
      failures: this.#failures,
      logger: this.#logger,
    });
    try {
      await node.start();
    } catch (error) {
      const where = this.#listen.join(', ');
      throw new NetworkError('listen-failed', `cannot listen on ${where}: ${messageOf(error)}`, { cause: error });
    }
    this.#gossip.start();
    this.#relayClient?.start();
    this.#links.start();
    this.#dialer.start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#turns.close();
    this.#dialer.stop();
    this.#relayClient?.stop();
    this.#gossip?.stop();
    this.#links.stop();
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
    return this.#links.all().map(({ peer, address, agent, connection, state, isRelayed, roundTripMs }) => {
      return { peer, address, agent, direction: connection.direction, state, isRelayed, roundTripMs };
    });
  }

  usage(): NetworkUsage {
    return this.#links.room.usage(this.#node?.services, this.#reservationsMax);
  }

  publish(bytes: Uint8Array): void {
    this.#gossip?.publish(bytes);
  }

  answer(token: number, answer: 'accept' | 'ignore' | 'reject'): void {
    this.#gossip?.answer(token, answer);
  }

  send(peer: PeerKey, bytes: Uint8Array): void {
    this.#links.up(peer)?.send(bytes);
  }

  fetch(request: FetchRequest, done: (outcome: FetchOutcome) => void): void {
    void this.#client.fetch(request).then((outcome) => this.#turns.later(() => done(outcome)));
  }

  #createRelayClient({ factory, relays }: NonNullable<Carriers['relayed']>): RelayClient {
    return new RelayClient(factory, relays, {
      self: this.self,
      logger: this.#logger,
      candidates: () => this.#links.allUp(),
      changed: () => this.#turns.later(() => this.#options.addressesChanged?.(this.multiaddrs())),
      full: (address, detail) => this.#failures.full(address, detail),
    });
  }

  #report(report: (listener: TransportListener) => void): void {
    this.#turns.later(() => {
      if (this.#listener !== undefined) report(this.#listener);
    });
  }
}
