/** What a peer writes about its own work comes back as it was, and damage is told apart. */
import { encode } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { JOBS_MAX } from '../../../../node/protocol/limits.ts';
import { rangesOf } from '../../../../node/protocol/roles/submitter.ts';
import { rootOfLeaves } from '../../../../node/protocol/trust/commitment.ts';
import { encodeUnitOutput } from '../../../../node/protocol/wire/block.ts';
import { WireError } from '../../../../node/protocol/wire/schema.ts';
import { FairQueue } from '../../../../node/protocol/work/fair-queue.ts';
import { createReplica, decodeReplicaResult, encodeReplicaResult } from '../../../../node/protocol/work/replica.ts';
import {
  decodeResult,
  encodeResult,
  isOutputOf,
  quorumLabel,
  resultKey,
} from '../../../../node/protocol/work/result.ts';
import { digest, key, keys, leavesOf, modelJob, outputBlock, outputOf } from '../fixtures.ts';
import { digests } from '../wire/arbitraries.ts';

const { input: output } = modelJob().spec;
const fuel = fc.nat(Number.MAX_SAFE_INTEGER);

describe('a replica', () => {
  it('begins with nothing done', () => {
    expect(createReplica(digest('job') as never, 3, 'fetching', 5)).toMatchObject({
      unit: 3,
      phase: 'fetching',
      sinceMs: 5,
      closesSent: 0,
      opened: false,
    });
  });

  it('of which the result is kept comes back as it was', () => {
    fc.assert(
      fc.property(digests, digests, digests, fuel, (merkle, root, inputDigest, spent) => {
        const result = { merkle, root, inputDigest, fuel: spent, output };
        expect(decodeReplicaResult(encodeReplicaResult(result))).toEqual(result);
      }),
    );
    expect(() => decodeReplicaResult(Uint8Array.of(0xff))).toThrow(WireError);
    expect(() => decodeReplicaResult(encode({ merkle: 1 }))).toThrow(WireError);
  });
});

describe('a result', () => {
  const authors = keys(3) as PeerKey[];

  it('comes back as it was, own or by a quorum', () => {
    for (const label of [{ kind: 'own' } as const, quorumLabel({ authors, sequential: true }, 2)]) {
      const result = { label, root: digest('root'), output, fuel: 12, authors };
      expect(decodeResult(encodeResult(result))).toEqual(result);
    }
    expect(() => decodeResult(Uint8Array.of(0xff))).toThrow(WireError);
    expect(() => decodeResult(encode({}))).toThrow(WireError);
    expect(resultKey(digest('job') as never, 12)).toBe(`result/${digest('job')}/00000012`);
  });

  it('is believed only with the leaves of its root and the outputs of its leaves', () => {
    const root = rootOfLeaves(leavesOf(0, 3));
    const outputs = [0, 1, 2].map((task) => outputOf(0, task));
    expect(isOutputOf(outputBlock(0, 3).bytes, root)).toBe(true);
    expect(isOutputOf(outputBlock(0, 3, { 1: 'lie' }).bytes, root)).toBe(false);
    expect(isOutputOf(encodeUnitOutput({ leaves: leavesOf(0, 3), outputs: [...outputs].reverse() }), root)).toBe(false);
    expect(isOutputOf(encodeUnitOutput({ leaves: new Uint8Array(3), outputs }), root)).toBe(false);
    expect(isOutputOf(Uint8Array.of(0xff), root)).toBe(false);
  });

  it('must hold an output for every leaf', () => {
    const root = rootOfLeaves(leavesOf(0, 3));
    const outputs = [0, 1].map((task) => outputOf(0, task));
    expect(isOutputOf(encodeUnitOutput({ leaves: leavesOf(0, 3), outputs }), root)).toBe(false);
  });
});

describe('ranges of units', () => {
  it('hold each unit once, in as few ranges as can be', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60)), (units) => {
        const ranges = rangesOf(units);
        const named = ranges.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
        expect(named).toEqual([...new Set(units)].sort((a, b) => a - b));
        ranges.slice(1).forEach(({ first }, i) => {
          expect(first).toBeGreaterThan(ranges[i]!.first + ranges[i]!.count);
        });
      }),
    );
  });
});

describe('fair queueing', () => {
  it('gives submitters equal shares, own jobs most of it, and a newcomer its turn but no past', () => {
    const self = key('self');
    const queue = new FairQueue(self);
    const served = new Map<PeerKey, number>();
    const serve = (among: readonly PeerKey[], times: number): void => {
      for (let i = 0; i < times; i++) {
        const next = [...among].sort((a, b) => queue.startOf(a) - queue.startOf(b))[0]!;
        queue.begin(next, 100);
        served.set(next, (served.get(next) ?? 0) + 1);
      }
    };
    const [a, b] = [key('a'), key('b')];
    serve([a, b], 100);
    expect(served.get(a)).toBe(50);
    const newcomer = key('new');
    serve([a, b, newcomer], 90);
    expect(served.get(newcomer)).toBeGreaterThanOrEqual(29);
    expect(served.get(newcomer)).toBeLessThanOrEqual(32);
    served.clear();
    serve([self, a], 700);
    expect(served.get(a)).toBeGreaterThan(90);
    expect(served.get(a)).toBeLessThan(110);
  });

  it('remembers no more submitters than there can be jobs', () => {
    const queue = new FairQueue(key('self'));
    for (let i = 0; i < 3 * JOBS_MAX; i++) queue.begin(key(i), 1_000_000);
    expect(queue.size).toBeLessThanOrEqual(JOBS_MAX);
  });
});
