/** The blocks a job is made of: they come back as they went in, and a stranger's bytes throw a BlockError at most. */
import { encode } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../../../node/protocol/bytes.ts';
import type { Cid } from '../../../../node/protocol/ids.ts';
import {
  BlockError,
  cidFromDigest,
  cidOf,
  decodeInputIndex,
  decodeUnitInput,
  decodeUnitOutput,
  digestOf,
  encodeInputIndex,
  encodeUnitInput,
  encodeUnitOutput,
  parseCid,
} from '../../../../node/protocol/wire/block.ts';
import { digest, leavesOf, modelJob, randomFrom } from '../fixtures.ts';

const tasks = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 });

describe('blocks', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(tasks, (list) => {
        expect(decodeUnitInput(encodeUnitInput(list))).toEqual(list);
      }),
    );
    fc.assert(
      fc.property(tasks, (outputs) => {
        const output = { leaves: leavesOf(0, 3), outputs };
        expect(decodeUnitOutput(encodeUnitOutput(output))).toEqual(output);
      }),
    );
    const { unitInputs } = modelJob();
    expect(decodeInputIndex(encodeInputIndex(unitInputs))).toEqual(unitInputs);
  });

  it('are named by the SHA-256 of their bytes', () => {
    const bytes = asciiBytes('some bytes');
    for (const codec of ['raw', 'dag-cbor'] as const) {
      expect(digestOf(cidOf(bytes, codec))).toBe(digest('some bytes'));
      expect(cidFromDigest(digest('some bytes'), codec)).toBe(cidOf(bytes, codec));
    }
    expect(cidOf(bytes, 'raw')).not.toBe(cidOf(bytes, 'dag-cbor'));
    expect(cidOf(bytes, 'raw')).toMatch(/^bafkrei/);
    expect(cidOf(bytes, 'dag-cbor')).toMatch(/^bafyrei/);
  });

  it.each([
    '',
    'nonsense',
    'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG',
    'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  ])('have no name like %j', (text) => {
    expect(() => parseCid(text)).toThrow(BlockError);
    expect(() => digestOf(text as Cid)).toThrow(BlockError);
  });

  it('of a stranger throw nothing but a BlockError', () => {
    const random = randomFrom(5);
    const { unitInputs } = modelJob();
    const sound = [
      encodeInputIndex(unitInputs),
      encodeUnitInput([asciiBytes('x')]),
      encodeUnitOutput({ leaves: leavesOf(0, 2), outputs: [] }),
    ].map((bytes) => new Uint8Array(bytes));
    for (let i = 0; i < 6_000; i++) {
      const bytes = sound[i % 3]!.slice(0, random() < 0.2 ? 1 + Math.floor(random() * 40) : undefined);
      for (let flips = Math.floor(random() * 4); flips >= 0; flips--) {
        const at = Math.floor(random() * bytes.length);
        bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
      }
      for (const decode of [decodeInputIndex, decodeUnitInput, decodeUnitOutput]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BlockError);
        }
      }
    }
  });

  it.each([
    ['an index that is no list', () => decodeInputIndex(encode({ a: 1 }))],
    ['an index of texts', () => decodeInputIndex(encode(['a']))],
    ['an index of nothing', () => decodeInputIndex(encode([null]))],
    ['a unit input that is no list', () => decodeUnitInput(encode(asciiBytes('x')))],
    ['a unit input of texts', () => decodeUnitInput(encode(['x']))],
    ['an output without leaves', () => decodeUnitOutput(encode({ outputs: [] }))],
    ['an output without outputs', () => decodeUnitOutput(encode({ leaves: new Uint8Array(41) }))],
    ['an output of nothing', () => decodeUnitOutput(encode(null))],
    ['bytes behind the end', () => decodeUnitInput(Uint8Array.of(...encodeUnitInput([]), 0))],
  ])('refuses %s', (_name, decode) => {
    expect(decode).toThrow(BlockError);
  });

  it('refuses an index whose entries dress up as links', () => {
    for (const disguise of ['x', 1, true]) {
      const bytes = Buffer.from(encode([{ '!': disguise, bytes: disguise }]));
      bytes[bytes.indexOf(Buffer.of(0x61, 0x21)) + 1] = 0x2f;
      expect(() => decodeInputIndex(bytes)).toThrow(BlockError);
    }
  });
});
