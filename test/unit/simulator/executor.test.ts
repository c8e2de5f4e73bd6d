import { beforeEach, describe, expect, it } from 'vitest';
import type { ExecutionRequest } from '../../../node/protocol/effect.ts';
import type { JobId } from '../../../node/protocol/ids.ts';
import { rootOf, rootOfLeaves, TRAP, unpackLeaves } from '../../../node/protocol/trust/commitment.ts';
import { cidOf, decodeUnitOutput } from '../../../node/protocol/wire/block.ts';
import type { ExecutionOutcome } from '../../../node/runtime/environment.ts';
import { VirtualClock } from '../../simulator/clock.ts';
import { KernelModel, ModelledExecutor } from '../../simulator/executor.ts';
import { createJob, type ModelledJob } from '../../simulator/kernel.ts';
import { RandomStream } from '../../simulator/random.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

describe('modelled executor', () => {
  let clock: VirtualClock;
  let store: MemoryStore;
  let job: ModelledJob;
  let executor: ModelledExecutor;
  let outcomes: { readonly ticket: number; readonly at: number; readonly outcome: ExecutionOutcome }[];

  function request(change: Partial<ExecutionRequest> = {}): ExecutionRequest {
    const { kernel, abi, metering, stepQuantum, parameters, fuelPerTaskMax, memoryPagesMax } = job.request;
    const { outputBytesPerTaskMax } = job.request;
    return {
      ...{ job: 'job' as JobId, unit: 0, task: undefined, taskCount: 5, unitInput: job.unitInputs[0]! },
      ...{ kernel, abi, metering, stepQuantum, parameters, fuelPerTaskMax, memoryPagesMax, outputBytesPerTaskMax },
      wallClockMaxMs: 60_000,
      ...change,
    };
  }

  function execute(ticket: number, change: Partial<ExecutionRequest> = {}): void {
    executor.execute(ticket, request(change), (outcome) => outcomes.push({ ticket, at: clock.now(), outcome }));
  }

  beforeEach(async () => {
    clock = new VirtualClock(0);
    store = createMemoryStore();
    outcomes = [];
    const random = RandomStream.seeded(1);
    const trap = (_: number, task: number) => (task === 3 ? TRAP.trap : TRAP.none);
    job = createJob({ units: 3, tasksPerUnit: 5, unitMs: 1_000, trap }, random.fork('job'));
    for (const { cid, bytes } of job.blocks) await store.blocks.put(cid, bytes, undefined);
    const model = new KernelModel();
    model.install(job.request.kernel, job.taskMs);
    executor = new ModelledExecutor({ clock, random, blocks: store.blocks, model, cores: 1, slowness: 2, sigma: 0 });
  });

  it('takes the modelled time, one run a core, and gives the true root with a real output block', async () => {
    execute(1);
    execute(2);
    expect(outcomes).toEqual([]);
    await clock.run(10_000);
    expect(outcomes.map(({ ticket, at }) => [ticket, at])).toEqual([
      [1, 2_000],
      [2, 4_000],
    ]);
    const { outcome } = outcomes[0]!;
    if (!outcome.ok) throw new Error('failed');
    const { merkleRoot, fuel, leaves, output } = outcome.execution;
    expect(rootOf(merkleRoot, fuel)).toBe(job.trueRoots[0]);
    expect(rootOfLeaves(leaves)).toBe(job.trueRoots[0]);
    expect(cidOf(output!.bytes, 'dag-cbor')).toBe(output!.cid);
    expect(decodeUnitOutput(output!.bytes).outputs.map(({ length }) => length)).toEqual([16, 16, 16, 0, 16]);
    expect(unpackLeaves(leaves)[3]!.trap).toBe(TRAP.trap);
  });

  it('re-executes one task to the very leaf of the whole run', async () => {
    execute(1);
    execute(2, { task: 3 });
    await clock.run(10_000);
    const [whole, one] = outcomes.map(({ outcome }) => (outcome.ok ? outcome.execution : undefined));
    expect(one!.leaves).toEqual(whole!.leaves.slice(3 * 41, 4 * 41));
    expect(one!.output).toBeUndefined();
    expect(outcomes[1]!.at).toBe(2_400);
  });

  it('gives different units different results', () => {
    expect(new Set(job.trueRoots).size).toBe(3);
  });

  it.each([
    ['kernel-missing', () => ({ kernel: cidOf(Uint8Array.of(9), 'raw') })],
    ['input-malformed', () => ({ unitInput: cidOf(Uint8Array.of(9), 'dag-cbor') })],
    ['input-malformed', () => ({ unitInput: job.request.kernel })],
    ['input-malformed', () => ({ taskCount: 4 })],
    ['wall-clock', () => ({ wallClockMaxMs: 100 })],
  ] as const)('fails with %s and never with a result', async (code, change) => {
    execute(1, change());
    await clock.run(10_000);
    expect(outcomes.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.code))).toEqual([code]);
  });

  it('ends a cancelled run with the code for it, running or waiting, and goes on with the next', async () => {
    execute(1);
    execute(2);
    execute(3);
    await clock.run(500);
    executor.cancel(1);
    executor.cancel(2);
    await clock.run(10_000);
    const codes = outcomes.map(({ ticket, at, outcome }) => [ticket, at, outcome.ok ? 'ok' : outcome.code]);
    expect(codes).toEqual([
      [1, 500, 'cancelled'],
      [2, 500, 'cancelled'],
      [3, 2_500, 'ok'],
    ]);
    executor.cancel(3);
    await clock.run(20_000);
    expect(outcomes.length).toBe(3);
  });
});
