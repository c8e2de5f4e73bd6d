/** A prepared job: its blocks are what the request addresses, and what cannot run is refused before it is announced. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../node/protocol/bytes.ts';
import type { Digest } from '../../../node/protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../../node/protocol/limits.ts';
import { cidOf, decodeInputIndex, decodeUnitInput, encodeInputIndex } from '../../../node/protocol/wire/block.ts';
import { unitCount } from '../../../node/protocol/work/job.ts';
import type { SdkErrorCode } from '../../../node/sdk/error.ts';
import { type PrepareOptions, prepareJob, UNITS_IN_INDEX_MAX } from '../../../node/sdk/prepare.ts';
import { gridManifest, manifest, rangeManifest, VALID } from './fixtures.ts';

const wasm = new TextEncoder().encode('\0asm and so on');
const file = new TextEncoder().encode('one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n');

function options(changes: Partial<PrepareOptions> = {}): PrepareOptions {
  return {
    manifest: manifest(),
    wasm,
    args: {},
    file,
    metering: { rewriter: 1, mode: 'simple', weights: 1 },
    hash: async (bytes) => createHash('sha256').update(bytes).digest('hex') as Digest,
    ...changes,
  };
}

describe('prepareJob', () => {
  it('makes blocks whose CIDs are true and that lead from the request to every byte of the file', async () => {
    const { request, blocks, unitInputs } = await prepareJob(options());
    for (const { cid, bytes } of blocks) expect(cidOf(bytes, cid === request.kernel ? 'raw' : 'dag-cbor')).toBe(cid);
    const byCid = new Map(blocks.map(({ cid, bytes }) => [cid, bytes]));
    expect(byCid.get(request.kernel)).toEqual(wasm);
    const index = decodeInputIndex(byCid.get(request.input) as Uint8Array);
    expect(index).toEqual(unitInputs);
    expect(index).toHaveLength(unitCount(request));
    const tasks = index.map((cid) => decodeUnitInput(byCid.get(cid) as Uint8Array));
    expect(tasks.slice(0, -1).every((unit) => unit.length === request.tasksPerUnit)).toBe(true);
    expect(tasks.flat()).toHaveLength(request.taskCount);
    expect(concatBytes(...tasks.flat())).toEqual(file);
  });

  it('takes limits from the manifest, and what the submitter chose from the policy', async () => {
    const plain = await prepareJob(options());
    expect(plain.request).toMatchObject({
      abi: 1,
      metering: { rewriter: 1, mode: 'simple', weights: 1 },
      stepQuantum: 16,
      tasksPerUnit: 3,
      fuelPerTaskMax: 1000,
      memoryPagesMax: 2,
      outputBytesPerTaskMax: 1000,
      quorum: 2,
      replicas: 2,
      ownResults: 'alone',
      appends: true,
      priority: 0,
      ttlMs: 3_600_000,
      title: 'Echo',
      purpose: 'Gives back what it is given.',
      // 2.5 ms for a task, times the argument small (7), times 3 tasks.
      expectedUnitMs: 53,
    });
    const policy = {
      quorum: 3,
      replicas: 4,
      tasksPerUnit: 1,
      taskSize: 5,
      priority: 2,
      ttlMs: 60_000,
      ownResults: 'never',
      appends: false,
      expectedUnitMs: 12,
      title: 'Mine',
    } as const;
    const { taskSize, ...shown } = policy;
    const chosen = await prepareJob(options({ policy }));
    expect(chosen.request).toMatchObject(shown);
    expect(chosen.request.taskCount).toBeGreaterThan(plain.request.taskCount);
    expect(taskSize).toBe(5);
  });

  it('knows how many links one block holds', () => {
    const link = cidOf(wasm, 'dag-cbor');
    const size = (units: number) => encodeInputIndex(new Array(units).fill(link)).length;
    expect(size(UNITS_IN_INDEX_MAX)).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
    expect(size(UNITS_IN_INDEX_MAX + 1)).toBeGreaterThan(BLOCK_BYTES_MAX);
  });

  it('keeps equal blocks once', async () => {
    const { blocks, unitInputs } = await prepareJob(
      options({ file: new TextEncoder().encode('aaaaaaaa\n'.repeat(60)) }),
    );
    expect(unitInputs).toHaveLength(20);
    expect(blocks).toHaveLength(3);
  });

  it('expects less of a job shorter than one unit', async () => {
    const { request } = await prepareJob(options({ file: new TextEncoder().encode('x') }));
    expect(request).toMatchObject({ taskCount: 1, expectedUnitMs: 18 });
  });

  const { limits } = VALID;
  const roomy = { ...limits, inputBytesPerTaskMax: BLOCK_BYTES_MAX, outputBytesPerTaskMax: 1 };
  it.each<[string, Partial<PrepareOptions>, SdkErrorCode, string]>([
    ['a quorum of 0', { policy: { quorum: 0 } }, 'policy-invalid', 'the quorum'],
    ['a quorum of 9', { policy: { quorum: 9 } }, 'policy-invalid', 'from 1 to 8, not 9'],
    [
      'fewer replicas than the quorum',
      { policy: { quorum: 3, replicas: 2 } },
      'policy-invalid',
      'replicas must be a whole number from 3',
    ],
    ['a month to live', { policy: { ttlMs: 30 * 86_400_000 } }, 'policy-invalid', 'time to live'],
    ['a priority of 101', { policy: { priority: 101 } }, 'policy-invalid', 'the priority'],
    ['a long title', { policy: { title: 'x'.repeat(129) } }, 'policy-invalid', 'the title is longer'],
    ['units of 0 tasks', { policy: { tasksPerUnit: 0 } }, 'too-many-tasks-per-unit', 'not 0'],
    ['units of 1,025 tasks', { policy: { tasksPerUnit: 1025 } }, 'too-many-tasks-per-unit', 'from 1 to 1024'],
    ['a kernel over a block', { wasm: new Uint8Array(BLOCK_BYTES_MAX + 1) }, 'kernel-too-large', '2097153 bytes'],
    [
      'outputs over a block',
      { manifest: manifest({ limits: { ...limits, outputBytesPerTaskMax: 700_000 } }) },
      'output-too-large',
      'at most 2 tasks per unit',
    ],
    [
      'one output over a block',
      { manifest: manifest({ limits: { ...limits, outputBytesPerTaskMax: BLOCK_BYTES_MAX } }) },
      'output-too-large',
      'limits.outputBytesPerTaskMax',
    ],
    [
      'inputs over a block',
      {
        manifest: manifest({ limits: roomy, tasks: { from: 'file', split: 'bytes', bytesPerTask: 800_000 } }),
        file: new Uint8Array(4_000_000),
      },
      'unit-too-large',
      'the input of work unit 0',
    ],
    [
      'too many units',
      { manifest: rangeManifest(1), args: { to: 65_536 * 3 + 1 }, file: undefined },
      'too-many-units',
      'raise tasks per unit (now 3)',
    ],
    [
      'an index over a block',
      { manifest: rangeManifest(1), args: { to: 60_000 }, file: undefined, policy: { tasksPerUnit: 1 } },
      'too-many-units',
      '60000 tasks make 60000 work units, and a job holds 51',
    ],
    ['a bad argument', { args: { small: 'x' } }, 'argument-invalid', 'small'],
    ['no file', { file: undefined }, 'file-missing', '--file'],
    [
      'a picture too large',
      { manifest: gridManifest(), args: { width: 2 ** 31, height: 2 ** 31 }, file: undefined },
      'too-many-units',
      'tasks',
    ],
  ])('refuses %s', async (_what, changes, code, message) => {
    await expect(prepareJob(options(changes))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});
