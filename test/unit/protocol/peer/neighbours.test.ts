/** What a peer shows of others, tells them, and bears from them. */
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { Bench } from '../bench.ts';
import { envelope, key, keys, modelJob } from '../fixtures.ts';
import { reasonOf } from './reason.ts';

const SUBMITTER = key('submitter');
const [A, B] = keys(2) as [PeerKey, PeerKey];

describe('peers in the view', () => {
  it('are named with what is known of them', () => {
    const bench = new Bench({ self: A });
    expect(reasonOf(bench, 'no-peers')).toBeDefined();
    expect(reasonOf(bench, 'computes-nothing')).toBeDefined();
    expect(reasonOf(bench, 'no-job')).toBeDefined();
    bench.introduce(B, 3);
    for (const roundTripMs of [5, 50, 7]) bench.handle({ type: 'link-measured', peer: B, roundTripMs });
    const stranger = key('other version');
    bench.handle({
      type: 'peer-incompatible',
      peer: stranger,
      address: '/x',
      agent: 'shoal/9',
      detail: 'speaks /shoal/2',
    });
    const view = bench.peer.view(bench.now);
    expect(view.peers.find(({ peer }) => peer === B)).toMatchObject({ connected: true, cores: 3, roundTripMs: 7 });
    expect(view.peers.find(({ peer }) => peer === stranger)).toMatchObject({
      connected: false,
      incompatible: 'speaks /shoal/2',
      cores: undefined,
    });
    expect(view.holdMs).toBe(150);
    bench.handle({ type: 'peer-disconnected', peer: B });
    bench.handle({ type: 'peer-disconnected', peer: key('never seen') });
    expect(bench.peer.view(bench.now).holdMs).toBe(20);
    bench.announce(SUBMITTER, modelJob({}, [B]));
    expect(reasonOf(bench, 'not-rostered')).toBeDefined();
  });

  it("are told this peer's addresses when they change, and its identity again every ten minutes", () => {
    const bench = new Bench();
    bench.handle({ type: 'addresses-changed', addresses: ['/ip4/127.0.0.1/tcp/1'] });
    expect(bench.publishedOf('identity').at(-1)!.addresses).toEqual(['/ip4/127.0.0.1/tcp/1']);
    const before = bench.publishedOf('identity').length;
    bench.advance(25 * 60_000);
    expect(bench.publishedOf('identity').length).toBe(before + 2);
    bench.connect(B);
    expect(bench.effectsOf('send').some(({ peer }) => peer === B)).toBe(true);
    expect(envelope(B, bench.publishedOf('identity')[0]!).author).toBe(B);
  });

  it('that send nonsense directly are named to the owner, no more', () => {
    const bench = new Bench();
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0xff),
      Uint8Array.of(0x82, 0x61, 0x61, 0xa0),
      Uint8Array.of(0x80),
    ]) {
      bench.handle({ type: 'direct-received', peer: B, bytes });
    }
    expect(bench.notified('statement-refused')).toHaveLength(4);
    expect(bench.sizes().peers).toBe(0);
  });

  it('complete nothing twice: an answer that nobody waits for is dropped', () => {
    const bench = new Bench();
    const nothing = [
      { type: 'verified', ticket: 999, valid: true },
      { type: 'signed', ticket: 999, signature: new Uint8Array(64) },
      { type: 'block-read', ticket: 999, bytes: undefined },
      { type: 'blocks-fetched', ticket: 999 },
      { type: 'blocks-unavailable', ticket: 999, missing: [], asked: [] },
      { type: 'execution-failed', ticket: 999, code: 'cancelled', detail: '' },
    ] as const;
    for (const event of nothing) expect(bench.handle(event)).toEqual([]);
  });
});
