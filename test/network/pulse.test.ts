/** Who counts as dead, and who is only late: the pulse over links and time of the test. */
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BEAT_INTERVAL_MS,
  HEARTBEAT_MS,
  SILENCE_MAX_MS,
  SOCKET_SUSPICION_MS,
  SUSPICION_MS,
} from '../../node/network/limits.ts';
import type { Link } from '../../node/network/link.ts';
import { Pulse } from '../../node/network/pulse.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { silentLogger } from '../../node/runtime/log.ts';

const SOCKET = '/ip4/127.0.0.1/tcp/4001/ws';
const WEBRTC = '/ip4/127.0.0.1/tcp/4001/ws/p2p-circuit/webrtc';

interface Peer {
  readonly address: string;
  /** What the browser tells of packets; undefined: it tells nothing. */
  packetAgoMs?: () => number | undefined;
  isReached?: boolean;
  /** This peer's own key; the other one's is `peer`. */
  self?: string;
}

function watch({ address, packetAgoMs = () => undefined, isReached = true, self = 'a' }: Peer) {
  const dead: string[] = [];
  const peer = { isReached, answersAfterMs: undefined as number | undefined, beats: 0 };
  const connection = {
    remoteAddr: multiaddr(address),
    newStream: async () => {
      const stream = Object.assign(new EventTarget(), {
        writableNeedsDrain: false,
        abort: () => undefined,
        send(bytes: Uint8Array) {
          peer.beats++;
          if (peer.answersAfterMs === undefined) return true;
          setTimeout(
            () => stream.dispatchEvent(Object.assign(new Event('message'), { data: bytes })),
            peer.answersAfterMs,
          );
          return true;
        },
      });
      return stream;
    },
  };
  const link = { peer: 'peer', state: 'up', connection } as unknown as Link;
  const roundTrips: number[] = [];
  let tick: () => void = () => undefined;
  const pulse = new Pulse({
    self: self as PeerKey,
    logger: silentLogger,
    protocol: '/beats',
    links: () => (link.state === 'up' ? [link] : []),
    reaches: () => peer.isReached,
    measured: (_link, roundTripMs) => roundTrips.push(roundTripMs),
    dead(given, reason) {
      dead.push(reason);
      given.state = 'closed';
    },
    every(intervalMs, callback) {
      expect(intervalMs).toBe(HEARTBEAT_MS);
      tick = callback;
      return () => undefined;
    },
    lastPacketAgoMs: async () => packetAgoMs(),
  });
  pulse.start();
  pulse.begin(link);
  /** As on a machine that has time: a tick is never late. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += HEARTBEAT_MS) {
      await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
      tick();
    }
    await vi.advanceTimersByTimeAsync(0);
  };
  /** As on one that has none: everything stands still, and then one tick comes. */
  const starve = async (ms: number): Promise<void> => {
    vi.setSystemTime(Date.now() + ms);
    await vi.advanceTimersByTimeAsync(ms);
    tick();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { pulse, link, peer, dead, roundTrips, pass, starve };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a silent peer', () => {
  it('on a socket is given up after half a minute, not before', async () => {
    const { dead, pass } = watch({ address: SOCKET });
    await pass(SILENCE_MAX_MS - HEARTBEAT_MS);
    expect(dead).toEqual([]);
    await pass(HEARTBEAT_MS);
    expect(dead).toEqual([`nothing was heard of it for ${SILENCE_MAX_MS / 1_000} s`]);
  });

  it('by WebRTC is given up within three seconds when no packet comes in either', async () => {
    const endedAtMs = performance.now();
    const { dead, pass } = watch({ address: WEBRTC, packetAgoMs: () => performance.now() - endedAtMs });
    await pass(3_000);
    expect(dead).toEqual(['it does not answer any more']);
  });

  it('by WebRTC whose packets still come in is only late', async () => {
    const { dead, pass } = watch({ address: WEBRTC, packetAgoMs: () => 600 });
    await pass(SILENCE_MAX_MS - HEARTBEAT_MS);
    expect(dead).toEqual([]);
    // A page that hangs for good is of no use to anybody.
    await pass(HEARTBEAT_MS);
    expect(dead).toHaveLength(1);
  });

  it('where nobody tells of packets gets four times its slowest round trip', async () => {
    const quick = watch({ address: WEBRTC });
    await quick.pass(3_000);
    expect(quick.dead).toHaveLength(1);
    const slow = watch({ address: WEBRTC });
    slow.peer.answersAfterMs = 1_400;
    await slow.pass(10 * HEARTBEAT_MS);
    slow.peer.answersAfterMs = undefined;
    await slow.pass(4_500);
    expect(slow.dead).toEqual([]);
    await slow.pass(6_000);
    expect(slow.dead).toHaveLength(1);
  });

  it('is not judged by who was asleep itself', async () => {
    const endedAtMs = performance.now();
    for (const address of [SOCKET, WEBRTC]) {
      const { dead, pass, starve } = watch({ address, packetAgoMs: () => performance.now() - endedAtMs });
      for (let i = 0; i < 20; i++) {
        await starve(5_000);
        await pass(HEARTBEAT_MS);
      }
      expect(dead, address).toEqual([]);
    }
  });

  it('is alive as soon as anything comes in from it', async () => {
    const { pulse, link, dead, pass } = watch({ address: WEBRTC });
    for (let i = 0; i < 20; i++) {
      await pass(2 * HEARTBEAT_MS);
      pulse.heard(link);
    }
    expect(dead).toEqual([]);
  });
});

describe('a suspect', () => {
  it('is given up soon when nothing comes in, and kept when something does', async () => {
    for (const [address, waitMs] of [
      [WEBRTC, SUSPICION_MS],
      [SOCKET, SOCKET_SUSPICION_MS],
    ] as const) {
      const { pulse, link, dead } = watch({ address });
      pulse.suspect(link);
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(dead).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(dead, address).toHaveLength(1);
      const other = watch({ address });
      other.pulse.suspect(other.link);
      other.pulse.heard(other.link);
      await vi.advanceTimersByTimeAsync(waitMs);
      expect(other.dead, address).toEqual([]);
    }
  });

  it('whose packets come in is kept', async () => {
    const { pulse, link, dead } = watch({ address: WEBRTC, packetAgoMs: () => 400 });
    pulse.suspect(link);
    await vi.advanceTimersByTimeAsync(SUSPICION_MS);
    expect(dead).toEqual([]);
  });
});

describe('a link', () => {
  it('is measured at once, then as often as is told, and asked all the time only where nothing else tells', async () => {
    const socket = watch({ address: SOCKET });
    socket.peer.answersAfterMs = 20;
    await socket.pass(4 * BEAT_INTERVAL_MS);
    expect(socket.peer.beats).toBeLessThanOrEqual(5);
    const { peer, roundTrips, pass } = watch({ address: WEBRTC });
    peer.answersAfterMs = 20;
    await pass(4 * BEAT_INTERVAL_MS);
    expect(peer.beats).toBeGreaterThan(30);
    expect(roundTrips.length).toBeGreaterThanOrEqual(4);
    expect(roundTrips.length).toBeLessThanOrEqual(5);
    expect(new Set(roundTrips)).toEqual(new Set([20]));
  });

  it('that gossip has left is made anew; one that it has not reached yet gets longer', async () => {
    const left = watch({ address: SOCKET });
    left.peer.answersAfterMs = 20;
    await left.pass(HEARTBEAT_MS);
    left.peer.isReached = false;
    await left.pass(2 * BEAT_INTERVAL_MS);
    expect(left.dead).toEqual(['gossip does not reach the peer']);
    const slow = watch({ address: SOCKET, isReached: false });
    slow.peer.answersAfterMs = 20;
    await slow.pass(SILENCE_MAX_MS - BEAT_INTERVAL_MS);
    slow.peer.isReached = true;
    await slow.pass(BEAT_INTERVAL_MS);
    expect(slow.dead).toEqual([]);
  });
});

describe('of two peers that beat over WebRTC', () => {
  it('the one with the larger key only answers, until it hears nothing', async () => {
    const { pulse, link, peer, pass } = watch({ address: WEBRTC, self: 'zz', packetAgoMs: () => 0 });
    await pass(HEARTBEAT_MS);
    const before = peer.beats;
    for (let at = 0; at < 4; at++) {
      pulse.heard(link);
      await pass(HEARTBEAT_MS);
    }
    expect(peer.beats).toBe(before);
    await pass(2 * HEARTBEAT_MS);
    expect(peer.beats).toBe(before + 2);
  });

  it('the one with the smaller key beats whatever it hears', async () => {
    const { pulse, link, peer, pass } = watch({ address: WEBRTC });
    await pass(HEARTBEAT_MS);
    const before = peer.beats;
    for (let at = 0; at < 4; at++) {
      pulse.heard(link);
      await pass(HEARTBEAT_MS);
    }
    expect(peer.beats).toBe(before + 4);
  });
});
