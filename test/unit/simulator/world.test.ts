import { describe, expect, it } from 'vitest';
import { asciiBytes, concatBytes, equalBytes, fromHex, toHex } from '../../../node/protocol/bytes.ts';
import type { Effect } from '../../../node/protocol/effect.ts';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../../node/protocol/machine.ts';
import type { PeerFactory } from '../../simulator/peer.ts';
import { World } from '../../simulator/world.ts';

/**
 * A tiny machine that uses every way out: it counts its runs in the store, signs and publishes a greeting behind a
 * synced write, verifies the greetings of others, and beats once a second. A greeting is author, signature, content.
 */
class Greeter implements PeerStateMachine {
  static readonly greetings = new Map<PeerKey, string[]>();
  readonly self: PeerKey;
  readonly #random: () => number;
  #run = 0;
  #nextBeat: number | undefined;
  #pending = new Map<number, { token: number; bytes: Uint8Array }>();

  constructor(self: PeerKey, random: () => number) {
    this.self = self;
    this.#random = random;
    Greeter.greetings.set(self, []);
  }

  handle(event: Parameters<PeerStateMachine['handle']>[0], now: number): readonly Effect[] {
    switch (event.type) {
      case 'started':
        this.#run = (event.records.find(({ key }) => key === 'run')?.value[0] ?? 0) + 1;
        this.#nextBeat = now + 1_000;
        return [{ type: 'persist', writes: [{ key: 'scratch', value: Uint8Array.of(1) }], sync: false }];
      case 'woke': {
        if (this.#nextBeat === undefined || now < this.#nextBeat) return [];
        this.#nextBeat = now + 900 + Math.floor(200 * this.#random());
        return [{ type: 'sign', ticket: 1, bytes: this.#content(now) }];
      }
      case 'signed':
        return [
          { type: 'persist', writes: [{ key: 'run', value: Uint8Array.of(this.#run) }], sync: true },
          { type: 'publish', bytes: concatBytes(fromHex(this.self), event.signature, this.#content(now)) },
        ];
      case 'message-received':
        this.#pending.set(event.token, event);
        return [
          {
            type: 'verify',
            ticket: event.token,
            author: toHex(event.bytes.slice(0, 32)) as PeerKey,
            signature: event.bytes.slice(32, 96),
            bytes: event.bytes.slice(96),
          },
        ];
      case 'verified': {
        const { token, bytes } = this.#pending.get(event.ticket)!;
        if (event.valid) Greeter.greetings.get(this.self)!.push(toHex(bytes.slice(96)));
        return [{ type: 'answer', token, answer: event.valid ? 'accept' : 'reject' }];
      }
      default:
        return [];
    }
  }

  nextDeadline(): number | undefined {
    return this.#nextBeat;
  }

  view(): never {
    throw new Error('not looked at');
  }

  jobView(): undefined {
    return undefined;
  }

  #content(now: number): Uint8Array {
    return concatBytes(asciiBytes(`run ${this.#run} at ${Math.floor(now / 100)} of `), fromHex(this.self).slice(0, 4));
  }
}

const createPeer: PeerFactory = ({ self, random }) => new Greeter(self, random);

async function greet(seed: number, linkMs = 20): Promise<{ world: World; hash: string }> {
  const world = new World({ seed, createPeer, link: { linkMs, loss: 0.1 } });
  for (let i = 0; i < 6; i++) world.addPeer();
  await world.start();
  await world.run(20_000);
  return { world, hash: world.trace.digest() };
}

describe('world', () => {
  it('does the same thing again with the same seed, and another with another', async () => {
    const first = await greet(1);
    expect((await greet(1)).hash).toBe(first.hash);
    expect((await greet(2)).hash).not.toBe(first.hash);
    expect((await greet(1, 21)).hash).not.toBe(first.hash);
    expect(first.world.trace.steps).toBeGreaterThan(1_000);
    expect(first.world.network.gossip.counts.rejected).toBe(0);
  });

  it('delivers what everybody says to everybody, across a restart', async () => {
    const { world } = await greet(3);
    const [first, second] = world.peers;
    expect(Greeter.greetings.get(first!.key)!.length).toBeGreaterThan(60);
    second!.kill();
    expect(second!.isUp).toBe(false);
    const before = Greeter.greetings.get(first!.key)!.filter((text) => isFrom(text, second!.key)).length;
    await world.run(5_000);
    expect(Greeter.greetings.get(first!.key)!.filter((text) => isFrom(text, second!.key)).length).toBe(before);
    await world.start([second!]);
    await world.run(5_000);
    const after = Greeter.greetings.get(first!.key)!.filter((text) => isFrom(text, second!.key));
    expect(after.length).toBeGreaterThan(before);
    expect(after.at(-1)!.startsWith(toHex(asciiBytes('run 2')))).toBe(true);
  });

  it('loses nothing that was synced and everything that was not, wherever a kill strikes', async () => {
    const world = new World({ seed: 4, createPeer });
    const peer = world.addPeer();
    const other = world.addPeer();
    peer.writeHook = (when, write) => {
      if (when === 'after' && write === 2) peer.kill();
    };
    await world.start();
    await world.run(5_000);
    expect(peer.isUp).toBe(false);
    const records = await peer.memory.load();
    expect(records.map(({ key }) => key)).toEqual(['run', 'scratch']);
    // The second greeting was persisted and never sent.
    expect(Greeter.greetings.get(other.key)!.filter((text) => isFrom(text, peer.key)).length).toBe(1);
    const fresh = world.addPeer();
    fresh.writeHook = (when, write) => {
      if (when === 'before' && write === 1) fresh.kill();
    };
    await world.start([fresh]);
    await world.run(5_000);
    expect(await fresh.memory.load()).toEqual([]);
  });

  it('does not let anybody sign for somebody else', async () => {
    const forger = (options: Parameters<PeerFactory>[0]): PeerStateMachine => {
      const greeter = new Greeter(options.self, options.random);
      const handle = (event: Parameters<PeerStateMachine['handle']>[0], now: number): readonly Effect[] =>
        greeter.handle(event, now).map((effect) => {
          if (effect.type !== 'publish') return effect;
          const forged = effect.bytes.slice();
          forged.set(new Uint8Array(32).fill(7), 0);
          return { ...effect, bytes: forged };
        });
      return {
        self: options.self,
        handle,
        nextDeadline: () => greeter.nextDeadline(),
        view: () => greeter.view(),
        jobView: () => undefined,
      };
    };
    const world = new World({ seed: 5, createPeer: forger });
    world.addPeer();
    world.addPeer();
    await world.start();
    await world.run(5_000);
    expect(world.network.gossip.counts.rejected).toBeGreaterThan(1);
    for (const { key } of world.peers) expect(Greeter.greetings.get(key)).toEqual([]);
    // Both are honest by declaration, so the checker takes offence.
    expect(world.violations[0]).toMatchObject({ kind: 'safety' });
  });

  it('reports an exception of the rules as a crash of that peer, and stops', async () => {
    const world = new World({
      seed: 6,
      createPeer: (options) => ({
        ...createPeer(options),
        self: options.self,
        handle: () => {
          throw new Error('impossible state');
        },
        nextDeadline: () => undefined,
      }),
    });
    world.addPeer({ name: 'fragile' });
    await expect(world.start()).rejects.toThrow('impossible state');
    expect(world.violations[0]).toMatchObject({ kind: 'crash', detail: expect.stringContaining('fragile') });
  });

  it('stops a peer in good order', async () => {
    const { world } = await greet(7);
    const [first] = world.peers;
    const stopped = first!.stop();
    await world.run(200);
    await stopped;
    expect(first!.isUp).toBe(false);
    expect(world.network.isUp(first!.key)).toBe(false);
  });

  it('shows each peer its own clock', async () => {
    const world = new World({ seed: 8, createPeer });
    const ahead = world.addPeer({ skewMs: 600_000 });
    world.addPeer();
    await world.start();
    await world.run(3_000);
    const sent = [...Greeter.greetings.values()].flat().filter((text) => isFrom(text, ahead.key));
    expect(sent.length).toBeGreaterThan(0);
    const expected = asciiBytes(`run 1 at ${String(Math.floor((world.clock.now() + 600_000) / 100)).slice(0, 8)}`);
    expect(sent.every((text) => equalBytes(fromHex(text).slice(0, expected.length), expected))).toBe(true);
  });
});

function isFrom(text: string, key: PeerKey): boolean {
  return text.endsWith(key.slice(0, 8));
}
