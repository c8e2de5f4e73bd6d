/** A whole job without a network: prepared, run unit by unit in the sandbox, read back by CID, joined, shown. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import type { Digest, UnitIndex } from '../../node/protocol/ids.ts';
import { decodeUnitOutput } from '../../node/protocol/wire/block.ts';
import { tasksInUnit } from '../../node/protocol/work/job.ts';
import { METERING } from '../../node/sandbox/executor.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runReduce } from '../../node/sandbox/task.ts';
import { runUnit } from '../../node/sandbox/unit.ts';
import type { ArgumentInputs } from '../../node/sdk/arguments.ts';
import { decodeCounts, formatResult } from '../../node/sdk/format.ts';
import { type JobResult, joinOutputs } from '../../node/sdk/join.ts';
import { type JobPolicy, prepareJob } from '../../node/sdk/prepare.ts';
import { Kernel, type KernelName } from './host.ts';
import { mobyDick } from './moby-dick.ts';

const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest());

async function runJob(name: KernelName, args: ArgumentInputs, policy: JobPolicy, file?: Uint8Array) {
  const { manifest, wasm } = new Kernel(name);
  const hash = (bytes: Uint8Array) => toHex(sha256(bytes)) as Digest;
  const job = await prepareJob({ manifest, wasm, args, file, policy, metering: METERING, hash });
  const { request } = job;
  const blocks = new Map(job.blocks.map(({ cid, bytes }) => [cid, bytes]));
  const compile = (memoryPagesMax: number) =>
    new WebAssembly.Module(Uint8Array.from(meter(blocks.get(request.kernel)!, { memoryPagesMax })));
  const module = compile(request.memoryPagesMax);
  const outputs = job.unitInputs.flatMap((cid, unit: UnitIndex) => {
    const taskCount = tasksInUnit(request, unit);
    const work = { ...request, task: undefined, taskCount, unitInput: blocks.get(cid)! };
    const { output } = runUnit(module, work, sha256, () => 0);
    return decodeUnitOutput(output!.bytes).outputs;
  });
  const limits = manifest.limits.reduce;
  const merger = limits && compile(limits.memoryPagesMax);
  const reduce =
    limits && (async (parts: readonly Uint8Array[]) => runReduce(merger!, request.parameters, parts, limits).output);
  const result = await joinOutputs({ manifest, values: job.values, outputs, taskSize: policy.taskSize, reduce });
  return { result, units: job.unitInputs.length };
}

const digest = (result: JobResult) => toHex(sha256(result.bytes));

describe('a whole job', () => {
  it('of word-count has one result, however it is cut into tasks and units', async () => {
    const file = new TextEncoder().encode(mobyDick().slice(0, 300_000));
    const first = await runJob('word-count', {}, {}, file);
    const second = await runJob('word-count', { passes: 2 }, { taskSize: 9000, tasksPerUnit: 3 }, file);
    expect(first.units).not.toBe(second.units);
    expect(digest(second.result)).toBe(digest(first.result));
    const counts = new Map(decodeCounts(first.result.bytes).map(({ key, count }) => [key, count]));
    expect(counts.get('whale')).toBeGreaterThan(50n);
    expect(formatResult(first.result).split('\n')[0]).toMatch(/^ *\d+ {2}the$/);
  });

  it('of prime-count gives a published number', async () => {
    const { result, units } = await runJob('prime-count', { to: '1e7' }, { taskSize: 300_000 });
    expect(units).toBe(5);
    expect(formatResult(result)).toBe('664579');
  });

  it('of mandelbrot has one picture, symmetric about the real axis, however it is cut', async () => {
    const view = { width: 150, height: 100, iterations: 200 };
    const first = await runJob('mandelbrot', view, {});
    const second = await runJob('mandelbrot', view, { taskSize: 37, tasksPerUnit: 1 });
    expect(digest(second.result)).toBe(digest(first.result));
    const { pixels } = first.result.picture!;
    const row = (y: number) => Buffer.from(pixels.subarray(y * 300, (y + 1) * 300));
    for (let y = 0; y < 50; y++) expect(Buffer.compare(row(y), row(99 - y))).toBe(0);
  });
});
