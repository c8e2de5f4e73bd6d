/**
 * What every `Transport` must do, whatever carries it. A test file of each implementation calls `describeTransport`
 * with a way to make two peers that are about to be connected; libp2p and the simulated network both pass.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { DialFailureCode } from '../../node/protocol/event.ts';
import type { Cid, JobId, PeerKey, Ticket } from '../../node/protocol/ids.ts';
import { cidOf } from '../../node/protocol/wire/block.ts';
import type { BlockStore, FetchOutcome, Transport, TransportListener } from '../../node/runtime/environment.ts';

export interface ContractPeer {
  readonly peer: PeerKey;
  readonly transport: Transport;
  readonly blocks: BlockStore;
}

export interface ContractPair {
  readonly a: ContractPeer;
  readonly b: ContractPeer;
  /** Waits until `condition` holds; the simulated network lets virtual time pass meanwhile. Rejects after a generous time. */
  until(condition: () => boolean): Promise<void>;
  /** Frees everything; both transports may be stopped already. */
  close(): Promise<void>;
}

/** Peers are not started. Once both are, they must connect by themselves; `a` may be started first. */
export type CreatePair = () => Promise<ContractPair>;

type Report =
  | { readonly type: 'connected'; readonly peer: PeerKey }
  | { readonly type: 'disconnected'; readonly peer: PeerKey }
  | { readonly type: 'incompatible'; readonly peer: PeerKey; readonly detail: string }
  | { readonly type: 'dialFailed'; readonly code: DialFailureCode }
  | { readonly type: 'roundTrip'; readonly peer: PeerKey; readonly roundTripMs: number }
  | { readonly type: 'gossip'; readonly token: Ticket; readonly source: PeerKey; readonly bytes: Uint8Array }
  | { readonly type: 'direct'; readonly peer: PeerKey; readonly bytes: Uint8Array };

/** Keeps what is reported, and refuses to be called inside a call. */
export class RecordingListener implements TransportListener {
  readonly reports: Report[] = [];
  calledInside = 0;
  #inside = false;

  /** Performs a call to the transport, during which nothing may be reported. */
  during<T>(call: () => T): T {
    this.#inside = true;
    try {
      return call();
    } finally {
      this.#inside = false;
    }
  }

  connected = (peer: PeerKey): void => this.#add({ type: 'connected', peer });
  disconnected = (peer: PeerKey): void => this.#add({ type: 'disconnected', peer });
  incompatible = (peer: PeerKey, _address: string, _agent: string, detail: string): void =>
    this.#add({ type: 'incompatible', peer, detail });
  dialFailed = (_address: string, code: DialFailureCode): void => this.#add({ type: 'dialFailed', code });
  roundTrip = (peer: PeerKey, roundTripMs: number): void => this.#add({ type: 'roundTrip', peer, roundTripMs });
  gossip = (token: Ticket, source: PeerKey, bytes: Uint8Array): void =>
    this.#add({ type: 'gossip', token, source, bytes });
  direct = (peer: PeerKey, bytes: Uint8Array): void => this.#add({ type: 'direct', peer, bytes });

  of<T extends Report['type']>(type: T): readonly Extract<Report, { readonly type: T }>[] {
    return this.reports.filter((report): report is Extract<Report, { readonly type: T }> => report.type === type);
  }

  #add(report: Report): void {
    if (this.#inside) this.calledInside++;
    this.reports.push(report);
  }
}

const JOB = 'ab'.repeat(32) as JobId;

function messageBytes(i: number): Uint8Array {
  return Uint8Array.of(7, i & 0xff, i >> 8);
}

export function describeTransport(name: string, createPair: CreatePair): void {
  describe(`Transport: ${name}`, () => {
    let pair: ContractPair | undefined;
    let heardByA: RecordingListener;
    let heardByB: RecordingListener;

    async function connectedPair(): Promise<ContractPair> {
      pair = await createPair();
      heardByA = new RecordingListener();
      heardByB = new RecordingListener();
      await pair.a.transport.start(heardByA);
      await pair.b.transport.start(heardByB);
      await pair.until(() => heardByA.of('connected').length > 0 && heardByB.of('connected').length > 0);
      return pair;
    }

    afterEach(async () => {
      const left = pair;
      pair = undefined;
      await left?.close();
      if (left !== undefined) expect(heardByA.calledInside + heardByB.calledInside).toBe(0);
    });

    test('reports a connection once on either side, before anything else of that peer', async () => {
      const { a, b, until } = await connectedPair();
      await until(() => heardByA.of('roundTrip').length > 0 && heardByB.of('roundTrip').length > 0);
      expect(heardByA.of('connected')).toEqual([{ type: 'connected', peer: b.peer }]);
      expect(heardByB.of('connected')).toEqual([{ type: 'connected', peer: a.peer }]);
      expect(heardByA.reports[0]?.type).toBe('connected');
      expect(heardByB.reports[0]?.type).toBe('connected');
      expect(heardByA.of('roundTrip')[0]!.roundTripMs).toBeGreaterThanOrEqual(0);
    });

    test('delivers gossip published right after the connection, once, with a token', async () => {
      const { a, b, until } = await connectedPair();
      heardByA.during(() => a.transport.publish(messageBytes(1)));
      await until(() => heardByB.of('gossip').length > 0);
      const [message] = heardByB.of('gossip');
      expect(message!.source).toBe(a.peer);
      expect([...message!.bytes]).toEqual([...messageBytes(1)]);
      heardByB.during(() => b.transport.answer(message!.token, 'accept'));
      a.transport.publish(messageBytes(2));
      await until(() => heardByB.of('gossip').length > 1);
      expect(heardByB.of('gossip')).toHaveLength(2);
      expect(heardByB.of('gossip')[1]!.token).not.toBe(message!.token);
      expect(heardByA.of('gossip')).toHaveLength(0);
    });

    test('takes unknown and repeated answers without harm', async () => {
      const { a, b, until } = await connectedPair();
      b.transport.answer(123_456 as Ticket, 'reject');
      a.transport.publish(messageBytes(1));
      await until(() => heardByB.of('gossip').length > 0);
      const { token } = heardByB.of('gossip')[0]!;
      b.transport.answer(token, 'accept');
      b.transport.answer(token, 'reject');
      b.transport.publish(messageBytes(2));
      await until(() => heardByA.of('gossip').length > 0);
    });

    test('delivers direct messages in order', async () => {
      const { a, b, until } = await connectedPair();
      const count = 500;
      heardByA.during(() => {
        for (let i = 0; i < count; i++) a.transport.send(b.peer, messageBytes(i));
      });
      b.transport.send(a.peer, messageBytes(9));
      await until(() => heardByB.of('direct').length === count && heardByA.of('direct').length === 1);
      expect(heardByB.of('direct').map(({ bytes }) => [...bytes])).toEqual(
        Array.from({ length: count }, (_, i) => [...messageBytes(i)]),
      );
      expect(heardByB.of('direct').every(({ peer }) => peer === a.peer)).toBe(true);
    });

    test('drops direct messages to a peer that is not connected', async () => {
      const { a, until } = await connectedPair();
      a.transport.send('cd'.repeat(32) as PeerKey, messageBytes(1));
      a.transport.send(pair!.b.peer, messageBytes(2));
      await until(() => heardByB.of('direct').length > 0);
      expect(heardByB.of('direct')).toHaveLength(1);
    });

    test('fetches blocks the other side keeps, and keeps them', async () => {
      const { a, b, until } = await connectedPair();
      const blocks = [0, 1, 300_000].map((length, i) => new Uint8Array(length).fill(i + 1));
      const cids = blocks.map((bytes) => cidOf(bytes, 'raw'));
      for (const [i, bytes] of blocks.entries()) await b.blocks.put(cids[i]!, bytes, JOB);
      const outcome = await fetchBlocks(heardByA, a.transport, until, cids, [b.peer]);
      expect(outcome).toEqual({ ok: true });
      for (const [i, cid] of cids.entries()) {
        expect(Buffer.compare((await a.blocks.get(cid))!, blocks[i]!)).toBe(0);
      }
    });

    test('does not ask for blocks it keeps already, and completes an empty request later', async () => {
      const { a, until } = await connectedPair();
      const bytes = messageBytes(3);
      const cid = cidOf(bytes, 'raw');
      await a.blocks.put(cid, bytes, JOB);
      expect(await fetchBlocks(heardByA, a.transport, until, [cid], [])).toEqual({ ok: true });
      expect(await fetchBlocks(heardByA, a.transport, until, [], [])).toEqual({ ok: true });
    });

    test('names the blocks nobody has and the peers that were asked', async () => {
      const { a, b, until } = await connectedPair();
      const kept = messageBytes(4);
      const cids = [cidOf(kept, 'raw'), cidOf(messageBytes(5), 'raw')];
      await b.blocks.put(cids[0]!, kept, JOB);
      const outcome = await fetchBlocks(heardByA, a.transport, until, cids, ['ef'.repeat(32) as PeerKey]);
      expect(outcome).toEqual({ ok: false, missing: [cids[1]], asked: [b.peer] });
      expect(await a.blocks.has(cids[0]!)).toBe(true);
    });

    test('reports a disconnection once', async () => {
      const { a, b, until } = await connectedPair();
      await b.transport.stop();
      await until(() => heardByA.of('disconnected').length > 0);
      expect(heardByA.of('disconnected')).toEqual([{ type: 'disconnected', peer: b.peer }]);
      a.transport.send(b.peer, messageBytes(1));
      a.transport.publish(messageBytes(2));
      const after = heardByB.reports.length;
      await a.transport.stop();
      expect(heardByB.reports).toHaveLength(after);
    });
  });
}

async function fetchBlocks(
  listener: RecordingListener,
  transport: Transport,
  until: ContractPair['until'],
  cids: readonly Cid[],
  providers: readonly PeerKey[],
): Promise<FetchOutcome> {
  let outcome: FetchOutcome | undefined;
  let inside = true;
  listener.during(() => {
    transport.fetch({ job: JOB, cids, providers, bytesMax: 1_000_000 }, (result) => {
      expect(inside).toBe(false);
      expect(outcome).toBeUndefined();
      outcome = result;
    });
  });
  inside = false;
  await until(() => outcome !== undefined);
  return outcome!;
}
