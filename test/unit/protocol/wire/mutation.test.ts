/**
 * A hundred thousand broken envelopes: bits flipped, ends cut, bytes put in, nesting without end, sizes without
 * bound. Decoding throws nothing but a WireError, and precheck, which faces the network, throws nothing at all.
 * A longer campaign: SHOAL_MUTATIONS=10000000 SHOAL_MUTATION_SEED=7 npx vitest run test/unit/protocol/wire/mutation
 */
import { encode } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admissions, type Precheck } from '../../../../node/protocol/admission.ts';
import { concatBytes, fromHex } from '../../../../node/protocol/bytes.ts';
import { STATEMENT_BYTES_MAX } from '../../../../node/protocol/limits.ts';
import { Peers } from '../../../../node/protocol/peers.ts';
import { decodeEnvelope } from '../../../../node/protocol/wire/envelope.ts';
import { WireError } from '../../../../node/protocol/wire/schema.ts';
import { envelope, key, NETWORK, PARAMETERS, randomFrom, START_MS } from '../fixtures.ts';
import { bodies, KINDS } from './arbitraries.ts';

const MUTATIONS = Number(process.env.SHOAL_MUTATIONS ?? 100_000);
const SEED = Number(process.env.SHOAL_MUTATION_SEED ?? 1);

type Mutation = (bytes: Uint8Array, random: () => number) => Uint8Array;

const within = (length: number, random: () => number): number => Math.floor(random() * length);

/** Bytes that mean something to a CBOR decoder: heads of lists, maps, strings, tags, floats and breaks. */
const HEADS = [0x00, 0x17, 0x18, 0x1b, 0x3b, 0x58, 0x5b, 0x5f, 0x78, 0x7f, 0x9b, 0x9f, 0xbb, 0xbf, 0xd8, 0xf7, 0xf9];
const MORE_HEADS = [0xfa, 0xfb, 0xff, 0x82, 0x83, 0xa1, 0xf6, 0xc0, 0x2a];

const MUTATE: readonly Mutation[] = [
  (bytes, random) => {
    const result = bytes.slice();
    for (let flips = 1 + within(4, random); flips > 0; flips--) {
      const at = within(bytes.length, random);
      result[at] = result[at]! ^ (1 << within(8, random));
    }
    return result;
  },
  (bytes, random) => bytes.slice(0, within(bytes.length, random)),
  (bytes, random) => {
    const at = within(bytes.length + 1, random);
    const added = Uint8Array.from({ length: 1 + within(8, random) }, () => within(256, random));
    return concatBytes(bytes.slice(0, at), added, bytes.slice(at));
  },
  (bytes, random) => {
    const result = bytes.slice();
    const heads = [...HEADS, ...MORE_HEADS];
    result[within(bytes.length, random)] = heads[within(heads.length, random)]!;
    return result;
  },
  (bytes, random) => {
    const [from, to] = [within(bytes.length, random), within(bytes.length, random)];
    return concatBytes(bytes.slice(0, Math.min(from, to)), bytes.slice(Math.max(from, to)));
  },
  (bytes, random) => {
    const at = within(bytes.length, random);
    const copied = bytes.slice(at, at + 1 + within(40, random));
    const to = within(bytes.length, random);
    return concatBytes(bytes.slice(0, to), copied, bytes.slice(to));
  },
];

/** Mutates the body alone and wraps it well, so that decoding gets past the envelope. */
function inside(bytes: Uint8Array, mutate: Mutation, random: () => number): Uint8Array {
  // 83 5820 <32> 58/59.. body 5840 <64>
  const body = bytes.slice(35, bytes.length - 66);
  const head = body[0]! < 0x58 ? 1 : body[0] === 0x58 ? 2 : 3;
  const mutated = mutate(body.slice(head), random);
  return encode([bytes.slice(3, 35), mutated, bytes.slice(bytes.length - 64)]);
}

function decodes(bytes: Uint8Array): boolean {
  try {
    decodeEnvelope(bytes, NETWORK);
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

describe('broken envelopes', () => {
  it(`${MUTATIONS} of them: nothing but a WireError, and precheck never throws (seed ${SEED})`, {
    timeout: 60_000 + MUTATIONS,
  }, () => {
    const random = randomFrom(SEED);
    const sound = fc.sample(bodies, { numRuns: 20 * KINDS.length, seed: SEED });
    const originals = sound.map((body, i) => envelope(key(i), body).bytes);
    const admissions = new Admissions(PARAMETERS, new Peers(PARAMETERS, key('self')));
    const steps = new Map<string, number>();
    const peer = key('forwarder');
    for (let i = 0; i < MUTATIONS; i++) {
      const original = originals[within(originals.length, random)]!;
      const mutate = MUTATE[within(MUTATE.length, random)]!;
      const bytes = random() < 0.5 ? mutate(original, random) : inside(original, mutate, random);
      let step: Precheck['step'];
      try {
        // Precheck passes on what decoding throws, unless it is a WireError.
        step = admissions.precheck(bytes, { via: i % 16 === 0 ? 'gossip' : 'direct', peer }, START_MS + i).step;
      } catch (error) {
        throw new Error(`mutation ${i} of seed ${SEED}: ${Buffer.from(bytes).toString('hex')}`, { cause: error });
      }
      steps.set(step, (steps.get(step) ?? 0) + 1);
    }
    // Most are refused; some still say something, such as those with another signature.
    expect(steps.get('reject')).toBeGreaterThan(MUTATIONS / 3);
    expect(steps.get('verify')).toBeGreaterThan(MUTATIONS / 100);
  });

  it('nested without end, as list, map and tag, in envelope and body', () => {
    const admissions = new Admissions(PARAMETERS, new Peers(PARAMETERS, key('self')));
    const source = { via: 'direct', peer: key('f') } as const;
    for (const depth of [10, 1_000, STATEMENT_BYTES_MAX - 200]) {
      const lists = new Uint8Array(depth).fill(0x81);
      const maps = Uint8Array.from({ length: depth }, (_, i) => [0xa1, 0x61, 0x61][i % 3]!);
      const tags = Uint8Array.from({ length: depth }, (_, i) => [0xd8, 0x2a][i % 2]!);
      const indefinite = new Uint8Array(depth).fill(0x9f);
      for (const nest of [lists, maps, tags, indefinite]) {
        expect(decodes(nest)).toBe(false);
        expect(admissions.precheck(nest, source, START_MS)).toEqual({ step: 'reject', code: 'malformed' });
        const wrapped = encode([fromHex(key('a')), nest, new Uint8Array(64)]);
        expect(admissions.precheck(wrapped, source, START_MS)).toEqual({ step: 'reject', code: 'malformed' });
      }
    }
  });

  it('that promise more than they hold, or hold too much', () => {
    const admissions = new Admissions(PARAMETERS, new Peers(PARAMETERS, key('self')));
    const source = { via: 'direct', peer: key('f') } as const;
    const promises = [
      '5b0fffffffffffffff',
      '9b0fffffffffffffff',
      'bb0fffffffffffffff',
      '7b0fffffffffffffff',
      '9affffffff',
    ];
    for (const hex of promises) {
      expect(admissions.precheck(Buffer.from(hex, 'hex'), source, START_MS)).toEqual({
        step: 'reject',
        code: 'malformed',
      });
    }
    expect(admissions.precheck(new Uint8Array(0), source, START_MS)).toEqual({ step: 'reject', code: 'malformed' });
    const large = new Uint8Array(STATEMENT_BYTES_MAX + 1);
    expect(admissions.precheck(large, source, START_MS)).toEqual({ step: 'reject', code: 'too-large' });
  });
});
