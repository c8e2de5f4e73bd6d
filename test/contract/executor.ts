/**
 * What every Executor must do, whatever runs behind it. `create` gives a fresh one with an empty block store and two
 * cores. It needs no particular kernel: the module here is a few bytes of WebAssembly written out by hand-made text.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import type { Cid, Digest, JobId } from '../../node/protocol/ids.ts';
import { LEAF_BYTES, merkleRoot, TRAP, totalFuel, unpackLeaves } from '../../node/protocol/trust/commitment.ts';
import { cidOf, decodeUnitOutput, encodeUnitInput } from '../../node/protocol/wire/block.ts';
import type { ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import { METERING } from '../../node/sandbox/executor.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';

export interface ExecutorUnderTest {
  readonly executor: Executor;
  /** The kernel all cases run: adds up the bytes of a task and gives the sum as an i64, little-endian. */
  readonly kernel: Uint8Array;
  /** A kernel that never ends, and one that is no kernel at all. */
  readonly endlessKernel: Uint8Array;
}

export type CreateExecutor = (store: MemoryStore) => ExecutorUnderTest | Promise<ExecutorUnderTest>;

const JOB = 'ab'.repeat(32) as JobId;

export function describeExecutor(name: string, create: CreateExecutor): void {
  describe(`${name} as an Executor`, () => {
    let store: MemoryStore;
    let made: ExecutorUnderTest;

    beforeEach(async () => {
      store = createMemoryStore();
      made = await create(store);
    });

    afterEach(async () => {
      await made.executor.close();
      await store.close();
    });

    async function keep(bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Promise<Cid> {
      const cid = cidOf(bytes, codec);
      await store.blocks.put(cid, bytes, JOB);
      return cid;
    }

    async function requestFor(
      tasks: readonly Uint8Array[],
      changes: Partial<ExecutionRequest> = {},
    ): Promise<ExecutionRequest> {
      return {
        job: JOB,
        unit: 0,
        task: undefined,
        taskCount: tasks.length,
        kernel: await keep(made.kernel, 'raw'),
        abi: 1,
        metering: { ...METERING, mode: 'simple' },
        stepQuantum: 4,
        parameters: new Uint8Array(0),
        unitInput: await keep(encodeUnitInput(tasks), 'dag-cbor'),
        fuelPerTaskMax: 1_000_000,
        memoryPagesMax: 16,
        outputBytesPerTaskMax: 64,
        wallClockMaxMs: 60_000,
        ...changes,
      };
    }

    function run(request: ExecutionRequest, ticket = 1): Promise<ExecutionOutcome> {
      return new Promise((resolve) => made.executor.execute(ticket, request, resolve));
    }

    async function failure(request: ExecutionRequest): Promise<string> {
      const outcome = await run(request);
      if (outcome.ok) throw new Error('it did not fail');
      expect(outcome.detail).not.toBe('');
      return outcome.code;
    }

    const TASKS = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(255, 255)];

    it('runs a unit: leaves, root, fuel and output block belong together', async () => {
      const outcome = await run(await requestFor(TASKS));
      if (!outcome.ok) throw new Error(outcome.detail);
      const { leaves, merkleRoot: root, fuel, output, wallClockMs } = outcome.execution;
      expect(root).toBe(merkleRoot(leaves));
      expect(fuel).toBe(totalFuel(leaves));
      expect(fuel).toBeGreaterThan(0);
      expect(wallClockMs).toBeGreaterThanOrEqual(0);
      expect(output!.cid).toBe(cidOf(output!.bytes, 'dag-cbor'));
      const block = decodeUnitOutput(output!.bytes);
      expect(block.leaves).toEqual(leaves);
      const sums = block.outputs.map((bytes) => Number(new DataView(bytes.slice().buffer).getBigInt64(0, true)));
      expect(sums).toEqual([6, 0, 510]);
      unpackLeaves(leaves).forEach((leaf, index) => {
        expect(leaf.trap).toBe(TRAP.none);
        expect(leaf.outputHash).toBe(toHex(sha256(block.outputs[index]!)) as Digest);
      });
    });

    it('gives the same bytes each time', async () => {
      const request = await requestFor(TASKS);
      const [first, second] = [await run(request, 1), await run(request, 2)];
      if (!first.ok || !second.ok) throw new Error('a run failed');
      expect(second.execution.leaves).toEqual(first.execution.leaves);
      expect(second.execution.output).toEqual(first.execution.output);
    });

    it('executes one task again to the very leaf it had in the unit', async () => {
      const whole = await run(await requestFor(TASKS));
      const single = await run(await requestFor(TASKS, { task: 2 }));
      if (!whole.ok || !single.ok) throw new Error('a run failed');
      expect(single.execution.leaves).toEqual(whole.execution.leaves.slice(2 * LEAF_BYTES));
      expect(single.execution).toMatchObject({ merkleRoot: '', output: undefined });
      expect(single.execution.fuel).toBe(totalFuel(single.execution.leaves));
    });

    it('never calls back inside execute or cancel', async () => {
      const request = await requestFor(TASKS);
      let inside = true;
      const early: string[] = [];
      const outcomes = [1, 2, 3].map(
        (ticket) =>
          new Promise<void>((resolve) => {
            made.executor.execute(ticket, ticket === 2 ? { ...request, abi: 9 } : request, () => {
              if (inside) early.push(`ticket ${ticket}`);
              resolve();
            });
          }),
      );
      made.executor.cancel(3);
      inside = false;
      await Promise.all(outcomes);
      expect(early).toEqual([]);
    });

    it('calls back exactly once per run, for many more runs than cores', async () => {
      const request = await requestFor(TASKS);
      const calls = new Map<number, number>();
      await Promise.all(
        Array.from({ length: 40 }, (_, ticket) =>
          run(request, ticket).then((outcome) => {
            expect(outcome.ok).toBe(true);
            calls.set(ticket, (calls.get(ticket) ?? 0) + 1);
          }),
        ),
      );
      expect([...calls.values()]).toEqual(new Array(40).fill(1));
    });

    it('makes out of fuel a result that costs the whole budget', async () => {
      const kernel = await keep(made.endlessKernel, 'raw');
      const outcome = await run(await requestFor(TASKS, { kernel, fuelPerTaskMax: 5_000 }));
      if (!outcome.ok) throw new Error(outcome.detail);
      const leaves = unpackLeaves(outcome.execution.leaves);
      expect(leaves.map(({ trap, fuel }) => [trap, fuel])).toEqual(new Array(3).fill([TRAP.outOfFuel, 5_000]));
      expect(decodeUnitOutput(outcome.execution.output!.bytes).outputs).toEqual(TASKS.map(() => new Uint8Array(0)));
    });

    it('makes too much output a result', async () => {
      const outcome = await run(await requestFor(TASKS, { outputBytesPerTaskMax: 7 }));
      if (!outcome.ok) throw new Error(outcome.detail);
      expect(unpackLeaves(outcome.execution.leaves).map((leaf) => leaf.trap)).toEqual(
        new Array(3).fill(TRAP.outputTooLarge),
      );
    });

    it('tells what is missing, damaged or refused', async () => {
      const missing = cidOf(Uint8Array.of(1), 'raw');
      const notWasm = await keep(new TextEncoder().encode('no wasm at all'), 'raw');
      const damaged = await keep(Uint8Array.of(0xff, 0x00), 'dag-cbor');
      expect(await failure(await requestFor(TASKS, { kernel: missing }))).toBe('kernel-missing');
      expect(await failure(await requestFor(TASKS, { kernel: notWasm }))).toBe('kernel-refused');
      expect(await failure(await requestFor(TASKS, { abi: 2 }))).toBe('kernel-refused');
      const metering = { rewriter: 99, mode: 'simple', weights: 1 } as const;
      expect(await failure(await requestFor(TASKS, { metering }))).toBe('kernel-refused');
      expect(await failure(await requestFor(TASKS, { unitInput: damaged }))).toBe('input-malformed');
      expect(await failure(await requestFor(TASKS, { taskCount: 4 }))).toBe('input-malformed');
      expect(await failure(await requestFor(TASKS, { task: 3 }))).toBe('input-malformed');
      expect(await failure(await requestFor(TASKS, { outputBytesPerTaskMax: 1_000_000 }))).toBe('input-malformed');
    });

    it('stops what takes too long, as a host failure, and goes on working', async () => {
      const kernel = await keep(made.endlessKernel, 'raw');
      const endless = await requestFor(TASKS, { kernel, fuelPerTaskMax: 2 ** 42, wallClockMaxMs: 50 });
      expect(await failure(endless)).toBe('wall-clock');
      expect(await run(await requestFor(TASKS))).toMatchObject({ ok: true });
    });

    it('cancels a run that waits and one that runs, and goes on working', async () => {
      const kernel = await keep(made.endlessKernel, 'raw');
      const endless = await requestFor(TASKS, { kernel, fuelPerTaskMax: 2 ** 42 });
      const runs = [1, 2, 3, 4].map((ticket) => run(endless, ticket));
      for (const ticket of [4, 1, 3, 2]) made.executor.cancel(ticket);
      const outcomes = await Promise.all(runs);
      expect(outcomes).toMatchObject(new Array(4).fill({ ok: false, code: 'cancelled' }));
      made.executor.cancel(1);
      expect(await run(await requestFor(TASKS))).toMatchObject({ ok: true });
    });

    it('ends every run when it is closed', async () => {
      const kernel = await keep(made.endlessKernel, 'raw');
      const endless = await requestFor(TASKS, { kernel, fuelPerTaskMax: 2 ** 42 });
      const runs = [1, 2, 3].map((ticket) => run(endless, ticket));
      await made.executor.close();
      expect(await Promise.all(runs)).toMatchObject(new Array(3).fill({ ok: false, code: 'cancelled' }));
      expect(await run(endless, 9)).toMatchObject({ ok: false, code: 'cancelled' });
    });
  });
}
