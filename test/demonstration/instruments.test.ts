/** What the demonstrations rely on: a recorder that would notice, a liar that really lies, seeds that fix what is drawn. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import type { Execution, ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Digest, JobId, PeerKey } from '../../node/protocol/ids.ts';
import { leafAt, merkleRoot, packLeaf, TRAP, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { cidOf, decodeUnitOutput, encodeUnitOutput } from '../../node/protocol/wire/block.ts';
import { encodeBody, sealEnvelope, signedBytes } from '../../node/protocol/wire/envelope.ts';
import type { Body } from '../../node/protocol/wire/statement.ts';
import type { ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import { contradictionsIn } from './contradictions.ts';
import { lyingExecutor } from './lying-executor.ts';
import { drawn } from './random.ts';
import { reportOf } from './wire-recording.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const id = <T extends string>(digit: string): T => digit.repeat(64) as T;

describe('the recorder', () => {
  const network = 'recorded';
  const commit = (author: PeerKey, unit: number, seal: Digest): string => {
    const body: Body = { kind: 'commit', job: id<JobId>('9'), entries: [{ unit, seal }] };
    const signed = signedBytes(network, author, encodeBody(body));
    return `gossip ${toHex(sealEnvelope(author, body, signed, new Uint8Array(64)).bytes)}`;
  };
  const [a, b] = [id<PeerKey>('a'), id<PeerKey>('b')];

  it('finds a second seal for one slot', () => {
    const lines = [commit(a, 0, id('1')), commit(b, 0, id('2')), commit(a, 0, id('3'))];
    const { equivocations, commits, messages } = reportOf(lines, network);
    expect(equivocations).toEqual([{ kind: 'commit', author: a, job: id('9'), unit: 0 }]);
    expect(commits.get(a)).toBe(2);
    expect(messages).toBe(3);
  });

  it('takes no offence at the same seal twice, or at seals for other slots', () => {
    const lines = [commit(a, 0, id('1')), commit(a, 0, id('1')), commit(a, 1, id('2')), commit(b, 0, id('3'))];
    expect(reportOf(lines, network).equivocations).toEqual([]);
  });
});

describe('what contradicts itself', () => {
  const author = id<PeerKey>('a');
  const job = id<JobId>('9');
  const reveal = (salt: Digest, closing: readonly Digest[]): Body => ({
    kind: 'reveal',
    job,
    entries: [
      {
        unit: 3,
        merkle: id<Digest>('1'),
        fuel: 5,
        inputDigest: id<Digest>('2'),
        salt,
        closing,
        output: cidOf(new Uint8Array(1), 'raw'),
      },
    ],
  });
  const found = (...bodies: readonly Body[]): readonly string[] =>
    contradictionsIn(bodies.map((body) => ({ author, body }))).map(({ place }) => place);

  it('is a second reveal that froze other seals, though its result is the same', () => {
    const [one, two] = [id<Digest>('4'), id<Digest>('5')];
    expect(found(reveal(one, [one]), reveal(one, [one]))).toEqual([]);
    expect(found(reveal(one, [one]), reveal(one, [one, two]))).toEqual([`reveal ${job} 3`]);
    expect(found(reveal(one, [one]), reveal(two, [one]))).toEqual([`reveal ${job} 3`]);
  });

  it('is a number of a sequence that is used twice, by whichever kind', () => {
    const satisfied = (seq: number, first: number): Body => ({
      kind: 'satisfied',
      job,
      seq,
      ranges: [{ first, count: 1 }],
    });
    expect(found(satisfied(0, 1), satisfied(0, 1), satisfied(1, 2))).toEqual([]);
    expect(found(satisfied(0, 1), satisfied(0, 2))).toEqual([`control ${job} 0`]);
    expect(found(satisfied(0, 1), { kind: 'cancel', job, seq: 0 })).toEqual([`control ${job} 0`]);
  });

  it('is nobody who says what another one has not', () => {
    const other = id<PeerKey>('b');
    const [body, another] = [reveal(id('4'), [id('4')]), reveal(id('5'), [id('5')])];
    expect(
      contradictionsIn([
        { author, body },
        { author: other, body: another },
      ]),
    ).toEqual([]);
  });
});

describe('the liar', () => {
  const outputs = [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)];
  const leafOf = (output: Uint8Array): Uint8Array =>
    packLeaf({ trap: TRAP.none, fuel: 5, outputHash: toHex(sha256(output)) as Digest });
  const leaves = Uint8Array.from(Buffer.concat(outputs.map(leafOf)));
  const bytes = encodeUnitOutput({ leaves, outputs });
  const output = { cid: cidOf(bytes, 'dag-cbor'), bytes };
  const truth: Execution = { leaves, merkleRoot: merkleRoot(leaves), fuel: 10, output, wallClockMs: 1 };
  const honest: Executor = {
    execute: (_ticket, { task }, done) => {
      const execution = task === undefined ? truth : { ...truth, leaves: leafAt(leaves, task), output: undefined };
      queueMicrotask(() => done({ ok: true, execution }));
    },
    cancel: () => undefined,
    close: async () => undefined,
  };

  async function execute(executor: Executor, unit: number, task?: number): Promise<Execution> {
    const request = { job: id<JobId>('9'), unit, task, taskCount: 2 } as ExecutionRequest;
    const outcome = await new Promise<ExecutionOutcome>((done) => executor.execute(1, request, done));
    if (!outcome.ok) throw new Error(outcome.detail);
    return outcome.execution;
  }

  it('lies in every second unit, and its lie holds together', async () => {
    const liar = lyingExecutor(honest, sha256);
    expect(await execute(liar, 1)).toEqual(truth);
    const lie = await execute(liar, 0);
    expect(lie.merkleRoot).not.toBe(truth.merkleRoot);
    expect(lie.merkleRoot).toBe(merkleRoot(lie.leaves));
    expect(lie.fuel).toBe(truth.fuel);
    const block = decodeUnitOutput(lie.output!.bytes);
    expect(lie.output!.cid).toBe(cidOf(lie.output!.bytes, 'dag-cbor'));
    expect(block.leaves).toEqual(lie.leaves);
    expect(unpackLeaves(lie.leaves).map(({ outputHash }) => outputHash)).toEqual(
      block.outputs.map((bytes) => toHex(sha256(bytes))),
    );
  });

  it('tells the same lie when it runs that task again', async () => {
    const liar = lyingExecutor(honest, sha256);
    const lie = await execute(liar, 0);
    expect((await execute(liar, 0, 0)).leaves).toEqual(leafAt(lie.leaves, 0));
    expect((await execute(liar, 0, 1)).leaves).toEqual(leafAt(leaves, 1));
  });
});

it('a seed fixes what is drawn, and another seed draws otherwise', () => {
  const names = Array.from({ length: 50 }, (_, i) => `name ${i}`);
  const all = (seed: number): number[] => names.map((name) => drawn(seed, name));
  expect(all(7)).toEqual(all(7));
  expect(all(7)).not.toEqual(all(8));
  for (const value of all(7)) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThan(1);
  }
});
