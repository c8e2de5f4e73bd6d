/**
 * Bounds of the network adapter: buffers, windows, pauses. libp2p's own defaults are for public nodes among
 * strangers on many addresses; where ours differ, the reason stands beside the number. A limit on what crosses the
 * seam (statement and block sizes) lives in `protocol/limits.ts`.
 */
import { BLOCK_BYTES_MAX, EXCHANGE_MESSAGE_BYTES_MAX } from '../protocol/limits.ts';

/** Connections this peer opens by itself. In a network of up to 32 peers everybody is connected to everybody. */
export const CONNECTION_TARGET = 32;
/**
 * The same for links through a relay and for WebRTC, which cost somebody else's bandwidth and a stack of their own. With
 * those that others open, a tab has about twice as many: enough neighbours hear at once of any tab that dies, and
 * gossip needs no more. With 8 each, twenty tabs on one machine of two cores were not all connected with their daemon
 * after a minute; with 3 they were.
 */
export const RELAYED_TARGET = 3;
/** Peers connected at once, incoming ones included. Whoever comes beyond it is told that this peer is full. */
export const PEERS_MAX = 128;
/** Newcomers beyond it that are kept long enough to be told so; further ones see their connection closed. */
export const REFUSALS_MAX = 16;
/** Time a newcomer has to hear why it is refused, before it is hung up. */
export const REFUSAL_MS = 3_000;
/** What a refusal says, as UTF-8. */
export const REFUSAL_BYTES_MAX = 256;
/** Incoming connections per second from one address. libp2p says 5, which refuses 15 of 20 peers behind one router or on one machine. */
export const INBOUND_CONNECTIONS_PER_SECOND_MAX = 64;
/** Handshakes under way. libp2p says 10; a restarted bootstrap peer is met by its whole network at once. */
export const INBOUND_PENDING_MAX = 64;
/** Time for the handshake of one address: libp2p's own limit, named here because the classification of failures mentions it. */
export const DIAL_TIMEOUT_MS = 6_000;
/** A peer that has not identified itself by then is asked once more, for as long, and then hung up. */
export const IDENTIFY_TIMEOUT_MS = 10_000;
/** Incompatible peers kept connected so that they can be shown; further ones are hung up. */
export const INCOMPATIBLE_MAX = 8;

/** Pause before an unreachable address is tried again: grows from first to longest. */
export const REDIAL_FIRST_MS = 500;
export const REDIAL_MAX_MS = 30_000;
/** The same for learnt peers, which are many, and whose addresses are often wrong (behind a router, gone). */
export const LEARNT_REDIAL_MAX_MS = 300_000;
/** How often it is looked whether a peer that was one too many is wanted now: a dial has failed, or a link has ended. */
export const WANTED_CHECK_MS = 5_000;
/** Peers whose addresses are remembered; the one with most failed dials is forgotten first. */
export const ADDRESS_BOOK_MAX = 1_024;
/** Addresses remembered for one peer. More are dropped: each costs a dial. */
export const ADDRESSES_PER_PEER_MAX = 4;

/** How often a peer is measured: often enough to notice a dead link before a lease ends, rare enough to cost nothing. */
export const BEAT_INTERVAL_MS = 7_000;
/**
 * A peer of which nothing was heard for so long is hung up, while this side was awake. Only for ends that no socket
 * tells (a cable, a machine without power); a page that starves beside its workers needs this long.
 */
export const SILENCE_MAX_MS = 30_000;
/** Beats without an answer that are remembered; later answers to older ones tell nothing. */
export const BEATS_UNANSWERED_MAX = 16;
/** This side counts as asleep when its own ticks come later than this; hidden pages have theirs a quarter of a second late. */
export const LATE_MS = 750;

/** Gossip messages handed to the listener and not answered yet. Beyond it: ignored (load is no offence). */
export const VALIDATIONS_MAX = 4_096;
/** An unanswered message counts as ignored after this. */
export const VALIDATION_TIMEOUT_MS = 10_000;
/** Own messages waiting to be published, and how many leave in one turn. Beyond it: dropped with a log. */
export const PUBLISH_QUEUE_MAX = 8_192;
export const PUBLISH_PER_TURN = 64;
/** One gossip frame: IWANT answers bundle many messages. Larger: the stream is closed. */
export const GOSSIP_FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** Gossip that a slow peer has not taken yet. Beyond it its gossip stream is reset, and the link is made anew. */
export const GOSSIP_BUFFER_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Neighbours that hear a message at once: wanted, fewest, most, and those among them that this peer has dialled; and
 * those of the others that are told every so often what there was.
 */
export interface GossipDegree {
  readonly D: number;
  readonly Dlo: number;
  readonly Dhi: number;
  readonly Dout: number;
  readonly Dlazy: number;
}
export const GOSSIP_DEGREE: GossipDegree = { D: 6, Dlo: 5, Dhi: 10, Dout: 2, Dlazy: 6 };
/**
 * In a tab every message costs a trip through two more processes of the browser, and each neighbour sends it again: with
 * six of them ten busy tabs on one machine got each message more than eight times, and did little else.
 */
export const TAB_GOSSIP_DEGREE: GossipDegree = { D: 3, Dlo: 2, Dhi: 5, Dout: 1, Dlazy: 2 };
/** Smaller messages cost less than telling every neighbour that they are not wanted a second time. */
export const IDONTWANT_BYTES_MIN = 8 * 1024;
/** How long `connected` waits for the peer's gossip subscription, so that a message published right after it arrives. */
export const SUBSCRIPTION_WAIT_MS = 2_000;

/**
 * A daemon as a relay, for peers that are connected with it and belong to its network: tabs meet through it for WebRTC,
 * and where that fails it carries everything between them, blocks too. libp2p's 15 places, 2 minutes and 128 KiB are
 * for strangers who only need to meet.
 */
export const RELAY_RESERVATIONS_MAX = 96;
/** A place is given up when its peer is disconnected; this only bounds what is missed. Kept peers renew theirs. */
export const RELAY_RESERVATION_MS = 3_600_000;
/**
 * One relayed connection, both directions together. At its end both sides connect anew, which takes a second. (2 GiB
 * would be the next number to try, but 2 ** 31 is read back as 0 by the encoding of libp2p's relay messages.)
 */
export const RELAYED_CONNECTION_MS = 12 * 3_600_000;
export const RELAYED_CONNECTION_BYTES = 2n ** 30n;
/** Relayed connections one peer may open, and be given, at one relay. */
export const RELAYED_CONNECTIONS_PER_PEER_MAX = 48;
/** Relays a tab takes a place at: with two, one may fail. */
export const RELAYS_PER_TAB = 2;
/** How often a tab looks whether it lacks a relay; after a failure, or when it is full, it leaves that relay alone. */
export const RELAY_SEARCH_MS = 1_000;
export const RELAY_FAILED_MS = 3_000;
export const RELAY_FULL_MS = 20_000;
/** Pause of a peer that others can dial before it dials a tab through a relay: the tab can reach it directly. */
export const RELAY_PATIENCE_MS = 5_000;

/** Time for WebRTC between two peers that are connected through a relay, and pauses between attempts, which triple. */
export const WEBRTC_TIMEOUT_MS = 10_000;
export const WEBRTC_RETRY_FIRST_MS = 2_000;
export const WEBRTC_RETRY_MAX_MS = 600_000;
/** Longest pause after attempts that failed one after the other with different peers. */
export const WEBRTC_QUIET_MAX_MS = 60_000;
/** A link that changes its connection lets the former stream finish for so long. */
export const CHANGEOVER_MS = 2_000;
/**
 * WebRTC says nothing when the other side is killed; a browser gives it up after some fifteen seconds. A unit is to be
 * taken over within five, of which the protocol waits two: so such a link is asked this often.
 */
export const HEARTBEAT_MS = 750;
/** Silence of a WebRTC link after which it is looked whether packets still come in; and how long these may be missing. */
export const WEBRTC_SILENCE_MS = 1_500;
export const PACKET_SILENCE_MAX_MS = 2_000;
/** Where nobody can tell of packets: as long, or four times the slowest of the last round trips, at most this. */
export const WEBRTC_SILENCE_BLIND_MAX_MS = 10_000;
/** A peer that its relay has just lost must be heard, or its packets, within this. */
export const SUSPICION_MS = 1_250;
/** A peer that comes by a relay although it has a socket here must be heard on that within this. */
export const SOCKET_SUSPICION_MS = 5_000;

/** One direct message. */
export const DIRECT_BYTES_MAX = EXCHANGE_MESSAGE_BYTES_MAX;
/** Direct messages that a slow peer has not taken yet. Beyond it: dropped with a log, and the link is made anew once it drains. */
export const DIRECT_QUEUE_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes of a block asked for at once: frames of this size move 3-5 times as fast as ones of 16 KiB. */
export const RANGE_BYTES = 256 * 1024;
/** Bytes asked of one peer and not received yet. Streams have no read backpressure, and 4 MiB unread aborts one. */
export const WINDOW_BYTES = 3 * 1024 * 1024;
/** Bytes asked of one peer from which on another that may have a block, too, is asked before it. */
export const BUSY_BYTES = 4 * RANGE_BYTES;
/** Requests outstanding at one peer, for small blocks. Less than what a server queues. */
export const WINDOW_REQUESTS = 32;
/** Requests of one peer waiting at the server. More is no honest client: its stream is closed. */
export const SERVED_REQUESTS_MAX = 64;
/** Blocks a server reads at the same time for all peers, and bytes it keeps for the next range of the same block. */
export const SERVED_READS_MAX = 8;
export const SERVED_CACHE_BYTES = 8 * BLOCK_BYTES_MAX;
/** Blocks downloaded at the same time: 16 MiB of buffers. Further ones wait. */
export const DOWNLOADS_MAX = 8;
/** A peer that is asked for blocks and sends nothing for this long, or for so many of its round trips, is late. */
export const PROVIDER_PATIENCE_MS = 5_000;
export const PATIENCE_ROUND_TRIPS = 4;
export const PROVIDER_PATIENCE_MAX_MS = 20_000;
/** A late one is given up after this, counted from its last answer: as long as a link without a beat is kept. */
export const PROVIDER_LATE_MAX_MS = SILENCE_MAX_MS;
/** For this long it then counts as late: doubles each time it is given up, until it answers. */
export const PROVIDER_HELD_FIRST_MS = 2_000;
export const PROVIDER_HELD_MAX_MS = 60_000;
/** Peers that one block is asked of at once, because those before are late. Each may hold a buffer of one block. */
export const ASKED_AT_ONCE_MAX = 3;
/** Peers asked for one block, hinted ones included. */
export const PROVIDERS_PER_BLOCK_MAX = 32;
/** Streams of one kind that one peer may have open here; an honest one has one, or two while it changes over. */
export const INBOUND_STREAMS_MAX = 4;
/** Time to open one of our streams. */
export const OPEN_STREAM_TIMEOUT_MS = 10_000;
